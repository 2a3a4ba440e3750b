package longpoll

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/commchannel/gateway/hub"
	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store/memory"
	"github.com/commchannel/gateway/transport"
)

// A line is a connection whose requests differ in their bodies only, and the
// side of a server that holds them.
type line struct {
	b     *bench
	next  http.Handler // for the next request
	known int          // requests that were not read
	woken transport.Signal

	shared *transport.Shared // of the latest answer
}

func (b *bench) line() *line { return &line{b: b, next: b.h, woken: make(transport.Signal, 1)} }

// A heldResponse is a transport.Holder.
type heldResponse struct {
	*httptest.ResponseRecorder
	line   *line
	held   transport.Held
	atMost time.Duration
}

func (w *heldResponse) Waker() func()         { return w.line.woken.Wake }
func (w *heldResponse) Repeat(h http.Handler) { w.line.next = h }

func (w *heldResponse) Answer(contentType string, body []byte) {
	transport.SetAnswerHeader(w.Header(), contentType)
	w.Write(body)
}

func (w *heldResponse) Share(s *transport.Shared) {
	w.line.shared = s
	w.Answer(s.ContentType, s.Body)
}

func (w *heldResponse) Hold(h transport.Held, atMost time.Duration) { w.held, w.atMost = h, atMost }

// aheadOf is a body that has come already.
type aheadOf struct {
	bytes.Reader
	all []byte
}

func (a *aheadOf) Bytes() []byte { return a.all }
func (a *aheadOf) Close() error  { return nil }

// ask posts body and returns once the exchange waits or is answered; the answer
// comes over the channel.
func (l *line) ask(body string) <-chan string {
	r := httptest.NewRequestWithContext(l.b.t.Context(), http.MethodPost, "/channel", nil)
	r.Body = &aheadOf{all: []byte(body)}
	w := &heldResponse{ResponseRecorder: httptest.NewRecorder(), line: l}
	before := l.next
	before.ServeHTTP(w, r)
	if any(w.held) == any(before) {
		l.known++
	}
	answer := make(chan string, 1)
	go func() {
		l.wait(w)
		answer <- w.Body.String()
	}()
	synctest.Wait()
	return answer
}

func (l *line) wait(w *heldResponse) {
	if w.held == nil {
		return
	}
	over := time.NewTimer(w.atMost)
	defer over.Stop()
	for {
		select {
		case <-l.woken:
			if w.held.Answer(w, false) {
				return
			}
		case <-over.C:
			w.held.Answer(w, true)
			return
		}
	}
}

// whole is b.start, but for the answer's text.
func (b *bench) whole(body string) <-chan string {
	answer := make(chan string, 1)
	go func() { answer <- b.do(b.t.Context(), body).Body.String() }()
	synctest.Wait()
	return answer
}

// A script is a client's life: what it asks for, and what happens meanwhile,
// by chance.
type script struct {
	*bench
	rnd      *rand.Rand
	channels []string
	cursors  []protocol.Cursor
	before   []protocol.Cursor // of the exchange before
	format   string            // of a "subscribe"
	hello    string
	said     int
	others   map[string]<-chan string // exchanges of other clients, who are present by them
}

func newScript(b *bench, seed uint64) *script {
	s := &script{bench: b, rnd: rand.New(rand.NewPCG(seed, 1)), others: make(map[string]<-chan string)}
	all := []string{"room", "lobby", "other-lobby", `"quoted"`}
	s.channels = all[s.rnd.IntN(3):]
	s.channels = s.channels[:1+s.rnd.IntN(len(s.channels))]
	s.format = []string{
		`{"op":"subscribe","ref":%[1]d,"channel":%[2]s,"since":%[3]s}`,
		` { "since" : %[3]s , "channel" : %[2]s , "op" : "subscribe" }`,
		`{"op":"subscribe","channel":%[2]s,"echo":true,"later":[%[3]s],"since":%[3]s}`,
		`{"since":"x","op":"subscribe","channel":%[2]s,"since":%[3]s}`,
	}[s.rnd.IntN(4)]
	s.hello = []string{`{"op":"hello","clientid":"alice"}`, `{"token":"t", "op":"hello", "clientid":"alice"}`}[s.rnd.IntN(2)]
	for _, channel := range s.channels {
		cursor := s.placeOf(channel)
		s.cursors, s.before = append(s.cursors, cursor), append(s.before, cursor)
	}
	time.Sleep(time.Minute) // until who asked for the places has left: rooms can't tell at one time
	return s
}

func (s *script) placeOf(channel string) protocol.Cursor {
	name := string(protocol.AppendString(nil, channel))
	return s.exchange(`[{"op":"hello","clientid":"placer"},{"op":"subscribe","channel":` + name + `}]`)[1].Cursor
}

