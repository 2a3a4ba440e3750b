package longpoll

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/commchannel/gateway/hub"
	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
	"github.com/commchannel/gateway/store/memory"
	"github.com/commchannel/gateway/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// plainCodec leaves frames as they are.
type plainCodec struct{}

func (plainCodec) Frame(dst, text []byte) []byte { return append(dst, text...) }

func (plainCodec) Close(dst []byte, _ protocol.CloseCode, reason string) []byte {
	return append(dst, reason...)
}

// A flaky store fails with what fail returns, unless that is nil, and stands
// still while stalled is set.
type flaky struct {
	store.Store
	mu      sync.Mutex
	err     error
	stalled bool
}

func (f *flaky) set(err error, stalled bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err, f.stalled = err, stalled
}

func (f *flaky) ask(ctx context.Context) error {
	f.mu.Lock()
	err, stalled := f.err, f.stalled
	f.mu.Unlock()
	if stalled {
		<-ctx.Done()
		return ctx.Err()
	}
	return err
}

func (f *flaky) Append(ctx context.Context, channel string, m store.Message) (protocol.Cursor, error) {
	if err := f.ask(ctx); err != nil {
		return "", err
	}
	return f.Store.Append(ctx, channel, m)
}

func (f *flaky) Tail(ctx context.Context, channel string) (protocol.Cursor, error) {
	if err := f.ask(ctx); err != nil {
		return "", err
	}
	return f.Store.Tail(ctx, channel)
}

// A bench is a handler with a hub and a store of its own. It is to be made
// within a synctest bubble.
type bench struct {
	t        *testing.T
	h        *Handler
	hub      *hub.Hub
	store    *flaky
	draining chan struct{}
}

func newBench(t *testing.T, limits transport.Limits, bounds memory.Config, change ...func(*hub.Config)) *bench {
	t.Helper()
	kept, err := memory.New(bounds)
	if err != nil {
		t.Fatal(err)
	}
	guard, err := transport.NewGuard(transport.GuardConfig{})
	if err != nil {
		t.Fatal(err)
	}
	st := &flaky{Store: kept}
	cfg := hub.Config{
		Store: st, Codec: plainCodec{}, Log: zerolog.Nop(), StoreTimeout: limits.StoreTimeout,
		Presence: func(channel string) bool { return strings.HasSuffix(channel, "lobby") },
	}
	for _, f := range change {
		f(&cfg)
	}
	hb := hub.New(cfg)
	t.Cleanup(func() {
		hb.Close()
		if err := kept.Close(); err != nil {
			t.Errorf("close store: %v", err)
		}
	})
	draining := make(chan struct{})
	h := New(Config{Hub: hb, Guard: guard, Limits: limits, Log: zerolog.Nop(), Draining: draining})
	return &bench{t, h, hb, st, draining}
}

// do posts body and waits for the answer.
func (b *bench) do(ctx context.Context, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/channel", strings.NewReader(body))
	w := httptest.NewRecorder()
	b.h.ServeHTTP(w, r)
	return w
}

// exchange posts body, wants status 200 and returns the answer's frames.
func (b *bench) exchange(body string) []protocol.ServerFrame {
	b.t.Helper()
	return b.frames(b.do(b.t.Context(), body))
}

func (b *bench) frames(w *httptest.ResponseRecorder) []protocol.ServerFrame {
	b.t.Helper()
	if w.Code != http.StatusOK {
		b.t.Fatalf("status: got %d %s, want 200", w.Code, w.Body)
	}
	frames, err := protocol.DecodeServerBatch(w.Body.Bytes())
	if err != nil {
		b.t.Fatalf("answer %s: %v", w.Body, err)
	}
	return frames
}

