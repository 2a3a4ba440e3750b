package memlog

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// A command is a word of memcached's text protocol.
type command string

const (
	cmdIncr    command = "incr"
	cmdAdd     command = "add"
	cmdSet     command = "set"
	cmdCAS     command = "cas"
	cmdTouch   command = "touch"
	cmdGet     command = "gets"
	cmdVersion command = "version"
)

// An outcome is what memcached says of a command.
type outcome uint8

const (
	done      outcome = iota + 1 // stored, counted, touched
	notStored                    // it was there already; for cas: it is another one
	notFound
	tooLarge
	refused // for want of memory, or because the item is no number
)

// An item is what a key holds.
type item struct {
	found bool
	flags uint32
	cas   uint64
	value []byte // belongs to the receiver
}

// An op is one command and, once it was run, what came of it.
type op struct {
	cmd   command
	key   string
	keys  []string // of gets
	flags uint32
	ttl   int64 // in seconds
	value []byte
	delta uint64 // of incr
	cas   uint64

	got    outcome
	number uint64 // of incr: the new one
	items  []item // of gets: as keys
	words  string // of a refusal
}

func getOp(keys ...string) *op { return &op{cmd: cmdGet, keys: keys} }

func addOp(key string, flags uint32, ttl int64, value []byte) *op {
	return &op{cmd: cmdAdd, key: key, flags: flags, ttl: ttl, value: value}
}

func touchOp(key string, ttl int64) *op { return &op{cmd: cmdTouch, key: key, ttl: ttl} }

const (
	readBuffer = 16 << 10
	keptBuffer = 64 << 10 // a request's memory that is kept for the next one
	// maxValue bounds what a server may send as one value; memcached keeps 1
	// MiB unless it is told otherwise.
	maxValue = 16 << 20
)

// errProtocol: the server said what was not to be expected.
var errProtocol = errors.New("unexpected answer")

// A conn is one connection, for one goroutine at a time.
type conn struct {
	net net.Conn
	in  *bufio.Reader
	out []byte
}

func newConn(c net.Conn) *conn {
	return &conn{net: c, in: bufio.NewReaderSize(c, readBuffer)}
}

// run sends all ops at once and reads their answers, all before deadline.
// After an error the connection is of no use.
func (c *conn) run(deadline time.Time, ops []*op) error {
	c.net.SetDeadline(deadline)
	c.out = c.out[:0]
	for _, o := range ops {
		c.out = o.append(c.out)
	}
	_, err := c.net.Write(c.out)
	if cap(c.out) > keptBuffer {
		c.out = nil
	}
	if err != nil {
		return err
	}
	for _, o := range ops {
		if err := c.answer(o); err != nil {
			return fmt.Errorf("%s: %w", o.cmd, err)
		}
	}
	return nil
}

func (o *op) append(out []byte) []byte {
	out = append(out, o.cmd...)
	if o.key != "" {
		out = append(append(out, ' '), o.key...)
	}
	for _, key := range o.keys {
		out = append(append(out, ' '), key...)
	}
	switch o.cmd {
	case cmdIncr:
		out = strconv.AppendUint(append(out, ' '), o.delta, 10)
	case cmdTouch:
		out = strconv.AppendInt(append(out, ' '), o.ttl, 10)
	case cmdAdd, cmdSet, cmdCAS:
		out = strconv.AppendUint(append(out, ' '), uint64(o.flags), 10)
		out = strconv.AppendInt(append(out, ' '), o.ttl, 10)
		out = strconv.AppendInt(append(out, ' '), int64(len(o.value)), 10)
		if o.cmd == cmdCAS {
			out = strconv.AppendUint(append(out, ' '), o.cas, 10)
		}
		out = append(append(out, "\r\n"...), o.value...)
	}
	return append(out, "\r\n"...)
}

func (c *conn) answer(o *op) error {
	if o.cmd == cmdGet {
		return c.items(o)
	}
	line, err := c.line()
	if err != nil {
		return err
	}
	switch string(line) {
	case "STORED", "TOUCHED":
		o.got = done
	case "NOT_STORED", "EXISTS":
		o.got = notStored
	case "NOT_FOUND":
		o.got = notFound
	default:
		return o.otherAnswer(line)
	}
	return nil
}

func (o *op) otherAnswer(line []byte) error {
	if o.cmd == cmdIncr {
		// Some versions pad the number with spaces.
		if n, ok := number(bytes.TrimRight(line, " "), 64); ok {
			o.got, o.number = done, n
			return nil
		}
	}
	o.words = string(line)
	switch {
	case o.cmd == cmdVersion && strings.HasPrefix(o.words, "VERSION "):
		o.got = done
	case strings.HasPrefix(o.words, "SERVER_ERROR object too large"):
		o.got = tooLarge
	case strings.HasPrefix(o.words, "SERVER_ERROR out of memory"), strings.HasPrefix(o.words, "CLIENT_ERROR cannot increment"):
		o.got = refused
	default:
		return surprise(line)
	}
	return nil
}

// items reads the answer to gets. What is missing has no line; the rest comes
// in the order of the keys.
func (c *conn) items(o *op) error {
	o.items = make([]item, len(o.keys))
	for next := 0; ; next++ {
		line, err := c.line()
		if err != nil {
			return err
		}
		if string(line) == "END" {
			o.got = done
			return nil
		}
		word, rest, _ := bytes.Cut(line, space)
		key, rest, _ := bytes.Cut(rest, space)
		for next < len(o.keys) && o.keys[next] != string(key) {
			next++
		}
		if string(word) != "VALUE" || next == len(o.keys) {
			return surprise(line)
		}
		if o.items[next], err = c.item(rest); err != nil {
			return err
		}
	}
}

// item reads what follows "VALUE <key> ": "<flags> <bytes> <cas>", and the value.
func (c *conn) item(head []byte) (item, error) {
	flagsText, rest, _ := bytes.Cut(head, space)
	sizeText, casText, _ := bytes.Cut(rest, space)
	flags, ok1 := number(flagsText, 32)
	size, ok2 := number(sizeText, 31)
	cas, ok3 := number(casText, 64)
	if !ok1 || !ok2 || !ok3 || size > maxValue {
		return item{}, surprise(head)
	}
	value := make([]byte, size+2)
	if _, err := io.ReadFull(c.in, value); err != nil {
		return item{}, noEOF(err)
	}
	if string(value[size:]) != "\r\n" {
		return item{}, surprise(value[size:])
	}
	return item{found: true, flags: uint32(flags), cas: cas, value: value[:size:size]}, nil
}

// line reads up to the next line feed. It is valid until the next read. Lines
// beyond the buffer are an error.
func (c *conn) line() ([]byte, error) {
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		if errors.Is(err, bufio.ErrBufferFull) {
			return nil, surprise(line)
		}
		return nil, noEOF(err)
	}
	return bytes.TrimRight(line, "\r\n"), nil
}

var space = []byte{' '}

// number reads decimal digits, and nothing else, that fit so many bits.
func number(digits []byte, bits int) (uint64, bool) {
	n, err := strconv.ParseUint(string(digits), 10, bits)
	return n, err == nil
}

func surprise(words []byte) error { return fmt.Errorf("%w: %.80q", errProtocol, words) }

// noEOF: no answer ends by the connection's end.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
