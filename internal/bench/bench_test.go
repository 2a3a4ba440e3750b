package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/commchannel/gateway/hub"
	"github.com/commchannel/gateway/store/memory"
	"github.com/commchannel/gateway/transport"
	"github.com/commchannel/gateway/transport/legacy"
	"github.com/commchannel/gateway/transport/longpoll"
	"github.com/commchannel/gateway/transport/netpoll"
	"github.com/commchannel/gateway/transport/ws"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// startGateway serves every entrance over the memory store, and returns the
// URL.
func startGateway(t testing.TB) string {
	t.Helper()
	s, err := memory.New(memory.Config{})
	if err != nil {
		t.Fatal(err)
	}
	codec, err := ws.NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	guard, err := transport.NewGuard(transport.GuardConfig{})
	if err != nil {
		t.Fatal(err)
	}
	hb := hub.New(hub.Config{Store: s, Codec: codec, Log: zerolog.Nop()})
	poller := netpoll.New(zerolog.Nop())
	h := ws.New(ws.Config{Hub: hb, ClientAddr: func(*http.Request) netip.Addr { return netip.Addr{} }, Log: zerolog.Nop(), Poller: poller})
	draining := make(chan struct{})
	srv := httptest.NewServer(transport.Route{
		Guard: guard, WS: h,
		LongPoll: longpoll.New(longpoll.Config{Hub: hb, Guard: guard, Log: zerolog.Nop(), Draining: draining}),
		Legacy:   legacy.New(legacy.Config{Hub: hb, Store: s, Guard: guard, Log: zerolog.Nop(), Draining: draining}),
	}.Handler())
	t.Cleanup(func() {
		close(draining)
		h.Close()
		poller.Close()
		srv.Close()
		hb.Close()
		s.Close()
		codec.Free()
	})
	return "ws" + strings.TrimPrefix(srv.URL, "http") + "/channel"
}

func TestRunCountsWhatComes(t *testing.T) {
	url := startGateway(t)
	for _, tt := range []struct {
		name string
		o    Options
	}{
		{"as many as go", Options{Subscribers: 20}},
		{"at a rate", Options{Subscribers: 10, Rate: 500}},
		{"many channels", Options{Subscribers: 30, Channels: 7, Rate: 700, Size: 1000}},
		{"channels without subscribers", Options{Subscribers: 3, Channels: 8, Rate: 700}},
		{"several channels each", Options{Subscribers: 10, Channels: 7, Each: 3, Rate: 500}},
		{"several publishers of one channel", Options{Subscribers: 10, Publishers: 3}},
		{"several of all", Options{Subscribers: 9, Channels: 6, Each: 4, Publishers: 4, Rate: 900}},
		{"long messages", Options{Subscribers: 5, Size: 60_000}},
		{"long-polls", Options{Subscribers: 20, Transport: overLongPoll, Rate: 200}},
		{"long-polls of several channels", Options{Subscribers: 10, Transport: overLongPoll, Channels: 5, Each: 2, Publishers: 2}},
		{"polls", Options{Subscribers: 20, Channels: 3, Transport: overPoll, Pause: 10 * time.Millisecond, Rate: 200}},
		{"several readers", Options{Subscribers: 50, Readers: 3, Connecting: 7}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, portable := range []bool{false, true} {
				o := tt.o
				o.URL, o.Duration, o.Settle, o.portable = url, 200*time.Millisecond, time.Millisecond, portable
				r, err := Run(t.Context(), o)
				if err != nil {
					t.Fatalf("portable %t: got %v in %+v, want all that was sent, once and in order", portable, err, r.summary())
				}
				if r.Published == 0 || r.Delivered != expectedDeliveries(o, r.Published) || r.Latency.Quantile(0.5) == 0 || r.Gaps > 0 {
					t.Errorf("portable %t: got %+v, want %d deliveries", portable, r.summary(), expectedDeliveries(o, r.Published))
				}
			}
		})
	}
}