// start posts body and returns once the exchange waits or is answered; the
// answer comes over the channel.
func (b *bench) start(body string) <-chan []protocol.ServerFrame {
	b.t.Helper()
	answer := make(chan *httptest.ResponseRecorder, 1)
	go func() { answer <- b.do(b.t.Context(), body) }()
	synctest.Wait()
	out := make(chan []protocol.ServerFrame, 1)
	go func() { out <- b.frames(<-answer) }()
	synctest.Wait()
	return out
}

// publish sends texts to channel as from's.
func (b *bench) publish(channel, from string, payloads ...string) (last protocol.Cursor) {
	b.t.Helper()
	for _, p := range payloads {
		e := protocol.Envelope{Type: "msg", Payload: json.RawMessage(p), From: from}
		c, err := b.hub.Publish(b.t.Context(), channel, store.Message{ID: protocol.NewMessageID(time.Now()), Text: e.Append(nil)})
		if err != nil {
			b.t.Fatalf("publish: %v", err)
		}
		last = c
	}
	synctest.Wait()
	return last
}

// place is channel's end.
func (b *bench) place(channel string) protocol.Cursor {
	b.t.Helper()
	got := b.exchange(`[{"op":"hello","clientid":"placer"},{"op":"subscribe","channel":"` + channel + `"}]`)
	return got[1].Cursor
}

func resume(client, channel string, since protocol.Cursor) string {
	return `[{"op":"hello","clientid":"` + client + `"},{"op":"subscribe","ref":1,"channel":"` + channel + `","since":"` + string(since) + `"}]`
}

// check wants frames to be want, as "op", "op payload" for messages, "op
// code" for errors, and with client ids for who is there, each with "#ref"
// where it has one.
func check(t *testing.T, frames []protocol.ServerFrame, want ...string) {
	t.Helper()
	got := make([]string, len(frames))
	for i, f := range frames {
		got[i] = string(f.Op)
		if n, ok := f.Ref.Value(); ok {
			got[i] += "#" + string(rune('0'+n))
		}
		switch f.Op {
		case protocol.OpMessage:
			got[i] += " " + string(f.Payload)
		case protocol.OpError:
			got[i] += " " + string(f.Code)
		case protocol.OpPresence:
			got[i] += fmt.Sprintf(" %v of %d", f.Clients, f.Count)
		case protocol.OpJoin, protocol.OpLeave:
			got[i] += " " + f.ClientID
		}
	}
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		t.Errorf("frames: got [%s], want [%s]", strings.Join(got, ", "), strings.Join(want, ", "))
	}
}

// isHeld wants that no answer has come.
func isHeld(t *testing.T, answer <-chan []protocol.ServerFrame) {
	t.Helper()
	synctest.Wait()
	select {
	case got := <-answer:
		t.Fatalf("answered at once with %+v, want it held", got)
	default:
	}
}