// body asks for what follows, or now and then for what it was told before: its
// last answer was lost.
func (s *script) body() string {
	cursors := s.cursors
	if s.rnd.IntN(6) == 0 {
		cursors = s.before
	}
	frames := []string{s.hello}
	for i, channel := range s.channels {
		name, cursor := protocol.AppendString(nil, channel), protocol.AppendString(nil, string(cursors[i]))
		frames = append(frames, fmt.Sprintf(s.format, i, name, cursor))
	}
	if s.rnd.IntN(12) == 0 {
		frames = append(frames, `{"op":"ping","ref":9}`)
	}
	return "[" + strings.Join(frames, ",") + "]"
}

// happen has something happen, or time pass.
func (s *script) happen() {
	channel := s.channels[s.rnd.IntN(len(s.channels))]
	switch who := "other" + fmt.Sprint(s.rnd.IntN(3)); s.rnd.IntN(8) {
	case 0:
		s.say(channel, "alice")
	case 1:
		time.Sleep(50 * time.Second) // longer than an answer is held, and a channel unused
	case 2:
		if s.others[who] == nil {
			s.others[who] = s.whole(resume(who, "lobby", s.placeOf("lobby")))
		}
	case 3:
		s.say(channel, "alice")
		s.say(channel, "bob")
	case 4:
		for range 1 + s.rnd.IntN(12) { // more than the log keeps, and an answer takes
			s.publish(channel, "bob", `"`+strings.Repeat("x", s.rnd.IntN(6<<10))+`"`)
		}
	default:
		s.say(channel, "bob")
	}
	synctest.Wait()
	for who, answer := range s.others {
		select {
		case <-answer:
			delete(s.others, who)
		default:
		}
	}
}

func (s *script) say(channel, from string) {
	s.said++
	s.publish(channel, from, fmt.Sprint(s.said))
}

// told takes the places from an answer.
func (s *script) told(text string) {
	s.t.Helper()
	frames, err := protocol.DecodeServerBatch([]byte(text))
	if err != nil {
		s.t.Fatalf("answer %s: %v", text, err)
	}
	s.before = slices.Clone(s.cursors)
	for _, f := range frames {
		if i := slices.Index(s.channels, f.Channel); i >= 0 && f.Cursor != "" {
			s.cursors[i] = f.Cursor
		}
	}
}

// TestKnownExchangesAreAsOthers: a client over a connection that stays is told
// the same, byte for byte, as one whose requests are read anew each time.
func TestKnownExchangesAreAsOthers(t *testing.T) {
	known := 0
	for seed := range uint64(60) {
		synctest.Test(t, func(t *testing.T) {
			limits, bounds := transport.Limits{MaxAnswer: 16 << 10}, memory.Config{MaxMessages: 40}
			s := newScript(newBench(t, limits, bounds, func(c *hub.Config) { c.LogCount = 10 }), seed)
			l := s.line()
			for step := range 40 {
				body := s.body()
				one, other := l.ask(body), s.whole(body)
				for len(one) == 0 || len(other) == 0 {
					if len(one) != len(other) {
						t.Fatalf("seed %d, step %d: one of both is answered", seed, step)
					}
					s.happen()
				}
				got, want := <-one, <-other
				if got != want {
					t.Fatalf("seed %d, step %d: %s\ngot  %s\nwant %s", seed, step, body, got, want)
				}
				s.told(got)
				if s.rnd.IntN(3) == 0 {
					s.happen()
				}
			}
			known += l.known
			time.Sleep(time.Minute) // until nobody waits
		})
	}
	if t.Logf("%d exchanges were known", known); known < 500 {
		t.Errorf("got %d exchanges that were known, want most", known)
	}
}

