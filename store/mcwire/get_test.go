package mcwire

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/commchannel/gateway/internal/memcachedtest"
)

// store sets a value and returns its CAS.
func store(t testing.TB, c *Conn, key string, flags uint32, value string) (cas uint64) {
	t.Helper()
	if got := say(t, c, fmt.Sprintf("set %s %d 0 %d\r\n%s", key, flags, len(value), value)); got != "STORED" {
		t.Fatalf("set: got %q, want STORED", got)
	}
	if err := c.Heads(t.Context(), []Want{{Key: key}}, func(r Result) { cas = r.CAS }); err != nil {
		t.Fatal(err)
	}
	return cas
}

// results runs get, and wants no error.
func results(t testing.TB, get getFunc, wants []Want) (all []Result) {
	t.Helper()
	if err := get(t.Context(), wants, func(r Result) { all = append(all, r) }); err != nil {
		t.Fatal(err)
	}
	return all
}

func testGet(t *testing.T, v memcachedtest.Version) {
	const most = 1000
	v.Needs(t, meta)
	c := dial(t, v.Start(t), Config{MaxValue: most})
	full, larger := strings.Repeat("f", most), strings.Repeat("l", most+1)
	cas := map[string]uint64{}
	for _, item := range []struct {
		key   string
		flags uint32
		value string
	}{
		{"plain", 0, "value"},
		{"empty", 0, ""},
		{"flagged", 768, "1"},
		{"flagged-most", 0xffffffff, "1"},
		{"lines", 0, "\r\nMN\r\nVA 1 c1 f0 O0\r\n"},
		{"full", 0, full},
		{"larger", 2, larger},
		{"ключ:/,%", 0, "odd"},
		{strings.Repeat("k", maxKey), 0, "long"},
	} {
		cas[item.key] = store(t, c, item.key, item.flags, item.value)
	}
	longest := strings.Repeat("k", maxKey)
	tests := []struct {
		name    string
		want    Want
		changed Result // of GetChanged; without index and CAS
		head    Status
	}{
		{"missing", Want{"missing", 0}, Result{}, Miss},
		{"missing, once known", Want{"missing", 1}, Result{}, Miss},
		{"not known", Want{"plain", 0}, Result{Status: Changed, Size: 5, Value: []byte("value")}, Changed},
		{"changed", Want{"plain", cas["empty"]}, Result{Status: Changed, Size: 5, Value: []byte("value")}, Changed},
		{"same", Want{"plain", cas["plain"]}, Result{Status: Same}, Same},
		{"empty", Want{"empty", 0}, Result{Status: Changed, Value: []byte{}}, Changed},
		{"empty, same", Want{"empty", cas["empty"]}, Result{Status: Same}, Same},
		{"flags", Want{"flagged", 0}, Result{Status: Changed, Flags: 768, Size: 1, Value: []byte("1")}, Changed},
		{"flags, same", Want{"flagged", cas["flagged"]}, Result{Status: Same, Flags: 768}, Same},
		{"all flags", Want{"flagged-most", 0}, Result{Status: Changed, Flags: 0xffffffff, Size: 1, Value: []byte("1")}, Changed},
		{"answers within a value", Want{"lines", 0}, Result{Status: Changed, Size: 21, Value: []byte("\r\nMN\r\nVA 1 c1 f0 O0\r\n")}, Changed},
		{"at the bound", Want{"full", 0}, Result{Status: Changed, Size: most, Value: []byte(full)}, Changed},
		{"beyond the bound", Want{"larger", 0}, Result{Status: TooLarge, Flags: 2, Size: most + 1}, Changed},
		{"beyond the bound, same", Want{"larger", cas["larger"]}, Result{Status: Same, Flags: 2}, Same},
		{"odd key", Want{"ключ:/,%", 0}, Result{Status: Changed, Size: 3, Value: []byte("odd")}, Changed},
		{"longest key", Want{longest, 0}, Result{Status: Changed, Size: 4, Value: []byte("long")}, Changed},
		{"once more", Want{"plain", 0}, Result{Status: Changed, Size: 5, Value: []byte("value")}, Changed},
	}
	var wants []Want
	for _, tt := range tests {
		wants = append(wants, tt.want)
	}
	changed, heads := results(t, c.GetChanged, wants), results(t, c.Heads, wants)
	if len(changed) != len(tests) || len(heads) != len(tests) {
		t.Fatalf("got %d and %d results, want %d", len(changed), len(heads), len(tests))
	}
	if got, want := c.IgnoresCAS(), v.Before(metaCAS); got != want {
		t.Errorf("IgnoresCAS: got %v, want %v", got, want)
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := tt.changed
			want.Index, want.CAS = i, cas[tt.want.Key]
			if diff := cmp.Diff(want, changed[i]); diff != "" {
				t.Errorf("GetChanged (-want +got):\n%s", diff)
			}
			want = Result{Index: i, Status: tt.head, CAS: want.CAS, Flags: want.Flags}
			if diff := cmp.Diff(want, heads[i]); diff != "" {
				t.Errorf("Heads (-want +got):\n%s", diff)
			}
		})
	}
}