func TestAnsweredAtOnce(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		want       []string
	}{
		{"hello alone", `[{"op":"hello","clientid":"a"}]`, []string{"welcome"}},
		{"ping", `[{"op":"hello","clientid":"a"},{"op":"ping","ref":5}]`, []string{"welcome", "pong#5"}},
		{"ping without ref", `[{"op":"hello","clientid":"a"},{"op":"ping"}]`, []string{"welcome"}},
		{"subscribe", `[{"op":"hello","clientid":"a"},{"op":"subscribe","ref":1,"channel":"c"}]`, []string{"welcome", "subscribed#1"}},
		{"subscribe without ref", `[{"op":"hello","clientid":"a"},{"op":"subscribe","channel":"c"}]`, []string{"welcome", "subscribed"}},
		{"send", `[{"op":"hello","clientid":"a"},{"op":"send","ref":2,"channel":"c","payload":1}]`, []string{"welcome", "sent#2"}},
		{"send without ref", `[{"op":"hello","clientid":"a"},{"op":"send","channel":"c","payload":1}]`, []string{"welcome"}},
		{"unsubscribe", `[{"op":"hello","clientid":"a"},{"op":"unsubscribe","ref":2,"channel":"c"}]`, []string{"welcome", "unsubscribed#2"}},
		{"subscribe and unsubscribe", `[{"op":"hello","clientid":"a"},{"op":"subscribe","ref":1,"channel":"c"},{"op":"unsubscribe","ref":2,"channel":"c"}]`, []string{"welcome", "unsubscribed#2"}},
		{"presence", `[{"op":"hello","clientid":"a"},{"op":"presence","ref":4,"channel":"c"}]`, []string{"welcome", "error#4 forbidden"}},
		{"unknown op", `[{"op":"hello","clientid":"a"},{"op":"dance","ref":4}]`, []string{"welcome", "error#4 unknown_op"}},
		{"frame that can't be", `[{"op":"hello","clientid":"a"},{"op":"send","ref":4,"channel":7}]`, []string{"welcome", "error#4 bad_frame"}},
		{"no frame", `[{"op":"hello","clientid":"a"},7]`, []string{"welcome", "error bad_frame"}},
		{"bad name", `[{"op":"hello","clientid":"a"},{"op":"subscribe","ref":4,"channel":"lock_c"}]`, []string{"welcome", "error#4 bad_channel"}},
		{"second hello", `[{"op":"hello","clientid":"a"},{"op":"hello","ref":4}]`, []string{"welcome", "error#4 bad_frame"}},
		{"twice the same", `[{"op":"hello","clientid":"a"},{"op":"subscribe","ref":1,"channel":"c"},{"op":"subscribe","ref":2,"channel":"c"}]`, []string{"welcome", "error#2 bad_frame", "subscribed#1"}},
		{"too many", `[{"op":"hello","clientid":"a"},{"op":"subscribe","channel":"c"},{"op":"subscribe","channel":"d"},{"op":"subscribe","ref":3,"channel":"e"}]`, []string{"welcome", "error#3 too_many_channels", "subscribed", "subscribed"}},
		{"another's channel", `[{"op":"hello","clientid":"a"},{"op":"subscribe","ref":3,"channel":"10.0.0.1_c"}]`, []string{"welcome", "error#3 forbidden"}},
		{"sending to another's channel", `[{"op":"hello","clientid":"a"},{"op":"send","ref":3,"channel":"10.0.0.1_c"}]`, []string{"welcome", "sent#3"}},
		{"too large", `[{"op":"hello","clientid":"a"},{"op":"send","ref":3,"channel":"c","payload":"` + strings.Repeat("x", 1000) + `"}]`, []string{"welcome", "error#3 too_large"}},
		{"no hello", `[{"op":"ping","ref":1}]`, []string{"error bad_frame"}},
		{"nothing", `[]`, []string{"error bad_frame"}},
		{"bad client id", `[{"op":"hello","clientid":"a b"},{"op":"ping","ref":1}]`, []string{"error bad_client"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, transport.Limits{MaxMessage: 1000, MaxChannels: 2}, memory.Config{})
				start := time.Now()
				check(t, b.exchange(tt.body), tt.want...)
				if took := time.Since(start); took != 0 {
					t.Errorf("took %v, want the answer at once", took)
				}
			})
		})
	}
}

func TestWelcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, transport.Limits{MaxMessage: 1234, Ping: 7 * time.Second}, memory.Config{})
		got := b.exchange(`[{"op":"hello"}]`)[0]
		if protocol.CheckClientID(got.ClientID) != nil || got.MaxMessage != 1234 || got.Ping != 7 || got.Version != 1 {
			t.Errorf("got %+v, want a chosen client id, 1234, 7 and 1", got)
		}
	})
}

