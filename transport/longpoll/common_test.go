package longpoll

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store/memory"
	"github.com/commchannel/gateway/transport"
)

// alone posts body to a Handler of its own, which has given no other answer.
func (b *bench) alone(body string) <-chan string {
	answer := make(chan string, 1)
	go func() {
		r := httptest.NewRequestWithContext(b.t.Context(), http.MethodPost, "/channel", strings.NewReader(body))
		w := httptest.NewRecorder()
		New(b.h.cfg).ServeHTTP(w, r)
		answer <- w.Body.String()
	}()
	synctest.Wait()
	return answer
}

// TestEqualAnswersAreMadeOnce: of many clients who wait for the same message
// most get the same answer, and each the one that it would get alone.
func TestEqualAnswersAreMadeOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, transport.Limits{}, memory.Config{})
		lobby := string(b.place("lobby"))
		kinds := []string{
			`[{"op":"hello","clientid":"carol"},{"op":"subscribe","ref":1,"channel":"room","since":%q}]`,
			`[{"op":"hello","clientid":"carol"},{"op":"subscribe","ref":2,"channel":"room","since":%q}]`,
			`[{"op":"hello","clientid":"carol"},{"op":"subscribe","channel":"room","since":%q}]`,
			`[{"op":"hello","clientid":"bob"},{"op":"subscribe","channel":"room","since":%q}]`,
			`[{"op":"hello","clientid":"bob"},{"op":"subscribe","channel":"room","echo":true,"since":%q}]`,
			`[{"op":"hello","clientid":"carol"},{"op":"subscribe","ref":1,"channel":"room","since":%q},` +
				`{"op":"subscribe","channel":"lobby","since":"` + lobby + `"}]`,
		}
		lines := make([]*line, 200)
		for i := range lines {
			lines[i] = b.line()
		}
		type answers struct{ want, got <-chan string }
		behind := b.place("room")
		for round := range 4 {
			since := []protocol.Cursor{behind, b.place("room")} // some have missed the round before
			all := make([]answers, len(lines))
			for i, l := range lines {
				kind := kinds[0]
				if i%4 == 0 {
					kind = kinds[i/4%len(kinds)]
				}
				body := fmt.Sprintf(kind, since[min(1, i%40)])
				l.shared = nil
				all[i] = answers{b.alone(body), l.ask(body)}
			}
			behind = since[1]
			b.publish("room", "bob", fmt.Sprintf(`"round %d"`, round)) // which bob himself is not told, unless he asks
			b.publish("room", "alice", `"the end"`)
			shared := 0
			for i, l := range lines {
				if want, got := <-all[i].want, <-all[i].got; got != want {
					t.Errorf("round %d, client %d:\n got %s\nwant %s", round, i, got, want)
				}
				if l.shared != nil {
					shared++
				}
			}
			if shared < len(lines)/10 {
				t.Errorf("round %d: %d of %d answers are shared", round, shared, len(lines))
			}
		}
	})
}

// TestAnswersThatDiffer: whatever an answer depends on, it is not another's.
func TestAnswersThatDiffer(t *testing.T) {
	first, second := []byte(`{"op":"message","n":1}`), []byte(`{"op":"message","n":2}`)
	h := New(Config{Guard: &transport.Guard{}})
	for _, frames := range [][][]byte{nil, {first}, {first, second}} {
		base := func() *exchange {
			return &exchange{h: h, clientID: "carol", subs: []*subscription{{
				ref: protocol.NewRef(1), channel: "room", cursor: "5", resumed: true, recovered: true, frames: frames,
			}}}
		}
		for name, change := range map[string]func(x *exchange, s *subscription){
			"nothing":    func(*exchange, *subscription) {},
			"ref":        func(_ *exchange, s *subscription) { s.ref = protocol.NewRef(2) },
			"no ref":     func(_ *exchange, s *subscription) { s.ref = protocol.Ref{} },
			"channel":    func(_ *exchange, s *subscription) { s.channel = "lobby" },
			"cursor":     func(_ *exchange, s *subscription) { s.cursor = "6" },
			"resumed":    func(_ *exchange, s *subscription) { s.resumed = false },
			"recovered":  func(_ *exchange, s *subscription) { s.recovered = false },
			"moved":      func(_ *exchange, s *subscription) { s.moved = true },
			"less":       func(_ *exchange, s *subscription) { s.frames = frames[:len(frames)/2] },
			"more":       func(_ *exchange, s *subscription) { s.frames = append(s.frames[:len(frames):len(frames)], first) },
			"others":     func(_ *exchange, s *subscription) { s.frames = [][]byte{second} },
			"shorter":    func(_ *exchange, s *subscription) { s.frames = [][]byte{first[:2]} },
			"events":     func(_ *exchange, s *subscription) { s.events = [][]byte{first} },
			"two":        func(x *exchange, s *subscription) { x.subs = append(x.subs, s) },
			"none":       func(x *exchange, _ *subscription) { x.subs = nil },
			"prompt":     func(x *exchange, _ *subscription) { x.prompt = true },
			"welcome":    func(x *exchange, _ *subscription) { x.welcome = true },
			"replies":    func(x *exchange, _ *subscription) { x.replies = []byte(`{"op":"pong"},`) },
			"all frames": func(_ *exchange, s *subscription) { s.frames = make([][]byte, 10*mostFrames) },
		} {
			t.Run(fmt.Sprintf("%d frames, %s", len(frames), name), func(t *testing.T) {
				var c common
				for i := range 3 {
					if shared := c.of(base()); (shared != nil) != (i > 0) {
						t.Errorf("time %d: shared: %v", i, shared != nil)
					}
				}
				x := base()
				change(x, x.subs[0])
				want := string(x.answer(nil))
				for range 3 {
					if shared := c.of(x); shared != nil && string(shared.Body) != want {
						t.Errorf("got %s, want %s", shared.Body, want)
					}
				}
				if shared := c.of(base()); shared != nil && string(shared.Body) != string(base().answer(nil)) {
					t.Errorf("and again: got %s, want %s", shared.Body, base().answer(nil))
				}
			})
		}
		leaving := base()
		leaving.draining = true // each is told another time to come back
		var c common
		for range 3 {
			if c.of(leaving) != nil {
				t.Error("shared: who is sent away")
			}
		}
	}
}