// Values of 1 KiB make some ten megabytes of answers, far more than any buffer on
// the way.
func testGetTenThousand(t *testing.T, v memcachedtest.Version) {
	const n, missing = 10_000, 3 // every third is missing
	v.Needs(t, meta)
	s := v.Start(t, "-m", "256")
	c := dial(t, s, Config{})
	wants := fill(t, s, n, 1<<10)
	for i := 0; i < n; i += missing {
		wants[i] = Want{Key: fmt.Sprintf("missing_%d", i)}
	}
	for i := 1; i < n; i += missing {
		wants[i].LastCAS = 0
	}
	for name, get := range map[string]getFunc{"GetChanged": c.GetChanged, "Heads": c.Heads} {
		t.Run(name, func(t *testing.T) {
			for i, r := range results(t, get, wants) {
				if want := []Status{Miss, Changed, Same}[i%missing]; r.Index != i || r.Status != want {
					t.Fatalf("result %d: got index %d, %v, want %v", i, r.Index, r.Status, want)
				}
				if got, want := len(r.Value), 1<<10; name == "GetChanged" && r.Status == Changed && got != want {
					t.Fatalf("result %d: got %d bytes, want %d", i, got, want)
				}
			}
		})
	}
}

func testGetChecksKeys(t *testing.T, v memcachedtest.Version) {
	v.Needs(t, meta)
	c := dial(t, v.Start(t), Config{})
	for name, key := range map[string]string{
		"empty": "", "too long": strings.Repeat("k", maxKey+1), "space": "a b", "line": "a\r\nflush_all", "zero": "a\x00", "DEL": "a\x7f",
	} {
		t.Run(name, func(t *testing.T) {
			wants := []Want{{Key: "a"}, {Key: key}}
			if err := c.GetChanged(t.Context(), wants, func(Result) { t.Error("a result came") }); !errors.Is(err, ErrKey) {
				t.Errorf("GetChanged: got %v, want ErrKey", err)
			}
			if err := c.SetQuiet(t.Context(), key, nil, 1); !errors.Is(err, ErrKey) {
				t.Errorf("SetQuiet: got %v, want ErrKey", err)
			}
		})
	}
	if got := results(t, c.GetChanged, []Want{{Key: "a"}}); len(got) != 1 {
		t.Errorf("afterwards: got %d results, want 1", len(got))
	}
	if got := results(t, c.GetChanged, nil); len(got) != 0 {
		t.Errorf("of no keys: got %d results", len(got))
	}
}

// Without CAS all values are always new.
func testServerWithoutCAS(t *testing.T, v memcachedtest.Version) {
	v.Needs(t, meta)
	c := dial(t, v.Start(t, "-C"), Config{})
	if cas := store(t, c, "a", 0, "v"); cas != 0 {
		t.Fatalf("CAS: got %d, want 0", cas)
	}
	for range 2 {
		for _, r := range results(t, c.GetChanged, []Want{{"a", 0}}) {
			if r.Status != Changed || string(r.Value) != "v" {
				t.Errorf("got %v, %q, want changed, v", r.Status, r.Value)
			}
		}
	}
}

