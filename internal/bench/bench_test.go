package bench

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/commchannel/gateway/hub"
	"github.com/commchannel/gateway/store/memory"
	"github.com/commchannel/gateway/transport/ws"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// startGateway serves WebSockets over the memory store and returns the URL.
func startGateway(t *testing.T) string {
	t.Helper()
	s, err := memory.New(memory.Config{})
	if err != nil {
		t.Fatal(err)
	}
	codec, err := ws.NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	hb := hub.New(hub.Config{Store: s, Codec: codec, Log: zerolog.Nop()})
	h := ws.New(ws.Config{Hub: hb, ClientAddr: func(*http.Request) netip.Addr { return netip.Addr{} }, Log: zerolog.Nop()})
	srv := httptest.NewServer(h)
	t.Cleanup(func() {
		h.Close()
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
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.o.URL, tt.o.Duration = url, 200*time.Millisecond
			r, err := Run(t.Context(), tt.o)
			if err != nil {
				t.Fatal(err)
			}
			if r.Published == 0 || r.fault() != nil || r.Latency.Quantile(0.5) == 0 {
				t.Errorf("got %+v, want messages, none lost or doubled", r.summary())
			}
		})
	}
}

func TestOptions(t *testing.T) {
	for _, o := range []Options{
		{},
		{URL: "nowhere"},
		{URL: "ws://127.0.0.1:1/", Size: 10},
		{URL: "ws://127.0.0.1:1/", Rate: -1},
	} {
		if _, err := Run(t.Context(), o); err == nil {
			t.Errorf("%+v: got no error", o)
		}
	}
}

// TestFaultsAreSeen: a message missing or coming again must not go unnoticed.
func TestFaultsAreSeen(t *testing.T) {
	s := &subscriber{credit: newCredit(Options{Subscribers: 1, Channels: 1})}
	for _, n := range []int{0, 1, 1, 3, 2} {
		s.take(n, time.Now().UnixNano())
	}
	r := run{opts: Options{Channels: 1}, subs: []*subscriber{s}}
	r.result.Published = 5
	r.collect()
	if r.result.Lost != 2 || r.result.Doubled != 2 || r.result.fault() == nil {
		t.Errorf("got %d lost and %d doubled, want 2 and 2", r.result.Lost, r.result.Doubled)
	}
}

func TestPayloads(t *testing.T) {
	p := makePayload(1234, 567, 128, strings.Repeat("x", 128))
	frame := `{"op":"message","channel":"c","payload":` + p + `}`
	if n, due, ok := readPayload([]byte(frame)); n != 1234 || due != 567 || !ok || len(p) != 128 {
		t.Errorf("got %d %d %v in %d bytes, want 1234 567 true in 128", n, due, ok, len(p))
	}
	if _, _, ok := readPayload([]byte(`{"op":"gap"}`)); ok {
		t.Error("a gap was taken for a message")
	}
}

func TestQuantiles(t *testing.T) {
	var l Latency
	for i := range 1000 {
		l.record(time.Duration(i+1) * time.Millisecond)
	}
	for q, want := range map[float64]time.Duration{0.5: 500 * time.Millisecond, 0.99: 990 * time.Millisecond} {
		if got := l.Quantile(q); got < want || got > want*105/100 {
			t.Errorf("quantile %v: got %v, want %v and at most 5 %% more", q, got, want)
		}
	}
}
