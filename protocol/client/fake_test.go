package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/commchannel/gateway/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A stage is a client whose links are played by the test, within a synctest
// bubble.
type stage struct {
	t *testing.T
	*Client

	mu    sync.Mutex
	ways  []*way // all that were opened
	taken int    // of them, by next
}

// play runs f on a stage. Pauses between attempts have no luck in them: each
// is as short as can be.
func play(t *testing.T, opts Options, f func(*testing.T, *stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		if opts.ClientID == "" {
			opts.ClientID = "me"
		}
		s := &stage{t: t}
		s.Client = newClient(opts.withDefaults(), s.open)
		s.loop.random = func() float64 { return 0 }
		go s.loop.run()
		defer s.Close()
		f(t, s)
	})
}

// A way is a fake link.
type way struct {
	t     *testing.T
	kind  Transport
	hello protocol.ClientFrame
	p     pipe
	begun chan struct{}
	end   chan error
	gone  chan struct{} // closed once the client has ended it
	why   error         // of that
}

func (s *stage) open(kind Transport) link {
	w := &way{t: s.t, kind: kind, begun: make(chan struct{}), gone: make(chan struct{}), end: make(chan error, 1)}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ways = append(s.ways, w)
	return w
}

func (w *way) run(ctx context.Context, p pipe) error {
	hello, err := p.hello(ctx)
	if err != nil {
		return err
	}
	w.hello, w.p = hello, p
	close(w.begun)
	select {
	case err := <-w.end:
		return err
	case <-ctx.Done():
		w.why = context.Cause(ctx)
		close(w.gone)
		return errDropped
	}
}

// cause is why the client has ended w, nil if it did not.
func (w *way) cause() error {
	synctest.Wait()
	select {
	case <-w.gone:
		return w.why
	default:
		return nil
	}
}

// next is the next link that the client has opened, which is to be of a kind.
func (s *stage) next(kind Transport) *way {
	s.t.Helper()
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken == len(s.ways) {
		s.t.Fatalf("no further link was opened, want a %s", kind)
	}
	w := s.ways[s.taken]
	if s.taken++; w.kind != kind {
		s.t.Fatalf("got a %s, want a %s", w.kind, kind)
	}
	return w
}

// none wants that no further link is opened within d.
func (s *stage) none(d time.Duration) {
	s.t.Helper()
	time.Sleep(d)
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken < len(s.ways) {
		s.t.Fatalf("a %s was opened, want none", s.ways[s.taken].kind)
	}
}

// connect is the next link, welcomed.
func (s *stage) connect(kind Transport) *way {
	s.t.Helper()
	w := s.next(kind)
	w.welcome()
	return w
}

// poll brings the client on long-poll: its WebSocket fails.
func (s *stage) poll() *way {
	s.t.Helper()
	s.next(WebSocket).fail()
	return s.connect(LongPoll)
}

func (w *way) welcome() {
	w.t.Helper()
	<-w.begun
	w.say(fmt.Sprintf(`{"op":"welcome","clientid":%q,"version":1,"ping":25,"max_message":65536}`, w.hello.ClientID))
}

// say brings frames to the client.
func (w *way) say(frames ...string) {
	w.t.Helper()
	var all []protocol.ServerFrame
	for _, text := range frames {
		f, err := protocol.DecodeServer([]byte(text))
		if err != nil {
			w.t.Fatalf("%s: %v", text, err)
		}
		all = append(all, f)
	}
	w.p.in(all)
	synctest.Wait()
}

// message brings a message from bob, with its number as cursor and payload.
func (w *way) message(channel string, n int, more ...string) {
	w.t.Helper()
	w.say(messageFrame(channel, n, more...))
}

func messageFrame(channel string, n int, more ...string) string {
	return fmt.Sprintf(`{"op":"message","channel":%q,"cursor":"c%d","id":"m%d","type":"msg","from":"bob","payload":%d%s}`,
		channel, n, n, n, strings.Join(append([]string{""}, more...), ","))
}

// fail ends the link without the gateway's word.
func (w *way) fail() { w.close(closeAbnormal) }

// close ends the link with a code.
func (w *way) close(code protocol.CloseCode) {
	w.end <- &lostError{code: code, err: errors.New("the test ends it")}
	synctest.Wait()
}

// hear is the next frame that the client sends.
func (w *way) hear(op protocol.Op) protocol.ClientFrame {
	w.t.Helper()
	synctest.Wait()
	select {
	case f := <-w.p.out:
		if f.Op != op {
			w.t.Fatalf("the client sent %s, want %s", f.Append(nil), op)
		}
		return f
	default:
		w.t.Fatalf("the client sent nothing, want %s", op)
		return protocol.ClientFrame{}
	}
}

// quiet wants that the client sends nothing.
func (w *way) quiet() {
	w.t.Helper()
	synctest.Wait()
	select {
	case f := <-w.p.out:
		w.t.Fatalf("the client sent %s, want nothing", f.Append(nil))
	default:
	}
}

// subscribed answers a subscribe, with what else is in the answer.
func (w *way) subscribed(f protocol.ClientFrame, cursor string, more ...string) {
	w.t.Helper()
	n, _ := f.Ref.Value()
	w.say(fmt.Sprintf(`{"op":"subscribed","ref":%d,"channel":%q,"cursor":%q%s}`,
		n, f.Channel, cursor, strings.Join(append([]string{""}, more...), ",")))
}