func TestIgnoresCASIsLearnt(t *testing.T) {
	const old = "VA 1 c7 f0 O0\r\nv\r\nMN\r\n"
	tests := []struct {
		name   string
		answer string
		last   uint64
		want   bool
	}{
		{"1.6.18, same", old, 7, true},
		{"1.6.18, changed", old, 6, false},
		{"1.6.40, same", "HD c7 f0 O0\r\nMN\r\n", 7, false},
		{"1.6.40, changed, with flags of its own", "VA 1 c7 f0 O0 W Z\r\nv\r\nMN\r\n", 6, false},
		{"1.6.0, same", "OK c7 f0 O0\r\nMN\r\n", 7, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := against(t, Config{}, func(p *peer) {
				p.hasMeta()
				p.hears(fmt.Sprintf("mg a v c f q O0 C%d", tt.last))
				p.answers(tt.answer)
			})
			got := results(t, c.GetChanged, []Want{{"a", tt.last}})
			if same := got[0].Status == Same; same != (tt.last == 7) {
				t.Errorf("got %v", got[0].Status)
			}
			if c.IgnoresCAS() != tt.want {
				t.Errorf("IgnoresCAS: got %v, want %v", c.IgnoresCAS(), tt.want)
			}
		})
	}
}

func TestRequests(t *testing.T) {
	c := against(t, Config{}, func(p *peer) {
		p.hasMeta()
		p.hears("mg a v c f q O0", "mg b v c f q O1 C18446744073709551615", "mn")
		p.says("MN\r\n")
		p.hears("mg a c f q O0", "mg b c f q O1", "mn")
		p.says("HD c1 f0 O0\r\nMN\r\n")
	})
	wants := []Want{{"a", 0}, {"b", 1<<64 - 1}}
	if got := results(t, c.GetChanged, wants); got[0].Status != Miss || got[1].Status != Miss {
		t.Errorf("GetChanged: got %+v, want misses", got)
	}
	if got := results(t, c.Heads, wants); got[0].Status != Changed || got[1].Status != Miss {
		t.Errorf("Heads: got %+v, want changed and a miss", got)
	}
}

// A server that does not read on until its answer is taken, as memcached, and
// with the kernel's buffers far smaller than all requests.
func TestWritingDoesNotOutrunReading(t *testing.T) {
	const buffers = 32 << 10
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan error, 1)
	go func() { done <- slowServer(l, buffers) }()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).SetWriteBuffer(buffers); err != nil {
		t.Fatal(err)
	}
	c := New(conn, Config{Timeout: patience})
	wants := make([]Want, 3000)
	for i := range wants {
		wants[i].Key = strings.Repeat("k", 200)
	}
	if got := results(t, c.GetChanged, wants); len(got) != len(wants) {
		t.Errorf("got %d results, want %d", len(got), len(wants))
	}
	c.Close()
	if err := <-done; !errors.Is(err, io.EOF) {
		t.Errorf("the server ended with %v, want the connection's end", err)
	}
}

// slowServer answers every request at once, with 10 KB.
func slowServer(l net.Listener, buffers int) error {
	conn, err := l.Accept()
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.(*net.TCPConn).SetReadBuffer(buffers); err != nil {
		return err
	}
	value := strings.Repeat("v", 10_000)
	for in := bufio.NewReaderSize(conn, 256); ; { // little more than a request
		line, err := in.ReadString('\n')
		if err != nil {
			return err
		}
		answer := "MN\r\n"
		if _, index, ok := strings.Cut(strings.TrimSpace(line), " O"); ok {
			answer = fmt.Sprintf("VA %d c1 f0 O%s\r\n%s\r\n", len(value), index, value)
		}
		if _, err := io.WriteString(conn, answer); err != nil {
			return err
		}
	}
}