// expectedDeliveries is what messages make that are given out in turn, of one
// publisher, or of any number where every channel has the same subscribers.
func expectedDeliveries(o Options, published int) (n int) {
	o, _ = o.withDefaults()
	l := layout{o.Subscribers, o.Channels, o.Each}
	for i := range published {
		n += l.followers(i % o.Channels)
	}
	return n
}

func TestIdle(t *testing.T) {
	url := startGateway(t)
	r, err := Run(t.Context(), Options{URL: url, Subscribers: 40, Idle: true, Settle: time.Millisecond, PIDs: []int{os.Getpid()}})
	if err != nil || r.Published > 0 || r.ConnectTime == 0 || r.ConnectLatency.Quantile(0.5) == 0 {
		t.Errorf("got %+v, %v, want connections and no messages", r.summary(), err)
	}
	var out bytes.Buffer
	if err := r.Report(&out); err != nil || !strings.Contains(out.String(), "40 × 1") || strings.Contains(out.String(), "delivered") {
		t.Errorf("got %q, %v, want a table without messages", out.String(), err)
	}
}

func TestRunFails(t *testing.T) {
	url := startGateway(t)
	refusing := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(refusing.Close)
	for _, tt := range []struct {
		name string
		o    Options
		want string
	}{
		{"without a URL", Options{}, "no URL"},
		{"a URL without a host", Options{URL: "nowhere"}, "no URL"},
		{"another scheme", Options{URL: "ftp://127.0.0.1/"}, "scheme"},
		{"another transport", Options{URL: url, Transport: "pigeon"}, "transport"},
		{"messages too short", Options{URL: url, Size: 10}, "bytes at least"},
		{"a negative rate", Options{URL: url, Rate: -1}, "negative"},
		{"more channels than there are", Options{URL: url, Channels: 2, Each: 3}, "can't follow"},
		{"polls of two channels", Options{URL: url, Channels: 2, Each: 2, Transport: overPoll}, "follows one"},
		{"more channels than allowed", Options{URL: url, Subscribers: 1, Channels: 65, Each: 65}, "too_many_channels"},
		{"messages too long", Options{URL: url, Subscribers: 1, Size: 100_000, Rate: 10, Duration: time.Second, Settle: 1}, "too_large"},
		{"nobody there", Options{URL: "ws://127.0.0.1:1/channel", Subscribers: 3}, "refused"},
		{"no gateway", Options{URL: refusing.URL, Subscribers: 3}, "404"},
		{"more files than there can be", Options{URL: url, Subscribers: 1 << 30}, "ulimit"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, portable := range []bool{false, true} {
				tt.o.portable = portable
				if _, err := Run(t.Context(), tt.o); err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("portable %t: got %v, want an error with %q", portable, err, tt.want)
				}
			}
		})
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	url := startGateway(t)
	for _, portable := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := Run(ctx, Options{
			URL: url, Subscribers: 5, Duration: time.Hour, Settle: time.Millisecond, portable: portable,
			Progress: writerFunc(func(p []byte) {
				if bytes.Contains(p, []byte("delivered")) {
					cancel()
				}
			}),
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("portable %t: got %v, want %v", portable, err, context.Canceled)
		}
		cancel()
	}
}

type writerFunc func(p []byte)

func (f writerFunc) Write(p []byte) (int, error) {
	f(p)
	return len(p), nil
}

// A faulty dialect lets the subscribers see what a bad server would send.
type faulty struct {
	Dialect
	spoil func(p []byte, take func([]byte) error) error // what becomes of a frame
}

func (f faulty) Subscriber(i int, channels []int) Session {
	s := f.Dialect.Subscriber(i, channels).(*WebSocket)
	take := s.Frame
	s.Frame = func(p []byte, in *Inbox) error {
		if !bytes.HasPrefix(p, []byte(frameStart+`message"`)) {
			return take(p, in)
		}
		return f.spoil(p, func(p []byte) error { return take(p, in) })
	}
	return s
}