func TestPatterns(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		cursors    int // that the pattern has
	}{
		{"one channel", `[{"op":"subscribe","channel":"a","since":"c1"}]`, 1},
		{"two with one cursor", `[{"op":"subscribe","channel":"a","since":"c1"},{"op":"subscribe","channel":"b","since":"c1"}]`, 2},
		{"a hello", `[{"op":"hello","clientid":"c1x"},{"op":"subscribe","channel":"a","since":"c1"}]`, 1},
		{"spaces", "[\n{ \"since\" : \"c1\", \"op\":\"subscribe\" ,\"channel\":\"a\"}\n] ", 1},
		{"twice, the last counts", `[{"op":"subscribe","channel":"a","since":"c0","since":"c1"}]`, 1},
		{"its text comes behind it, too", `[{"op":"subscribe","since":"c1","channel":"c1"}]`, 1},
		{"its text comes before it, too", `[{"op":"subscribe","channel":"c1","since":"c1"}]`, 0},
		{"twice the same", `[{"op":"subscribe","channel":"a","since":"c1","since":"c1"}]`, 0},
		{"in a key", `[{"op":"subscribe","channel":"a","x\"since":"c1","since":"\u00631"}]`, 0},
		{"escaped", `[{"op":"subscribe","channel":"a","since":"\u00631"}]`, 0},
		{"long", `[{"op":"subscribe","channel":"a","since":"c1"}` + strings.Repeat(" ", mostPattern) + `]`, 0},
		{"none", `[{"op":"subscribe","channel":"a"}]`, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			frames, errs, err := protocol.DecodeClientBatch([]byte(tt.body), 4)
			if err != nil || slices.ContainsFunc(errs, func(err error) bool { return err != nil }) {
				t.Fatal(err, errs)
			}
			p := newPattern([]byte(tt.body), frames)
			if len(p.cursors) != tt.cursors {
				t.Fatalf("got %d cursors, want %d", len(p.cursors), tt.cursors)
			}
			var subs []*subscription
			for range p.cursors {
				subs = append(subs, &subscription{reached: "c1"})
			}
			if got := p.matches([]byte(tt.body), subs); got != (tt.cursors > 0) {
				t.Errorf("the body itself: got %v", got)
			}
			for _, other := range []protocol.Cursor{"c10", "c", ""} {
				for i := range subs {
					subs[i].reached = other
				}
				body := strings.ReplaceAll(tt.body, `"since":"c1"`, `"since":""`)
				if p.matches([]byte(tt.body), subs) || p.matches([]byte(body), subs) {
					t.Errorf("it matches with %q as its cursors", other)
				}
			}
		})
	}
}

// FuzzPattern: a body that matches a pattern means what the pattern was made
// of, but for the cursors.
func FuzzPattern(f *testing.F) {
	f.Add([]byte(`[{"op":"hello","clientid":"x"},{"op":"subscribe","channel":"a","since":"c1"}]`), "c22")
	f.Add([]byte(`[{"op":"subscribe","channel":"c1","since":"c1"},{"op":"subscribe","ref":1,"since":"c1"}]`), "1")
	f.Add([]byte(`[{"op":"subscribe","since":"c1","x\"since":"c1","channel":"c1"}]`), "a-b")
	f.Fuzz(func(t *testing.T, body []byte, cursor string) {
		frames, errs, err := protocol.DecodeClientBatch(body, 16)
		failed := slices.ContainsFunc(errs, func(err error) bool { return err != nil })
		if err != nil || failed || protocol.CheckCursor(protocol.Cursor(cursor)) != nil {
			return
		}
		p := newPattern(body, frames)
		if len(p.cursors) == 0 {
			return
		}
		var changed []byte
		from := 0
		subs := []*subscription{}
		for i, at := range p.cursors {
			c := fmt.Sprint(cursor, i)
			changed = append(append(changed, p.text[from:at]...), c...)
			subs, from = append(subs, &subscription{reached: protocol.Cursor(c)}), at
		}
		changed = append(changed, p.text[from:]...)
		if !p.matches(changed, subs) {
			t.Fatalf("%q with %q as its cursors does not match", changed, cursor)
		}
		got, _, err := protocol.DecodeClientBatch(changed, 16)
		if err != nil {
			t.Fatalf("%q: %v", changed, err)
		}
		next := 0
		for i := range frames {
			if frames[i].Since != "" {
				frames[i].Since = subs[next].reached
				next++
			}
		}
		if !reflect.DeepEqual(got, frames) {
			t.Errorf("%q: got %+v, want %+v", changed, got, frames)
		}
	})
}

// TestToldAtThePlaceAskedFor: who was told something but is to go on from the
// same place, as with a gap in front of a message that is yet to come, may not
// have got the answer when it asks again.
func TestToldAtThePlaceAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, transport.Limits{}, memory.Config{})
		for _, tt := range []struct {
			name    string
			reached protocol.Cursor
			frames  [][]byte
			want    protocol.Cursor
		}{
			{"nothing", "c1", nil, "c1"},
			{"a message", "c2", [][]byte{[]byte("{}")}, "c2"},
			{"a gap", "c1", [][]byte{[]byte("{}")}, ""},
		} {
			l, err := b.hub.Listen(t.Context(), "room", hub.ListenOptions{})
			if err != nil {
				t.Fatal(err)
			}
			s := &subscription{listener: l, cursor: "c1", reached: tt.reached, frames: tt.frames}
			(&exchange{subs: []*subscription{s}}).rest()
			if s.reached != tt.want {
				t.Errorf("%s: got %q, want to go on from %q", tt.name, s.reached, tt.want)
			}
		}
	})
}
