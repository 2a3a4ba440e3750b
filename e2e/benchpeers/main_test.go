package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/commchannel/gateway/internal/bench"
)

func TestChoose(t *testing.T) {
	name := func(s string) string { return s }
	all := []string{"one", "two", "three"}
	for _, tt := range []struct {
		wanted, want string
		fails        bool
	}{
		{"", "one two three", false},
		{"three,one", "one three", false},
		{"four", "", true},
		{"one,four", "", true},
		{"one,one", "", true},
	} {
		got, err := choose(all, name, tt.wanted)
		if strings.Join(got, " ") != tt.want || (err != nil) != tt.fails {
			t.Errorf("%q: got %q, %v, want %q, an error: %t", tt.wanted, got, err, tt.want, tt.fails)
		}
	}
	if len(all) != 3 || all[1] != "two" {
		t.Errorf("all has become %q", all)
	}
}

func TestGrouped(t *testing.T) {
	for _, tt := range []struct {
		value  float64
		digits int
		want   string
	}{
		{0, 0, "0"}, {0.264, 2, "0.26"}, {712, 0, "712"}, {5499.6, 0, "5 500"}, {1234567.89, 1, "1 234 567.9"}, {-123456, 0, "-123 456"},
	} {
		if got := grouped(tt.value, tt.digits); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

// A series' table has the least and the median of each figure, and a dash
// where there is none.
func TestTables(t *testing.T) {
	all := scenarios()
	m := &series{options: options{rounds: 3, seconds: 2}, scenarios: all, figures: map[cell][]float64{}, generator: map[string]spread{}}
	m.ready = []ready{{gateway{}, "v1"}, {nats{}, "v2"}}
	m.notes = []string{"nchan is not measured: why"}
	m.figures[cell{gatewayName, "steady, µs"}] = []float64{7, 5, 6}
	m.figures[cell{"nats", "steady, µs"}] = []float64{12, 10, 20}
	m.noteGenerator("steady", 2)
	m.noteGenerator("steady", 1)
	got := m.tables()
	for _, want := range []string{
		"3 rounds, of 2 s each", "| | steady, µs | saturated, µs | idle, bytes |",
		"| gateway | 5.00 / 6.00 | - |", "| nats | 10.00 / 12.00 | - |", "| gateway ÷ nats | 0.50 | - |",
		"- **nats**: v2\n", "- nchan is not measured: why\n", "steady 1.00 to 2.00.",
		"| CPU for one message to all of them, each second | 6.0 cores |",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
}

func TestRewrite(t *testing.T) {
	file := filepath.Join(t.TempDir(), "performance.md")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("before\n" + tablesBegin + "old\n" + tablesEnd + "after\n")
	for range 2 { // the second time over what the first has written
		if err := rewrite(file, "new\n"); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(file)
		if want := "before\n" + tablesBegin + "\nnew\n\n" + tablesEnd + "after\n"; err != nil || string(got) != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	write("no place")
	if err := rewrite(file, "new\n"); err == nil {
		t.Error("got no error for a document without a place")
	}
}

// The document has a place for the tables.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/performance.md")
	if err != nil {
		t.Fatal(err)
	}
	if begin, end := bytes.Index(text, []byte(tablesBegin)), bytes.Index(text, []byte(tablesEnd)); begin < 0 || end < begin {
		t.Errorf("docs/performance.md has no line %q with a line %q behind it", tablesBegin, tablesEnd)
	}
}

// take gives a session a server's bytes, cut to pieces, and returns its
// fault.
func take(s bench.Session, stream string, cut int) error {
	s.Open(nil)
	var in bench.Inbox
	rest := ""
	for len(stream) > 0 {
		n := min(cut, len(stream))
		rest, stream = rest+stream[:n], stream[n:]
		used, err := s.Take([]byte(rest), &in)
		if err != nil {
			return err
		}
		rest = rest[used:]
	}
	if rest != "" {
		return errors.New("left: " + rest)
	}
	return nil
}

func TestStream(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	for cut := 1; cut < 20; cut++ {
		var got []string
		s := &stream{line: func(p []byte, _ *bench.Inbox) error {
			got = append(got, string(p))
			return nil
		}}
		err := take(s, head+"5\r\none\nt\r\n3\r\nwo\n\r\nA\r\nthree\nfour\r\n1\r\n\n\r\n", cut)
		if want := "one two three four"; err != nil || strings.Join(got, " ") != want {
			t.Errorf("cut to %d: got %q, %v, want %q", cut, got, err, want)
		}
	}
	for _, bad := range []string{
		"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
		head + "0\r\n\r\n", head + "no\r\n", head + "fffffff\r\n",
	} {
		if err := take(&stream{}, bad, len(bad)); err == nil {
			t.Errorf("%q: got no error", bad)
		}
	}
}

func TestLines(t *testing.T) {
	var got []string
	l := &lines{line: func(p []byte, _ *bench.Inbox) error {
		if string(p) == "-ERR" {
			return io.ErrUnexpectedEOF
		}
		got = append(got, string(p))
		return nil
	}}
	if err := take(l, "INFO {}\r\nPONG\r\n", 3); err != nil || strings.Join(got, " ") != "INFO {} PONG" {
		t.Errorf("got %q, %v, want two lines", got, err)
	}
	if err := take(l, "-ERR\r\n", 6); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v, want the line's error", err)
	}
}

// Every server that is here delivers every message, in order. Those that would
// have to be built or installed are left out.
func TestPeersDeliver(t *testing.T) {
	folder := t.TempDir()
	t.Chdir("../..")
	for _, p := range []peer{gateway{}, floor{}, nchan{}, socketIO{}} {
		if _, err := p.prepare(t.Context(), folder); err != nil {
			t.Log(err)
			continue
		}
		for _, load := range []bench.Options{
			{Subscribers: 20, Channels: 4, Rate: 200},
			{Subscribers: 10, Size: 20_000},
			{Subscribers: 10, Rate: 50, Transport: "longpoll"},
		} {
			s, err := p.start(t.Context(), folder, load.Transport != "")
			if err != nil {
				t.Fatalf("%s: %v", p.name(), err)
			}
			if s == nil {
				continue
			}
			load.URL, load.PublishURL, load.Dialect = s.url, s.publishURL, s.dialect
			load.Duration, load.Settle = 200*time.Millisecond, time.Second
			r, err := bench.Run(t.Context(), load)
			s.stop()
			if err != nil || r.Delivered == 0 {
				t.Errorf("%s: got %d delivered, %v, want all that was sent", p.name(), r.Delivered, err)
			}
		}
	}
}