// Whatever is wrong with what comes, the run says so.
func TestFaultsAreSeen(t *testing.T) {
	url := startGateway(t)
	target, err := parseTarget(url)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		spoil func() func(p []byte, take func([]byte) error) error
		check func(r *Result) bool
		want  string
	}{
		{"one left out", func() func([]byte, func([]byte) error) error {
			n := 0
			return func(p []byte, take func([]byte) error) error {
				if n++; n == 3 {
					return nil
				}
				return take(p)
			}
		}, func(r *Result) bool { return r.Lost == 1 }, "1 messages lost"},
		{"one twice", func() func([]byte, func([]byte) error) error {
			n := 0
			return func(p []byte, take func([]byte) error) error {
				if n++; n == 3 {
					return errors.Join(take(p), take(p))
				}
				return take(p)
			}
		}, func(r *Result) bool { return r.Doubled == 1 }, "1 doubled"},
		{"two exchanged", func() func([]byte, func([]byte) error) error {
			n, kept := 0, []byte(nil)
			return func(p []byte, take func([]byte) error) error {
				switch n++; n {
				case 3:
					kept = bytes.Clone(p)
					return nil
				case 4:
					return errors.Join(take(p), take(kept))
				}
				return take(p)
			}
		}, func(r *Result) bool { return r.Disordered == 1 }, "1 out of order"},
		{"cut off", func() func([]byte, func([]byte) error) error {
			n := 0
			return func(p []byte, take func([]byte) error) error {
				if n++; n == 3 {
					return io.ErrUnexpectedEOF
				}
				return take(p)
			}
		}, func(r *Result) bool { return r.Cut == 1 && r.Lost > 0 }, "1 subscribers cut off"},
		{"another channel's", func() func([]byte, func([]byte) error) error {
			return func(p []byte, take func([]byte) error) error {
				return take(bytes.Replace(p, []byte(markerKey+"0 "), []byte(markerKey+"9 "), 1))
			}
		}, func(r *Result) bool { return r.Cut == 1 && errors.Is(r.CutError, errStrange) }, "nobody sent"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, portable := range []bool{false, true} {
				g, err := gatewayDialect(Options{Transport: overWebSocket}, target.url)
				if err != nil {
					t.Fatal(err)
				}
				r, err := Run(t.Context(), Options{
					URL: url, Dialect: faulty{g, tt.spoil()}, Subscribers: 1, Rate: 100, Duration: 100 * time.Millisecond,
					Settle: time.Millisecond, patience: 100 * time.Millisecond, portable: portable,
				})
				if !tt.check(&r) || err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("portable %t: got %v in %+v, want %q", portable, err, r.summary(), tt.want)
				}
			}
		})
	}
}

// Subscribers that each see the publishers' own order, but not the same one.
func TestDifferingOrdersAreSeen(t *testing.T) {
	l := layout{subscribers: 3, channels: 1, each: 1}
	var all []*follower
	for i, order := range [][]int{{0, 1}, {1, 0}, {0, 1}} {
		f := newFollower(l, i, 2, &tally{})
		for _, publisher := range order {
			f.take(marker{publisher: publisher}, 1)
		}
		all = append(all, f)
	}
	if got := differing(l, all); got != 1 {
		t.Errorf("got %d, want 1", got)
	}
}

func TestCommand(t *testing.T) {
	url := startGateway(t)
	run := func(args ...string) (string, error) {
		cmd := Command()
		var out bytes.Buffer
		cmd.SetOut(&out)
		cmd.SetErr(io.Discard)
		cmd.SetArgs(append([]string{"--url", url, "--subscribers", "3", "--duration", "50ms", "--rate", "100", "--settle", "1ms"}, args...))
		err := cmd.ExecuteContext(t.Context())
		return out.String(), err
	}
	out, err := run("-o", "json", "--pid", "1")
	var got summary
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%v in %q", err, out)
	}
	if err != nil || got.Published != 5 || got.Delivered != 15 {
		t.Errorf("got %+v, %v, want 5 messages for 3", got, err)
	}
	if out, err = run("--transport", "longpoll"); err != nil || !strings.Contains(out, "15 (") {
		t.Errorf("got %q, %v, want 15 deliveries", out, err)
	}
	if _, err = run("-o", "xml"); err == nil {
		t.Error("got no error for -o xml")
	}
}
