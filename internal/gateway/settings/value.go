package settings

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A one is a setting given once.
type one[T any] struct {
	dst   *T
	kind  string
	parse func(string) (T, error)
	show  func(T) string

	bounds string   // in words; may be empty
	words  []string // all that can be; nil: too many to tell
}

func (v *one[T]) Set(text string) error {
	t, err := v.parse(text)
	if err == nil {
		*v.dst = t
	}
	return err
}

func (v *one[T]) Check(text string) error {
	_, err := v.parse(text)
	return err
}

func (v *one[T]) String() string  { return v.show(*v.dst) }
func (v *one[T]) Type() string    { return v.kind }
func (*one[T]) Many() bool        { return false }
func (v *one[T]) Bounds() string  { return v.bounds }
func (v *one[T]) Words() []string { return v.words }

// A many is a setting given any number of times, or once with commas. The
// first time takes the default's place.
type many[T any] struct {
	dst   *[]T
	kind  string
	parse func(string) (T, error)
	show  func(T) string
	set   bool
}

func (v *many[T]) Set(text string) error {
	list, err := v.parseList(text)
	if err != nil {
		return err
	}
	if !v.set {
		*v.dst, v.set = nil, true
	}
	*v.dst = append(*v.dst, list...)
	return nil
}

func (v *many[T]) Check(text string) error {
	_, err := v.parseList(text)
	return err
}

func (v *many[T]) parseList(text string) (list []T, err error) {
	for part := range strings.SplitSeq(text, ",") {
		t, err := v.parse(strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	return list, nil
}

func (v *many[T]) String() string {
	parts := make([]string, len(*v.dst))
	for i, t := range *v.dst {
		parts[i] = v.show(t)
	}
	return strings.Join(parts, ",")
}

func (v *many[T]) Type() string { return v.kind }
func (*many[T]) Many() bool     { return true }

// List is a setting of any number of values. kind names one in the help.
func List[T any](dst *[]T, kind string, parse func(string) (T, error), show func(T) string) Value {
	return &many[T]{dst: dst, kind: kind, parse: parse, show: show}
}

// Texts is a setting of any number of texts, each of which check may refuse.
func Texts(dst *[]string, kind string, check func(string) error) Value {
	return List(dst, kind, checked(check), func(s string) string { return s })
}

// Text is a setting that is a text which check may refuse.
func Text(dst *string, check func(string) error) Value {
	return text(dst, check)
}

func text(dst *string, check func(string) error) *one[string] {
	return &one[string]{dst: dst, kind: "string", parse: checked(check), show: func(s string) string { return s }}
}

func checked(check func(string) error) func(string) (string, error) {
	return func(s string) (string, error) { return s, check(s) }
}

// OneOf is a setting that is one of some words.
func OneOf(dst *string, words ...string) Value {
	v := text(dst, func(s string) error {
		if slices.Contains(words, s) {
			return nil
		}
		return fmt.Errorf("%q is none of %s", s, strings.Join(words, ", "))
	})
	v.bounds, v.words = strings.Join(words, ", "), words
	return v
}

// Duration is a setting that is a time from least to most, with its unit.
func Duration(dst *time.Duration, least, most time.Duration) Value {
	parse := func(s string) (time.Duration, error) {
		d, err := time.ParseDuration(s)
		if err != nil {
			return 0, fmt.Errorf("%q is no time; write it with its unit, like 25s or 2m", s)
		}
		if d < least || d > most {
			return 0, fmt.Errorf("%s is not from %s to %s", s, showDuration(least), showDuration(most))
		}
		return d, nil
	}
	return &one[time.Duration]{
		dst: dst, kind: "duration", parse: parse, show: showDuration,
		bounds: showDuration(least) + " to " + showDuration(most),
	}
}

// showDuration leaves out the zeros that Duration.String writes.
func showDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// Int is a setting that is a number from least to most.
func Int(dst *int, least, most int) Value {
	parse := func(s string) (int, error) {
		n, err := strconv.Atoi(s)
		if err != nil {
			return 0, fmt.Errorf("%q is no whole number", s)
		}
		if n < least || n > most {
			return 0, fmt.Errorf("%d is not from %d to %d", n, least, most)
		}
		return n, nil
	}
	return &one[int]{dst: dst, kind: "number", parse: parse, show: strconv.Itoa, bounds: fmt.Sprintf("%d to %d", least, most)}
}

// Bytes is a setting that is a size from least to most, in bytes or with the
// unit KiB or MiB.
func Bytes(dst *int, least, most int) Value {
	parse := func(s string) (int, error) {
		n, err := ParseBytes(s)
		if err != nil {
			return 0, err
		}
		if n < least || n > most {
			return 0, fmt.Errorf("%s is not from %s to %s", s, showBytes(least), showBytes(most))
		}
		return n, nil
	}
	return &one[int]{dst: dst, kind: "size", parse: parse, show: showBytes, bounds: showBytes(least) + " to " + showBytes(most)}
}

// ParseBytes reads a size in bytes, or with the unit KiB, MiB or GiB.
func ParseBytes(s string) (int, error) {
	digits, unit := s, 1
	for suffix, size := range map[string]int{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30} {
		if cut, ok := strings.CutSuffix(s, suffix); ok {
			digits, unit = cut, size
		}
	}
	n, err := strconv.Atoi(strings.TrimSpace(digits))
	if err != nil || n < 0 || n > math.MaxInt/unit {
		return 0, fmt.Errorf("%q is no size; write 65536 or 64KiB", s)
	}
	return n * unit, nil
}

func showBytes(n int) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return strconv.Itoa(n>>20) + "MiB"
	case n >= 1<<10 && n%(1<<10) == 0:
		return strconv.Itoa(n>>10) + "KiB"
	}
	return strconv.Itoa(n)
}
