package mcwire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
)

// An Item is what a server tells of a key to somebody who only looks.
type Item struct {
	Key   string
	Found bool
	Flags uint32
	CAS   uint64
	Size  int    // of the value, in bytes
	Value []byte // nil where it is larger than Config.MaxValue, or not asked for. It belongs to the receiver.

	// Aged says that the server has told the rest. Those before 1.6.0 can't.
	Aged bool
	TTL  time.Duration // left, in whole seconds; negative: it does not end by itself
	Idle time.Duration // since it was last written or read, in whole seconds
	Read bool          // since it was written
}

// Items looks at keys, with or without their values. each gets the Items in
// the order of the keys, while answers come in, and must not use the
// connection. Nothing changes but when an item counts as last read. The error
// is nil, ErrKey, or one that closed the connection after some of the Items.
func (c *Conn) Items(ctx context.Context, keys []string, values bool, each func(Item)) error {
	for i, key := range keys {
		if err := checkKey(key); err != nil {
			return fmt.Errorf("mcwire: look at number %d: %w", i, err)
		}
	}
	return c.exchange(ctx, "look", func() error {
		look := c.lookByMeta
		if err := c.needMeta(); errors.Is(err, ErrNoMeta) {
			look = c.lookByGets
		} else if err != nil {
			return err
		}
		for len(keys) > 0 {
			n := min(len(keys), window/maxRequest)
			if err := look(keys[:n], values, each); err != nil {
				return err
			}
			keys = keys[n:]
		}
		return nil
	})
}

// lookByMeta has all that a server tells, in one exchange.
func (c *Conn) lookByMeta(keys []string, values bool, each func(Item)) error {
	kind := answerHead
	for i, key := range keys {
		c.out = append(append(append(c.out, "mg "...), key...), " c f t l h s q O"...)
		c.out = strconv.AppendInt(c.out, int64(i), 10)
		if values {
			kind, c.out = answerValue, append(c.out, " v"...)
		}
		c.out = append(c.out, "\r\n"...)
	}
	c.out = append(c.out, "mn\r\n"...)
	if err := c.send(); err != nil {
		return err
	}
	for next := 0; ; next++ {
		c.expect(c.cfg.Timeout)
		line, err := c.line()
		if err != nil {
			return err
		}
		a, err := parseAnswer(line)
		switch {
		case err != nil:
			return err
		case a.kind == answerEnd:
			a.index = len(keys)
		case a.kind != kind || a.index < next || a.index >= len(keys):
			return surprise(line)
		}
		for ; next < a.index; next++ {
			each(Item{Key: keys[next]})
		}
		if a.kind == answerEnd {
			return nil
		}
		it := Item{Key: keys[next], Found: true, Flags: a.flags, CAS: a.cas}
		if !it.parseAge(line) || values && it.Size != a.size {
			return surprise(line)
		}
		if values {
			if it.Value, err = c.fitting(it.Size); err != nil {
				return err
			}
		}
		each(it)
	}
}

// parseAge reads what parseAnswer passes over: each of t, l, h and s once.
func (it *Item) parseAge(line []byte) bool {
	var seen [4]int
	for _, flag := range bytes.Fields(line)[1:] { // behind VA or HD
		n, ok := number(flag[1:], math.MaxInt32)
		switch flag[0] {
		case 't':
			it.TTL = time.Duration(n) * time.Second
			if string(flag) == "t-1" {
				it.TTL, ok = -1, true
			}
			seen[0]++
		case 'l':
			it.Idle = time.Duration(n) * time.Second
			seen[1]++
		case 'h':
			it.Read = n > 0
			seen[2]++
		case 's':
			ok = ok && n <= maxSize
			it.Size = int(n)
			seen[3]++
		default:
			ok = true
		}
		if !ok {
			return false
		}
	}
	it.Aged = true
	return seen == [4]int{1, 1, 1, 1}
}

// lookByGets asks servers without meta commands.
func (c *Conn) lookByGets(keys []string, values bool, each func(Item)) error {
	for _, key := range keys {
		c.out = append(append(append(c.out, "gets "...), key...), "\r\n"...)
	}
	if err := c.send(); err != nil {
		return err
	}
	for _, key := range keys {
		c.expect(c.cfg.Timeout)
		line, err := c.line()
		if err != nil {
			return err
		}
		it := Item{Key: key}
		if string(line) != "END" {
			if it, err = c.gotItem(key, values, line); err != nil {
				return err
			}
			if line, err = c.line(); err != nil {
				return err
			}
		}
		if string(line) != "END" {
			return surprise(line)
		}
		each(it)
	}
	return nil
}

// gotItem reads VALUE <key> <flags> <size> <CAS>, and the value.
func (c *Conn) gotItem(key string, values bool, line []byte) (it Item, err error) {
	head, rest, _ := bytes.Cut(line, []byte(" "+key+" "))
	fields := bytes.Split(rest, space)
	if string(head) != "VALUE" || len(fields) != 3 {
		return it, surprise(line)
	}
	flags, ok1 := number(fields[0], math.MaxUint32)
	size, ok2 := number(fields[1], maxSize)
	cas, ok3 := number(fields[2], math.MaxUint64)
	if !ok1 || !ok2 || !ok3 {
		return it, surprise(line)
	}
	it = Item{Key: key, Found: true, Flags: uint32(flags), CAS: cas, Size: int(size)}
	if !values {
		return it, c.skip(it.Size)
	}
	it.Value, err = c.fitting(it.Size)
	return it, err
}

// fitting reads a value, or passes over it where it is too large.
func (c *Conn) fitting(size int) ([]byte, error) {
	if size > c.cfg.MaxValue {
		return nil, c.skip(size)
	}
	return c.value(size)
}
