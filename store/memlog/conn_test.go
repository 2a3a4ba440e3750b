package memlog

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// A script is a connection to a server that says what it says, whatever it is
// asked.
type script struct {
	net.Conn // nothing else is called
	answers  io.Reader
	asked    strings.Builder
}

func (s *script) Read(p []byte) (int, error)  { return s.answers.Read(p) }
func (s *script) Write(p []byte) (int, error) { return s.asked.Write(p) }
func (s *script) SetDeadline(time.Time) error { return nil }
func (s *script) Close() error                { return nil }

func scripted(answers string) (*conn, *script) {
	s := &script{answers: strings.NewReader(answers)}
	return newConn(s), s
}

func TestRequests(t *testing.T) {
	tests := []struct {
		name string
		op   *op
		want string
	}{
		{"incr", &op{cmd: cmdIncr, key: "k", delta: 48}, "incr k 48\r\n"},
		{"add", addOp("k", 7, 120, []byte("a\r\nb")), "add k 7 120 4\r\na\r\nb\r\n"},
		{"set", &op{cmd: cmdSet, key: "k", ttl: 5}, "set k 0 5 0\r\n\r\n"},
		{"cas", &op{cmd: cmdCAS, key: "k", ttl: 5, cas: 99, value: []byte("x")}, "cas k 0 5 1 99\r\nx\r\n"},
		{"touch", touchOp("k", 86400), "touch k 86400\r\n"},
		{"gets", getOp("a", "b"), "gets a b\r\n"},
		{"version", &op{cmd: cmdVersion}, "version\r\n"},
	}
	for _, test := range tests {
		if got := string(test.op.append(nil)); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

func TestAnswers(t *testing.T) {
	tests := []struct {
		name, answer string
		op           *op
		want         outcome
	}{
		{"stored", "STORED\r\n", addOp("k", 0, 1, nil), done},
		{"not stored", "NOT_STORED\r\n", addOp("k", 0, 1, nil), notStored},
		{"another one", "EXISTS\r\n", &op{cmd: cmdCAS, key: "k"}, notStored},
		{"gone", "NOT_FOUND\r\n", &op{cmd: cmdCAS, key: "k"}, notFound},
		{"touched", "TOUCHED\r\n", touchOp("k", 1), done},
		{"counted", "1882576192929792048\r\n", &op{cmd: cmdIncr, key: "k"}, done},
		{"counted, with spaces", "17  \r\n", &op{cmd: cmdIncr, key: "k"}, done},
		{"no number", "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n", &op{cmd: cmdIncr, key: "k"}, refused},
		{"too large", "SERVER_ERROR object too large for cache\r\n", addOp("k", 0, 1, nil), tooLarge},
		{"no memory", "SERVER_ERROR out of memory storing object\r\n", addOp("k", 0, 1, nil), refused},
		{"version", "VERSION 1.6.18\r\n", &op{cmd: cmdVersion}, done},
		{"nothing found", "END\r\n", getOp("a", "b"), done},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, _ := scripted(test.answer)
			if err := c.run(time.Time{}, []*op{test.op}); err != nil || test.op.got != test.want {
				t.Errorf("got %v, %v, want %v", test.op.got, err, test.want)
			}
		})
	}
}

func TestItems(t *testing.T) {
	c, _ := scripted("VALUE b 4294967295 3 18446744073709551615\r\nx\r\n\r\nVALUE d 0 0 1\r\n\r\nEND\r\n7\r\n")
	get, incr := getOp("a", "b", "c", "d", "e"), &op{cmd: cmdIncr, key: "k"}
	if err := c.run(time.Time{}, []*op{get, incr}); err != nil {
		t.Fatal(err)
	}
	for i, want := range []item{{}, {true, 1<<32 - 1, 1<<64 - 1, []byte("x\r\n")}, {}, {true, 0, 1, nil}, {}} {
		if got := get.items[i]; got.found != want.found || got.flags != want.flags || got.cas != want.cas || string(got.value) != string(want.value) {
			t.Errorf("item %d: got %+v, want %+v", i, got, want)
		}
	}
	if incr.number != 7 {
		t.Errorf("the number behind the items: got %d, want 7", incr.number)
	}
}

func TestUnexpectedAnswers(t *testing.T) {
	tests := []struct {
		name, answer string
		op           *op
		want         error
	}{
		{"an error", "ERROR\r\n", addOp("k", 0, 1, nil), errProtocol},
		{"an error of ours", "CLIENT_ERROR bad data chunk\r\n", addOp("k", 0, 1, nil), errProtocol},
		{"an error of a version's", "ERROR\r\n", &op{cmd: cmdVersion}, errProtocol},
		{"no count", "many\r\n", &op{cmd: cmdIncr, key: "k"}, errProtocol},
		{"a count beyond 64 bits", "18446744073709551616\r\n", &op{cmd: cmdIncr, key: "k"}, errProtocol},
		{"an endless line", strings.Repeat("x", 2*readBuffer), &op{cmd: cmdVersion}, errProtocol},
		{"half a line", "STOR", addOp("k", 0, 1, nil), io.ErrUnexpectedEOF},
		{"no item", "ITEM a 0 1 1\r\nx\r\nEND\r\n", getOp("a"), errProtocol},
		{"another key", "VALUE b 0 1 1\r\nx\r\nEND\r\n", getOp("a"), errProtocol},
		{"keys out of order", "VALUE b 0 1 1\r\nx\r\nVALUE a 0 1 1\r\nx\r\nEND\r\n", getOp("a", "b"), errProtocol},
		{"a key twice", "VALUE a 0 1 1\r\nx\r\nVALUE a 0 1 1\r\nx\r\nEND\r\n", getOp("a"), errProtocol},
		{"no cas", "VALUE a 0 1\r\nx\r\nEND\r\n", getOp("a"), errProtocol},
		{"flags beyond 32 bits", "VALUE a 4294967296 1 1\r\nx\r\nEND\r\n", getOp("a"), errProtocol},
		{"a value beyond the bound", "VALUE a 0 99999999 1\r\n", getOp("a"), errProtocol},
		{"a size below nothing", "VALUE a 0 -1 1\r\n", getOp("a"), errProtocol},
		{"a value that is longer", "VALUE a 0 1 1\r\nxyz\r\nEND\r\n", getOp("a"), errProtocol},
		{"half a value", "VALUE a 0 10 1\r\nx", getOp("a"), io.ErrUnexpectedEOF},
		{"an error amid items", "SERVER_ERROR out of memory writing get response\r\n", getOp("a"), errProtocol},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, _ := scripted(test.answer)
			if err := c.run(time.Time{}, []*op{test.op}); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

// Whatever a server says, it is understood or refused.
func FuzzAnswers(f *testing.F) {
	f.Add("VALUE a 0 1 1\r\nx\r\nEND\r\n17\r\nSTORED\r\n")
	f.Add("END\r\nNOT_FOUND\r\nNOT_STORED\r\n")
	f.Add("VALUE b 1 2 3\r\n\xffT\r\nEND\r\nSERVER_ERROR object too large for cache\r\nSTORED\r\n")
	f.Fuzz(func(t *testing.T, answers string) {
		c, _ := scripted(answers)
		ops := []*op{getOp("a", "b"), {cmd: cmdIncr, key: "k"}, addOp("k", 0, 1, nil)}
		if c.run(time.Time{}, ops) != nil {
			return
		}
		for _, o := range ops {
			if o.got == 0 {
				t.Errorf("%s: no outcome and no error", o.cmd)
			}
		}
		if len(ops[0].items) != 2 {
			t.Errorf("got %d items, want 2", len(ops[0].items))
		}
	})
}