func TestClientIDFromURL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, transport.Limits{}, memory.Config{})
		for url, want := range map[string]string{
			"/channel?clientid=zoe": "welcome",
			"/channel?clientid=":    "error bad_client",
		} {
			r := httptest.NewRequest(http.MethodPost, url, strings.NewReader(`[{"op":"ping"}]`))
			w := httptest.NewRecorder()
			b.h.ServeHTTP(w, r)
			got := b.frames(w)
			check(t, got, want)
			if want == "welcome" && got[0].ClientID != "zoe" {
				t.Errorf("client id: got %q, want zoe", got[0].ClientID)
			}
		}
	})
}

func TestHeldUntilAMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, transport.Limits{}, memory.Config{})
		since := b.place("c")
		answer := b.start(resume("alice", "c", since))
		isHeld(t, answer)
		last := b.publish("c", "bob", `"hi"`)
		got := <-answer
		check(t, got, "subscribed#1", `message "hi"`)
		if got[0].Cursor != since || got[0].Recovered == nil || !*got[0].Recovered {
			t.Errorf("subscribed: got %+v, want cursor %s, recovered", got[0], since)
		}
		if got[1].Cursor != last || got[1].From != "bob" {
			t.Errorf("message: got %+v, want cursor %s from bob", got[1], last)
		}
	})
}

func TestResumeGivesWhatIsThereAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, transport.Limits{}, memory.Config{})
		since := b.place("c")
		b.publish("c", "bob", "1", "2", "3")
		check(t, b.exchange(resume("alice", "c", since)), "subscribed#1", "message 1", "message 2", "message 3")
	})
}

func TestHeldToTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, transport.Limits{Hold: 20 * time.Second}, memory.Config{})
		since := b.place("c")
		start := time.Now()
		check(t, b.exchange(resume("alice", "c", since)))
		if took := time.Since(start); took < 18*time.Second || took > 22*time.Second {
			t.Errorf("held for %v, want 20s give or take a tenth", took)
		}
	})
}

func TestChosenClientIDIsToldEvenWhenHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, transport.Limits{}, memory.Config{})
		since := b.place("c")
		body := `[{"op":"hello"},{"op":"subscribe","channel":"c","since":"` + string(since) + `"}]`
		check(t, b.exchange(body), "welcome")
	})
}

func TestOneOfManyChannelsEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, transport.Limits{}, memory.Config{})
		c, d := b.place("c"), b.place("d")
		answer := b.start(`[{"op":"hello","clientid":"alice"},` +
			`{"op":"subscribe","ref":1,"channel":"c","since":"` + string(c) + `"},` +
			`{"op":"subscribe","ref":2,"channel":"d","since":"` + string(d) + `"}]`)
		isHeld(t, answer)
		b.publish("d", "bob", "1")
		check(t, <-answer, "subscribed#2", "message 1")
	})
}

func TestAllSubscriptionsAreAnsweredInAPromptAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, transport.Limits{}, memory.Config{})
		c := b.place("c")
		check(t, b.exchange(`[{"op":"hello","clientid":"alice"},`+
			`{"op":"subscribe","ref":1,"channel":"c","since":"`+string(c)+`"},`+
			`{"op":"subscribe","ref":2,"channel":"d"}]`), "welcome", "subscribed#1", "subscribed#2")
	})
}

func TestOwnMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, transport.Limits{}, memory.Config{})
		since := b.place("c")
		answer := b.start(resume("alice", "c", since))
		own := b.publish("c", "alice", "1", "2")
		isHeld(t, answer)
		// The wait ends by time; the place behind the own messages is told.
		got := <-answer
		check(t, got, "subscribed#1")
		if got[0].Cursor != own || !*got[0].Recovered {
			t.Errorf("got %+v, want cursor %s", got[0], own)
		}

		echo := strings.Replace(resume("alice", "c", since), `"since"`, `"echo":true,"since"`, 1)
		check(t, b.exchange(echo), "subscribed#1", "message 1", "message 2")
	})
}

