package legacy

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strconv"
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

// A watched store is a memory store that can be made to fail, and whose
// keeping of places can be held up.
type watched struct {
	*memory.Store
	mu   sync.Mutex
	err  error
	hold chan struct{} // SetClientCursor waits for it to be closed; nil: does not
}

func (s *watched) set(err error, hold chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err, s.hold = err, hold
}

func (s *watched) state() (hold chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hold, s.err
}

func (s *watched) ClientCursor(ctx context.Context, channel, client string) (protocol.Cursor, error) {
	if _, err := s.state(); err != nil {
		return "", err
	}
	return s.Store.ClientCursor(ctx, channel, client)
}

func (s *watched) SetClientCursor(ctx context.Context, channel, client string, c protocol.Cursor) error {
	if hold, _ := s.state(); hold != nil {
		<-hold
	}
	return s.Store.SetClientCursor(ctx, channel, client, c)
}

func (s *watched) Append(ctx context.Context, channel string, m store.Message) (protocol.Cursor, error) {
	if _, err := s.state(); err != nil {
		return "", err
	}
	return s.Store.Append(ctx, channel, m)
}

// A bench is a handler with a hub and a store of its own. It is to be made
// within a synctest bubble.
type bench struct {
	t        *testing.T
	h        *Handler
	hub      *hub.Hub
	store    *watched
	draining chan struct{}
}

func newBench(t *testing.T, limits transport.Limits) *bench {
	t.Helper()
	kept, err := memory.New(memory.Config{})
	if err != nil {
		t.Fatal(err)
	}
	guard, err := transport.NewGuard(transport.GuardConfig{
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
	})
	if err != nil {
		t.Fatal(err)
	}
	st := &watched{Store: kept}
	hb := hub.New(hub.Config{
		Store: st, Codec: plainCodec{}, Log: zerolog.Nop(),
		Presence: func(channel string) bool { return channel == "lobby" },
	})
	t.Cleanup(func() {
		hb.Close()
		if err := kept.Close(); err != nil {
			t.Errorf("close store: %v", err)
		}
	})
	draining := make(chan struct{})
	h := New(Config{Hub: hb, Store: st, Guard: guard, Limits: limits, Log: zerolog.Nop(), Draining: draining})
	return &bench{t, h, hb, st, draining}
}

func (b *bench) do(ctx context.Context, method, query, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(ctx, method, "/channel.php", strings.NewReader(body))
	r.URL.RawQuery = query
	w := httptest.NewRecorder()
	b.h.ServeHTTP(w, r)
	return w
}

// send posts body to channel and wants it taken.
func (b *bench) send(channel, body string) {
	b.t.Helper()
	w := b.do(b.t.Context(), http.MethodPost, "channelid="+channel+"&clientid=7", body)
	if w.Code != http.StatusOK || w.Body.Len() != 0 {
		b.t.Fatalf("send: got %d %q, want 200 and nothing", w.Code, w.Body)
	}
	synctest.Wait()
}

// poll polls as client and returns the texts.
func (b *bench) poll(query string) []string {
	b.t.Helper()
	return b.texts(b.do(b.t.Context(), http.MethodGet, query, ""))
}

func (b *bench) texts(w *httptest.ResponseRecorder) (texts []string) {
	b.t.Helper()
	if w.Code != http.StatusOK {
		b.t.Fatalf("poll: got %d %s, want 200", w.Code, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &texts); err != nil || texts == nil {
		b.t.Fatalf("poll: %q is no array of texts: %v", w.Body, err)
	}
	return texts
}

// start begins a poll and returns once it waits or is answered.
func (b *bench) start(query string) <-chan []string {
	answer := make(chan []string, 1)
	go func() { answer <- b.poll(query) }()
	synctest.Wait()
	return answer
}

func isHeld(t *testing.T, answer <-chan []string) {
	t.Helper()
	synctest.Wait()
	select {
	case got := <-answer:
		t.Fatalf("answered at once with %q, want it held", got)
	default:
	}
}

func want(t *testing.T, got []string, texts ...string) {
	t.Helper()
	if !slices.Equal(got, texts) {
		t.Errorf("texts: got %q, want %q", got, texts)
	}
}

const (
	alice = "channelid=room&clientid=alice"
	bob   = "channelid=room&clientid=bob"
	now   = "&wait=0"
	m1    = `{"type":"msg","payload":"one","from":7}`
	m2    = ` { "type" : "msg" , "payload" : "zwei \u00fc / </script>" , "from" : 7 } `
	m3    = `{"payload":{"a":[1,2]}}`
)

func TestConversation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, transport.Limits{})
		b.send("room", m1)
		begin := time.Now()
		want(t, b.poll(alice)) // begins at the end
		b.send("room", m2)
		b.send("room", m3)
		want(t, b.poll(alice), m2, m3) // byte for byte
		want(t, b.poll(alice+now))
		want(t, b.poll(bob)) // begins at the end, too
		b.send("room", m1)
		want(t, b.poll(bob), m1)
		want(t, b.poll(alice), m1)
		if took := time.Since(begin); took != 0 {
			t.Errorf("took %v, want every answer at once", took)
		}
	})
}

func TestHeldUntilAMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, transport.Limits{})
		b.poll(alice)
		answer := b.start(alice)
		isHeld(t, answer)
		b.send("room", m1)
		want(t, <-answer, m1)
		answer = b.start(alice)
		isHeld(t, answer)
		b.send("other", m1)
		isHeld(t, answer)
		b.send("room", m2)
		want(t, <-answer, m2)
	})
}

func TestHeldToTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, transport.Limits{Hold: 20 * time.Second})
		b.poll(alice)
		begin := time.Now()
		want(t, b.poll(alice))
		if took := time.Since(begin); took < 18*time.Second || took > 22*time.Second {
			t.Errorf("held for %v, want 20s give or take a tenth", took)
		}
	})
}

func TestOwnMessagesAndThoseOverFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, transport.Limits{})
		b.poll("channelid=room&clientid=7")
		b.send("room", m1) // clientid 7 itself
		e := protocol.Envelope{Type: "msg", Payload: json.RawMessage(`"hi"`), From: "carol"}
		if _, err := b.hub.Publish(t.Context(), "room", store.Message{ID: "f-1", Text: e.Append(nil)}); err != nil {
			t.Fatal(err)
		}
		want(t, b.poll("channelid=room&clientid=7"), m1, `{"type":"msg","payload":"hi","msg":"hi","from":"carol"}`)
	})
}

func TestManyMessagesTakeSeveralAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, transport.Limits{MaxAnswer: 1000})
		b.poll(alice)
		var all []string
		for i := range 2 * readLimit {
			m := `{"n":` + strconv.Itoa(i) + `}`
			b.send("room", m)
			all = append(all, m)
		}
		var got []string
		for range all {
			if got = append(got, b.poll(alice+now)...); len(got) >= len(all) {
				break
			}
		}
		want(t, got, all...)
	})
}

func TestAnswerIsJavaScript(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, transport.Limits{})
		b.poll(alice)
		text := "{\"payload\":\"a\u2028b\u2029c\"}"
		b.send("room", text)
		w := b.do(t.Context(), http.MethodGet, alice+now, "")
		if strings.ContainsAny(w.Body.String(), "\u2028\u2029") {
			t.Errorf("a line separator stands in %q as it is", w.Body)
		}
		want(t, b.texts(w), text)
		if got := w.Header().Get("Content-Type"); got != "application/json; charset=utf-8" {
			t.Errorf("Content-Type: got %q", got)
		}
		if got := w.Header().Get("X-Content-Type-Options"); got != "nosniff" {
			t.Errorf("X-Content-Type-Options: got %q", got)
		}
	})
}

func TestUnencodedIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, transport.Limits{})
		for _, tt := range []struct{ query, channel string }{
			{"channelid=50%&clientid=1", "50%"},
			{"channelid=a;b&clientid=1", "a;b"},
			{"channelid=a+b&clientid=1", "a+b"},
			{"channelid=caf%C3%A9&clientid=1", "café"},
			{"clientid=1&channelid=a%2Fb", "a/b"},
		} {
			b.poll(tt.query)
			if _, err := b.hub.Publish(t.Context(), tt.channel, store.Message{ID: "x", Text: []byte(m1)}); err != nil {
				t.Fatal(err)
			}
			want(t, b.poll(tt.query+now), m1)
		}
	})
}

// failing is a ResponseWriter whose client has gone.
type failing struct{ *httptest.ResponseRecorder }

func (failing) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestPlaceMovesOnlyWithAWrittenAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, transport.Limits{})
		b.poll(alice)
		b.send("room", m1)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/channel.php?"+alice, nil)
		b.h.ServeHTTP(failing{httptest.NewRecorder()}, r)
		want(t, b.poll(alice+now), m1)
		want(t, b.poll(alice+now))
	})
}

func TestNextPollWaitsForThePlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, transport.Limits{})
		b.poll(alice)
		b.poll(bob)
		b.send("room", m1)
		release := make(chan struct{})
		b.store.set(nil, release)
		first := b.start(alice + now) // written, its place is not kept yet
		second := b.start(alice + now)
		isHeld(t, second)
		b.store.set(nil, nil)
		want(t, b.poll(bob+now), m1) // is not kept up
		close(release)
		want(t, <-first, m1)
		want(t, <-second)
	})
}

func TestDrainingEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, transport.Limits{})
		b.poll(alice)
		answer := b.start(alice)
		isHeld(t, answer)
		begin := time.Now()
		close(b.draining)
		want(t, <-answer)
		if took := time.Since(begin); took != 0 {
			t.Errorf("answered after %v, want it at once", took)
		}
	})
}

func TestClientGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, transport.Limits{})
		b.poll(alice)
		ctx, leave := context.WithCancel(t.Context())
		begin := time.Now()
		done := make(chan int, 1)
		go func() { done <- b.do(ctx, http.MethodGet, alice, "").Body.Len() }()
		synctest.Wait()
		leave()
		if n := <-done; n != 0 || time.Since(begin) != 0 {
			t.Errorf("wrote %d bytes after %v, want nothing at once", n, time.Since(begin))
		}
	})
}

func TestStoreDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, transport.Limits{})
		b.poll(alice)
		b.store.set(store.ErrUnavailable, nil)
		want(t, b.poll(alice)) // the seed's client stops at anything else
		if w := b.do(t.Context(), http.MethodPost, alice, m1); w.Code != 503 {
			t.Errorf("send: got %d %s, want 503", w.Code, w.Body)
		}
		b.store.set(errors.New("secret"), nil)
		if w := b.do(t.Context(), http.MethodGet, alice, ""); w.Code != 500 || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("poll: got %d %s, want 500 without internals", w.Code, w.Body)
		}
		b.store.set(nil, nil)
		b.send("room", m1)
		want(t, b.poll(alice), m1)
	})
}

func TestAddressRule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, transport.Limits{})
		for _, tt := range []struct {
			channel, peer, forwarded string
			status                   int
		}{
			{"192.0.2.7_c", "192.0.2.7:1", "", 200},
			{"192.0.2.7_c", "192.0.2.8:1", "", 403},
			{"192.0.2.7_c", "192.0.2.8:1", "192.0.2.7", 403},
			{"192.0.2.7_c", "10.0.0.1:1", "192.0.2.7", 200},
			{"::ffff:192.0.2.7_c", "192.0.2.7:1", "", 200},
			{"192.0.2.7%20c_", "192.0.2.8:1", "", 400}, // PHP's extension makes "_" of the space
		} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/channel.php", nil)
			r.URL.RawQuery = "channelid=" + tt.channel + "&clientid=1"
			r.RemoteAddr = tt.peer
			r.Header.Set("X-Forwarded-For", tt.forwarded)
			w := httptest.NewRecorder()
			b.h.ServeHTTP(w, r)
			if w.Code != tt.status {
				t.Errorf("%s from %s: got %d %s, want %d", tt.channel, tt.peer, w.Code, w.Body, tt.status)
			}
			if refused := `{"err":"Unauthorised client"}`; w.Code == 403 && w.Body.String() != refused {
				t.Errorf("body: got %q, want %q", w.Body, refused)
			}
			b.send("192.0.2.7_c", m1) // anybody may send
		}
	})
}

func TestSendRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, query, body string
		status            int
		code              string
	}{
		{"nothing", alice, "", 400, "bad_frame"},
		{"not JSON", alice, "{", 400, "bad_frame"},
		{"text", alice, "hello", 400, "bad_frame"},
		{"string", alice, `"hello"`, 400, "bad_frame"},
		{"array", alice, `[1]`, 400, "bad_frame"},
		{"PHP object", alice, `O:8:"stdClass":0:{}`, 400, "bad_frame"},
		{"two objects", alice, `{}{}`, 400, "bad_frame"},
		{"not UTF-8", alice, "{\"a\":\"\xff\"}", 400, "bad_frame"},
		{"half a surrogate pair", alice, `{"a":"\ud800"}`, 400, "bad_frame"},
		{"too large", alice, `{"a":"` + strings.Repeat("x", 50) + `"}`, 413, "too_large"},
		{"bad channel", "channelid=lock_a&clientid=1", `{}`, 400, "bad_channel"},
		{"bad client", "channelid=a&clientid=", `{}`, 400, "bad_client"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, transport.Limits{MaxMessage: 50})
				b.poll(alice)
				w := b.do(b.t.Context(), http.MethodPost, tt.query, tt.body)
				var got struct{ Code, Message string }
				if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
					t.Fatalf("body %q: %v", w.Body, err)
				}
				if w.Code != tt.status || got.Code != tt.code || got.Message == "" {
					t.Errorf("got %d %+v, want %d %s", w.Code, got, tt.status, tt.code)
				}
				want(t, b.poll(alice+now)) // it did not get in
			})
		})
	}
}

func TestGetIP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, transport.Limits{})
		for _, tt := range []struct {
			query, peer, forwarded string
			status                 int
			want                   string
		}{
			{"getIP", "192.0.2.7:1", "", 200, "192.0.2.7"},
			{"getIP=1&channelid=a b", "[2001:db8::7]:1", "", 200, "2001:db8::7"},
			{"getIP", "10.0.0.1:1", "192.0.2.7", 200, "192.0.2.7"},
			{"getIP", "10.0.0.1:1", "unknown", 503, ""},
		} {
			r := httptest.NewRequest(http.MethodGet, "/channel.php", nil)
			r.URL.RawQuery = tt.query
			r.RemoteAddr = tt.peer
			r.Header.Set("X-Forwarded-For", tt.forwarded)
			w := httptest.NewRecorder()
			b.h.ServeHTTP(w, r)
			if w.Code != tt.status || tt.want != "" && w.Body.String() != tt.want {
				t.Errorf("%s from %s: got %d %q, want %d %q", tt.query, tt.peer, w.Code, w.Body, tt.status, tt.want)
			}
			if got := w.Header().Get("Content-Type"); tt.want != "" && got != "text/plain; charset=utf-8" {
				t.Errorf("Content-Type: got %q", got)
			}
		}
	})
}
