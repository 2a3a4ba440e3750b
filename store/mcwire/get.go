package mcwire

import (
	"context"
	"fmt"
	"strconv"
)

// window bounds how many bytes of requests are under way at once: so little
// that the kernels' buffers take it, and writing never waits for a server
// that itself waits for us to read.
const (
	window     = 16 << 10
	maxRequest = maxKey + 64 // of one want, in bytes
)

// A Want is a key to look at.
type Want struct {
	Key     string // 1 to 250 bytes, no spaces, no control characters
	LastCAS uint64 // of the value known, 0 for none
}

// A Status is what became of a Want.
type Status uint8

// The statuses.
const (
	Miss     Status = iota // there is no such key
	Same                   // the value is the one known
	Changed                // the value is another than the one known
	TooLarge               // as Changed, and the value is larger than Config.MaxValue
)

func (s Status) String() string {
	return [...]string{"miss", "same", "changed", "tooLarge"}[s]
}

// A Result is what was found of wants[Index].
type Result struct {
	Index  int
	Status Status
	CAS    uint64 // of what is there; always 0 from a server that runs with -C
	Flags  uint32
	Size   int    // of the value, in bytes; set for Changed by GetChanged, and TooLarge
	Value  []byte // for Changed by GetChanged. It belongs to the receiver.
}

// GetChanged gets the values that are not the ones known. It calls each once
// for every want, in their order, while answers come in; each must not use
// the connection. Its error is nil, ErrKey, ErrNoMeta, or one that closed the
// connection after some of the results.
//
// All wants need not fit any buffer: thousands are fine.
func (c *Conn) GetChanged(ctx context.Context, wants []Want, each func(Result)) error {
	return c.get(ctx, wants, true, each)
}

// Heads is GetChanged without values: it tells which have changed. For large
// values on a server that IgnoresCAS it is the cheaper first step.
func (c *Conn) Heads(ctx context.Context, wants []Want, each func(Result)) error {
	return c.get(ctx, wants, false, each)
}

// IgnoresCAS reports whether the server has sent GetChanged a value that was
// known, as those before 1.6.40 do. Only an answer Same can tell; until then
// it is false.
func (c *Conn) IgnoresCAS() bool { return c.ignoresCAS }

func (c *Conn) get(ctx context.Context, wants []Want, values bool, each func(Result)) error {
	for i, w := range wants {
		if err := checkKey(w.Key); err != nil {
			return fmt.Errorf("mcwire: get number %d: %w", i, err)
		}
	}
	return c.exchange(ctx, "get", func() error {
		if err := c.needMeta(); err != nil {
			return err
		}
		for first := 0; first < len(wants); {
			end := c.request(wants, first, values)
			if err := c.send(); err != nil {
				return err
			}
			if err := c.answers(wants[:end], first, values, each); err != nil {
				return err
			}
			first = end
		}
		return nil
	})
}

// request puts a window's requests together, and returns the end of its wants.
func (c *Conn) request(wants []Want, first int, values bool) (end int) {
	for end = first; end < len(wants) && len(c.out)+maxRequest <= window; end++ {
		w := &wants[end]
		c.out = append(append(c.out, "mg "...), w.Key...)
		if values {
			c.out = append(c.out, " v"...)
		}
		c.out = strconv.AppendInt(append(c.out, " c f q O"...), int64(end), 10)
		if values && w.LastCAS != 0 {
			c.out = strconv.AppendUint(append(c.out, " C"...), w.LastCAS, 10)
		}
		c.out = append(c.out, "\r\n"...)
	}
	c.out = append(c.out, "mn\r\n"...)
	return end
}

// answers reads the answers for wants[next:] up to MN. memcached gives them
// in order, so that whatever is passed over was a miss.
func (c *Conn) answers(wants []Want, next int, values bool, each func(Result)) error {
	for {
		c.expect(c.cfg.Timeout)
		line, err := c.line()
		if err != nil {
			return err
		}
		a, err := parseAnswer(line)
		if err != nil {
			return err
		}
		if a.kind == answerEnd {
			a.index = len(wants)
		} else if a.index < next || a.index >= len(wants) {
			return fmt.Errorf("out of order: %w", surprise(line))
		}
		for ; next < a.index; next++ {
			each(Result{Index: next})
		}
		if a.kind == answerEnd {
			return nil
		}
		r, err := c.result(a, wants[next].LastCAS, values)
		if err != nil {
			return err
		}
		each(r)
		next++
	}
}

// result reads what belongs to an answer.
func (c *Conn) result(a answer, last uint64, values bool) (r Result, err error) {
	r = Result{Index: a.index, Status: Changed, CAS: a.cas, Flags: a.flags}
	if last != 0 && last == a.cas {
		r.Status = Same
	}
	if a.kind == answerHead {
		if values && r.Status != Same {
			return r, fmt.Errorf("a value is missing: %w", ErrProtocol)
		}
		return r, nil
	}
	switch {
	case !values:
		return r, fmt.Errorf("a value that nobody asked for: %w", ErrProtocol)
	case r.Status == Same:
		c.ignoresCAS = true
		return r, c.skip(a.size)
	case a.size > c.cfg.MaxValue:
		r.Status, r.Size = TooLarge, a.size
		return r, c.skip(a.size)
	}
	r.Size = a.size
	r.Value, err = c.value(a.size)
	return r, err
}

type metaState uint8

const (
	metaUnknown metaState = iota
	metaThere
	metaMissing
)

// needMeta asks once whether the server knows mn as memcached 1.6 does. Since
// 1.5.19 there were meta commands of another kind, where mn is answered EN.
func (c *Conn) needMeta() error {
	if c.meta == metaUnknown {
		line, err := c.ask("mn")
		if err != nil {
			return err
		}
		switch string(line) {
		case "MN":
			c.meta = metaThere
		case "ERROR", "EN":
			c.meta = metaMissing
		default:
			return surprise(line)
		}
	}
	if c.meta == metaMissing {
		return ErrNoMeta
	}
	return nil
}