func TestSendsAreDoneInOrderAndNotEchoed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, transport.Limits{}, memory.Config{})
		since := b.place("c")
		check(t, b.exchange(`[{"op":"hello","clientid":"alice"},`+
			`{"op":"subscribe","channel":"c"},`+
			`{"op":"send","ref":1,"channel":"c","payload":"one","id":"m-1"},`+
			`{"op":"send","ref":2,"channel":"c","payload":"two"},`+
			`{"op":"send","ref":3,"channel":"c","payload":"again","id":"m-1"}]`),
			"welcome", "sent#1", "sent#2", "sent#3", "subscribed")
		check(t, b.exchange(resume("bob", "c", since)), "subscribed#1", `message "one"`, `message "two"`)
	})
}

func TestHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, transport.Limits{}, memory.Config{})
		b.publish("c", "bob", "1", "2", "3")
		check(t, b.exchange(`[{"op":"hello","clientid":"alice"},{"op":"subscribe","ref":1,"channel":"c","history":2}]`),
			"welcome", "subscribed#1", "message 2", "message 3")
	})
}

func TestLostPlaceIsToldAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, transport.Limits{}, memory.Config{})
		got := b.exchange(resume("alice", "c", "from-another-life"))
		check(t, got, "welcome", "subscribed#1")
		if got[1].Recovered == nil || *got[1].Recovered {
			t.Errorf("recovered: got %v, want false", got[1].Recovered)
		}
	})
}

func TestLongAnswersAreCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, transport.Limits{MaxAnswer: 1 << 10}, memory.Config{})
		since := b.place("c")
		payload := `"` + strings.Repeat("x", 10<<10) + `"`
		b.publish("c", "bob", payload, payload, payload)
		seen := 0
		for exchanges := 1; seen < 3; exchanges++ {
			got := b.exchange(resume("alice", "c", since))
			seen += len(got) - 1
			since = got[len(got)-1].Cursor
			if exchanges > 2 {
				t.Fatalf("%d messages after %d exchanges", seen, exchanges)
			}
		}
		if seen != 3 {
			t.Errorf("got %d messages, want 3", seen)
		}
	})
}

func TestDrainingEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, transport.Limits{}, memory.Config{})
		since := b.place("c")
		answer := b.start(resume("alice", "c", since))
		isHeld(t, answer)
		close(b.draining)
		got := <-answer
		check(t, got, "bye")
		if got[0].Retry < 500 || got[0].Reason != "draining" {
			t.Errorf("got %+v, want some patience", got[0])
		}
	})
}

func TestClientGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, transport.Limits{}, memory.Config{})
		since := b.place("c")
		ctx, leave := context.WithCancel(t.Context())
		done := make(chan int, 1)
		start := time.Now()
		go func() { done <- b.do(ctx, resume("alice", "c", since)).Body.Len() }()
		synctest.Wait()
		leave()
		if n := <-done; n != 0 || time.Since(start) != 0 {
			t.Errorf("wrote %d bytes after %v, want nothing at once", n, time.Since(start))
		}
	})
}

func TestNothingIsLeftOfAnExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, transport.Limits{}, memory.Config{})
		since := b.place("c")
		b.exchange(resume("alice", "c", since))
		b.exchange(`[{"op":"hello","clientid":"a"},{"op":"subscribe","channel":"d"},{"op":"unsubscribe","channel":"d"},{"op":"ping"}]`)
		time.Sleep(5 * time.Minute) // of the bubble's clock: the hub lets unused channels go
		if n := b.hub.Channels(); n != 0 {
			t.Errorf("%d channels are still in use", n)
		}
	})
}

func TestStoreDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, transport.Limits{}, memory.Config{})
		b.store.set(store.ErrUnavailable, false)
		check(t, b.exchange(`[{"op":"hello","clientid":"a"},`+
			`{"op":"subscribe","ref":1,"channel":"c"},{"op":"send","ref":2,"channel":"c"}]`),
			"welcome", "error#1 unavailable", "error#2 unavailable")
		b.store.set(errors.New("secret"), false)
		got := b.exchange(`[{"op":"hello","clientid":"a"},{"op":"send","ref":2,"channel":"c"}]`)
		check(t, got, "welcome", "error#2 internal")
		if strings.Contains(got[1].Message, "secret") {
			t.Errorf("message tells internals: %q", got[1].Message)
		}
		b.store.set(nil, false)
		check(t, b.exchange(`[{"op":"hello","clientid":"a"},{"op":"subscribe","ref":1,"channel":"c"}]`),
			"welcome", "subscribed#1")
	})
}

func TestStalledStoreIsWaitedForOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, transport.Limits{StoreTimeout: 5 * time.Second}, memory.Config{})
		b.store.set(nil, true)
		start := time.Now()
		check(t, b.exchange(`[{"op":"hello","clientid":"a"},`+
			`{"op":"send","ref":1,"channel":"c"},{"op":"send","ref":2,"channel":"c"},`+
			`{"op":"subscribe","ref":3,"channel":"c"},{"op":"subscribe","ref":4,"channel":"d"}]`),
			"welcome", "error#1 unavailable", "error#2 unavailable", "error#3 unavailable", "error#4 unavailable")
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("took %v, want the store's 5s once", took)
		}
	})
}

func TestArrayThatCantBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, transport.Limits{MaxMessage: 1000, MaxFrames: 3}, memory.Config{})
		for _, tt := range []struct {
			name, body string
			status     int
			code       string
		}{
			{"empty", "", 400, "bad_frame"},
			{"not JSON", "[", 400, "bad_frame"},
			{"no array", `{"op":"hello"}`, 400, "bad_frame"},
			{"not UTF-8", "[\"\xff\"]", 400, "bad_frame"},
			{"too many frames", `[{},{},{},{}]`, 400, "bad_frame"},
			{"too long", "[" + strings.Repeat(" ", 1<<20) + "]", 413, "too_large"},
		} {
			w := b.do(t.Context(), tt.body)
			var got struct{ Code, Message string }
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
				t.Fatalf("%s: body %q: %v", tt.name, w.Body, err)
			}
			if w.Code != tt.status || got.Code != tt.code || got.Message == "" {
				t.Errorf("%s: got %d %+v, want %d %s", tt.name, w.Code, got, tt.status, tt.code)
			}
		}
	})
}

func TestAnswerOverHTTP(t *testing.T) {
	b := newBench(t, transport.Limits{Hold: time.Minute}, memory.Config{})
	srv := httptest.NewServer(b.h)
	defer srv.Close()
	resp, err := srv.Client().Post(srv.URL, "application/json", strings.NewReader(
		`[{"op":"hello","clientid":"a"},{"op":"subscribe","ref":1,"channel":"127.0.0.1_c"},{"op":"subscribe","ref":2,"channel":"c"}]`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	frames, err := protocol.DecodeServerBatch(body)
	if err != nil {
		t.Fatalf("answer %s: %v", body, err)
	}
	check(t, frames, "welcome", "subscribed#1", "subscribed#2")
	if resp.ContentLength != int64(len(body)) {
		t.Errorf("Content-Length: got %d, want %d", resp.ContentLength, len(body))
	}
	for name, want := range map[string]string{
		"Content-Type":      "application/json; charset=utf-8",
		"Cache-Control":     "no-store, no-transform",
		"X-Accel-Buffering": "no",
	} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// A client that closes its connection ends its exchange, in the real server.
func TestClientGoneOverHTTP(t *testing.T) {
	b := newBench(t, transport.Limits{Hold: time.Hour}, memory.Config{})
	ended := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.h.ServeHTTP(w, r)
		close(ended)
	}))
	defer srv.Close()
	since, err := b.store.Tail(t.Context(), "c")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequest(http.MethodPost, srv.URL, strings.NewReader(resume("alice", "c", since)))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Write(conn); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	<-ended
}
