package phpserial

import "errors"

// Defaults of Limits.
const (
	MaxInput    = 1 << 20 // memcached takes no more for a whole channel
	MaxDepth    = 64
	MaxElements = 1 << 16
	MaxOutput   = 4 << 20
)

// deepest is the most that Limits.Depth can ask for: reading recurses.
const deepest = 512

// Limits bound what one text may cost. Zero stands for the default, with which
// the worst text takes less than 40 MB of memory, garbage included: up to 300
// bytes for each element, and the output and its growth.
type Limits struct {
	Input    int // bytes of PHP's text: MaxInput
	Depth    int // arrays and objects in each other, in the text and in the JSON: MaxDepth, at most 512
	Elements int // members of all arrays and objects in the text: MaxElements
	// Output is the most bytes of JSON: MaxOutput, and never more than 64 KiB
	// and eight times the text, so that references can't make a short one long.
	Output int
}

func (l Limits) withDefaults() Limits {
	or := func(n, otherwise int) int {
		if n <= 0 {
			return otherwise
		}
		return n
	}
	return Limits{
		Input:    or(l.Input, MaxInput),
		Depth:    min(or(l.Depth, MaxDepth), deepest),
		Elements: or(l.Elements, MaxElements),
		Output:   or(l.Output, MaxOutput),
	}
}

// outputFor is the most bytes of JSON from a text of size bytes.
func (l Limits) outputFor(size int) int { return min(l.Output, 64<<10+8*size) }

// What is wrong with what was given; errors wrap one of them and say what it
// is, and at which byte.
var (
	ErrSyntax  = errors.New("phpserial: not PHP's serialization")
	ErrLimit   = errors.New("phpserial: over a limit")
	ErrMessage = errors.New("phpserial: no message of a native channel") // on reading
	ErrRefused = errors.New("phpserial: not for a native channel")       // on writing
)