// sent acknowledges a send.
func (w *way) sent(f protocol.ClientFrame, cursor string) {
	w.t.Helper()
	n, _ := f.Ref.Value()
	w.say(fmt.Sprintf(`{"op":"sent","ref":%d,"channel":%q,"id":%q,"cursor":%q}`, n, f.Channel, f.ID, cursor))
}

func (w *way) refuse(f protocol.ClientFrame, code protocol.Code) {
	w.t.Helper()
	n, _ := f.Ref.Value()
	w.say(fmt.Sprintf(`{"op":"error","ref":%d,"code":%q,"message":"no"}`, n, code))
}

func (w *way) pong(f protocol.ClientFrame) {
	w.t.Helper()
	n, _ := f.Ref.Value()
	w.say(fmt.Sprintf(`{"op":"pong","ref":%d}`, n))
}

const (
	recovered    = `"recovered":true`
	notRecovered = `"recovered":false`
)

// An outcome is what a call has returned.
type outcome[T any] struct {
	value T
	err   error
}

// A calling is a call that goes on.
type calling[T any] struct {
	t    *testing.T
	done chan outcome[T]
}

func call[T any](t *testing.T, f func() (T, error)) *calling[T] {
	c := &calling[T]{t, make(chan outcome[T], 1)}
	go func() {
		v, err := f()
		c.done <- outcome[T]{v, err}
	}()
	synctest.Wait()
	return c
}

// result is what it has returned by now.
func (c *calling[T]) result() (T, error) {
	c.t.Helper()
	synctest.Wait()
	select {
	case o := <-c.done:
		return o.value, o.err
	default:
		c.t.Fatal("the call goes on, want it done")
		panic("not reached")
	}
}

// value is what it has returned without an error.
func (c *calling[T]) value() T {
	c.t.Helper()
	v, err := c.result()
	if err != nil {
		c.t.Fatalf("got error %v, want none", err)
	}
	return v
}

// fails wants it to have returned an error that is want.
func (c *calling[T]) fails(want error) {
	c.t.Helper()
	if _, err := c.result(); !errors.Is(err, want) {
		c.t.Fatalf("got error %v, want %v", err, want)
	}
}

// waits wants that the call goes on.
func (c *calling[T]) waits() {
	c.t.Helper()
	synctest.Wait()
	select {
	case o := <-c.done:
		c.t.Fatalf("the call has returned %+v, %v, want it to go on", o.value, o.err)
	default:
	}
}

// subscribe subscribes to a channel over w, at c0.
func (s *stage) subscribe(w *way, channel string, opts SubscribeOptions) *reading {
	s.t.Helper()
	c := call(s.t, func() (*Subscription, error) { return s.Channel(channel).Subscribe(s.t.Context(), opts) })
	w.subscribed(w.hear(protocol.OpSubscribe), "c0")
	return &reading{t: s.t, sub: c.value()}
}

// A reading reads a subscription when the test says so.
type reading struct {
	t   *testing.T
	sub *Subscription
}

// events are those that are there, as "join x", "leave x", "there [x y] of 2",
// "gap", a message's payload, or the error at the end.
func (r *reading) events() []string {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	got := []string{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for e, err := range r.sub.Events(ctx) {
			if !errors.Is(err, context.Canceled) {
				got = append(got, eventText(e, err))
			}
		}
	}()
	synctest.Wait()
	cancel()
	<-done
	return got
}

func eventText(e Event, err error) string {
	if _, ok := errors.AsType[*GapError](err); ok {
		return "gap"
	}
	switch e := e.(type) {
	case *Message:
		return string(e.Payload)
	case Join:
		return "join " + e.ClientID
	case Leave:
		return "leave " + e.ClientID
	case Presence:
		return fmt.Sprintf("there %v of %d", e.Clients, e.Count)
	}
	return err.Error()
}

// want wants these events, and no others, to be there.
func (r *reading) want(want ...string) {
	r.t.Helper()
	if got := r.events(); fmt.Sprint(got) != fmt.Sprint(want) {
		r.t.Errorf("events: got %q, want %q", got, want)
	}
}

func (s *stage) send(channel string, payload any) *calling[Receipt] {
	return call(s.t, func() (Receipt, error) { return s.Channel(channel).Send(s.t.Context(), "msg", payload) })
}

func (s *stage) request(ctx context.Context, channel string) *calling[*Message] {
	return call(s.t, func() (*Message, error) { return s.Channel(channel).Request(ctx, "ask", 1) })
}

func wantFrame(t *testing.T, f protocol.ClientFrame, want string) {
	t.Helper()
	f.Ref = protocol.Ref{}
	if got := string(f.Append(nil)); got != want {
		t.Errorf("frame: got %s, want %s", got, want)
	}
}

func raw(text string) json.RawMessage { return json.RawMessage(text) }

// mustEnd is what a link has ended with.
func mustEnd(t *testing.T, ended <-chan error) *lostError {
	t.Helper()
	synctest.Wait()
	select {
	case err := <-ended:
		return asLost(err)
	default:
		t.Fatal("the link goes on, want it ended")
		return nil
	}
}
