package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/commchannel/gateway/protocol"
)

// A pollRig is a longPoll whose gateway and whose loop are played by the test.
type pollRig struct {
	t      *testing.T
	out    chan protocol.ClientFrame
	frames []string // that came, as "op" or "op payload"
	posts  chan *post
	end    context.CancelCauseFunc
	ended  chan error

	waiting []*post // of posts, the test's
}

// A post is an exchange that waits for its answer.
type post struct {
	t      *testing.T
	body   string
	answer chan *http.Response
	ctx    context.Context
}

func (r *pollRig) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	p := &post{r.t, string(body), make(chan *http.Response, 1), req.Context()}
	r.posts <- p
	select {
	case resp := <-p.answer:
		if resp == nil {
			return nil, io.ErrUnexpectedEOF
		}
		return resp, nil
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
}

func polls(t *testing.T, f func(*testing.T, *pollRig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &pollRig{t: t, out: make(chan protocol.ClientFrame), posts: make(chan *post, 100), ended: make(chan error, 1)}
		var ctx context.Context
		ctx, r.end = context.WithCancelCause(t.Context())
		l := newLongPoll("http://gateway/channel", &http.Client{Transport: r}, Options{}.withDefaults().Backoff)
		l.random = func() float64 { return 1 } // each pause as long as can be
		go func() {
			r.ended <- l.run(ctx, pipe{
				hello: func(context.Context) (protocol.ClientFrame, error) {
					return protocol.ClientFrame{Op: protocol.OpHello, ClientID: "me"}, nil
				},
				out: r.out,
				in: func(frames []protocol.ServerFrame) bool {
					for _, f := range frames {
						r.frames = append(r.frames, strings.TrimSpace(string(f.Op)+" "+string(f.Payload)))
					}
					return true
				},
			})
		}()
		f(t, r)
		r.end(errDropped)
		synctest.Wait()
		r.none()
	})
}

const welcomeFrame = `{"op":"welcome","clientid":"me","version":1,"ping":25,"max_message":65536}`

// next is the exchange that has these frames behind its hello. It is to be
// there.
func (r *pollRig) next(want ...string) *post {
	r.t.Helper()
	body := "[" + strings.Join(append([]string{`{"op":"hello","clientid":"me"}`}, want...), ",") + "]"
	return r.find(func(p *post) bool { return p.body == body }, body)
}

func (r *pollRig) find(right func(*post) bool, want string) *post {
	r.t.Helper()
	synctest.Wait()
	for len(r.posts) > 0 {
		r.waiting = append(r.waiting, <-r.posts)
	}
	i := slices.IndexFunc(r.waiting, right)
	if i < 0 {
		for _, p := range r.waiting {
			r.t.Logf("there is %s", p.body)
		}
		r.t.Fatalf("there is no exchange %s", want)
	}
	p := r.waiting[i]
	r.waiting = slices.Delete(r.waiting, i, i+1)
	return p
}

func (r *pollRig) none() {
	r.t.Helper()
	synctest.Wait()
	if n := len(r.posts) + len(r.waiting); n > 0 {
		r.t.Fatalf("there are %d exchanges, want none", n)
	}
}

func (p *post) reply(frames ...string) { p.status(200, "["+strings.Join(frames, ",")+"]") }

func (p *post) status(status int, body string, header ...string) {
	h := http.Header{}
	if len(header) > 0 {
		h.Set(header[0], header[1])
	}
	p.answer <- &http.Response{StatusCode: status, Status: fmt.Sprint(status), Header: h, Body: io.NopCloser(strings.NewReader(body))}
	synctest.Wait()
}

func (p *post) wantAborted() {
	p.t.Helper()
	synctest.Wait()
	if p.ctx.Err() == nil {
		p.t.Errorf("exchange %s goes on, want it aborted", p.body)
	}
}

func (r *pollRig) say(f protocol.ClientFrame) {
	r.t.Helper()
	select {
	case r.out <- f:
	case <-time.After(time.Second):
		r.t.Fatalf("%s was not taken", f.Append(nil))
	}
	synctest.Wait()
}

func (r *pollRig) subscribe(ref int64, channel string, since protocol.Cursor) {
	r.t.Helper()
	r.say(protocol.ClientFrame{Op: protocol.OpSubscribe, Ref: protocol.NewRef(ref), Channel: channel, Since: since})
}

func (r *pollRig) want(want ...string) {
	r.t.Helper()
	synctest.Wait()
	if fmt.Sprint(r.frames) != fmt.Sprint(want) {
		r.t.Errorf("frames: got %q, want %q", r.frames, want)
	}
	r.frames = nil
}

const ping = `{"op":"ping"}`

// begin brings the link to hold a channel at c0.
func (r *pollRig) begin() *post {
	r.t.Helper()
	r.next(ping).reply(welcomeFrame)
	r.want("welcome")
	r.subscribe(1, "room", "")
	r.next(`{"op":"subscribe","ref":1,"channel":"room"}`, ping).reply(welcomeFrame, `{"op":"subscribed","ref":1,"channel":"room","cursor":"c0"}`)
	r.want("subscribed")
	return r.next(`{"op":"subscribe","ref":1,"channel":"room","since":"c0"}`)
}

func TestPollHoldsAnExchangeFromWhereItIs(t *testing.T) {
	polls(t, func(t *testing.T, r *pollRig) {
		held := r.begin()
		r.none()
		held.reply(`{"op":"subscribed","ref":1,"channel":"room","cursor":"c0","recovered":true}`, messageFrame("room", 1), messageFrame("room", 2))
		r.want("subscribed", "message 1", "message 2")
		held = r.next(`{"op":"subscribe","ref":1,"channel":"room","since":"c2"}`)
		held.reply(`{"op":"gap","channel":"room","cursor":"c5"}`)
		r.want("gap")
		held = r.next(`{"op":"subscribe","ref":1,"channel":"room","since":"c5"}`)
		time.Sleep(25 * time.Second)
		held.reply()
		r.want()
		r.next(`{"op":"subscribe","ref":1,"channel":"room","since":"c5"}`)
	})
}

func TestSendsGoBesideTheHeldExchangeOneAtATimeInOrder(t *testing.T) {
	polls(t, func(t *testing.T, r *pollRig) {
		held := r.begin()
		send := func(n int64) protocol.ClientFrame {
			return protocol.ClientFrame{Op: protocol.OpSend, Ref: protocol.NewRef(n), Channel: "room", Payload: raw(fmt.Sprint(n))}
		}
		frame := func(n int64) string { f := send(n); return string(f.Append(nil)) }
		r.say(send(2))
		first := r.next(frame(2))
		r.say(send(3))
		r.say(send(4))
		r.none()
		first.reply(welcomeFrame, `{"op":"sent","ref":2,"channel":"room","id":"x","cursor":"c1"}`)
		r.want("sent")
		r.next(frame(3), frame(4))
		if held.ctx.Err() != nil {
			t.Error("the held exchange was aborted")
		}
	})
}

func TestPollRestartsForAnotherChannel(t *testing.T) {
	polls(t, func(t *testing.T, r *pollRig) {
		held := r.begin()
		r.subscribe(2, "other", "x7")
		// Answered at once: who subscribes waits for it.
		r.next(`{"op":"subscribe","ref":2,"channel":"other","since":"x7"}`, ping).
			reply(`{"op":"subscribed","ref":2,"channel":"other","cursor":"x7","recovered":true}`, messageFrame("other", 8))
		held.wantAborted()
		r.want("subscribed", "message 8")
		p := r.find(func(p *post) bool {
			return strings.Contains(p.body, `"channel":"room","since":"c0"`) && strings.Contains(p.body, `"channel":"other","since":"c8"`)
		}, "with both channels")
		r.say(protocol.ClientFrame{Op: protocol.OpUnsubscribe, Channel: "room"})
		p.wantAborted()
		r.next(`{"op":"subscribe","ref":2,"channel":"other","since":"c8"}`)
	})
}

func TestAnswerForASubscriptionThatIsNoMoreIsDropped(t *testing.T) {
	polls(t, func(t *testing.T, r *pollRig) {
		r.next(ping).reply(welcomeFrame)
		r.want("welcome")
		r.subscribe(1, "room", "")
		late := r.next(`{"op":"subscribe","ref":1,"channel":"room"}`, ping)
		r.say(protocol.ClientFrame{Op: protocol.OpUnsubscribe, Channel: "room"})
		r.subscribe(2, "room", "c3")
		late.reply(`{"op":"subscribed","ref":1,"channel":"room","cursor":"c0"}`, messageFrame("room", 1))
		r.want()
		r.next(`{"op":"subscribe","ref":2,"channel":"room","since":"c3"}`, ping)
	})
}

func TestRefusedSubscribeIsNotAskedForAgain(t *testing.T) {
	polls(t, func(t *testing.T, r *pollRig) {
		r.next(ping).reply(welcomeFrame)
		r.subscribe(1, "room", "")
		r.next(`{"op":"subscribe","ref":1,"channel":"room"}`, ping).reply(`{"op":"error","ref":1,"code":"forbidden","message":"no"}`)
		r.want("welcome", "error")
		r.none()
	})
}

func TestHeldExchangeWithoutAnAnswerIsFollowedByAPing(t *testing.T) {
	polls(t, func(t *testing.T, r *pollRig) {
		r.begin()
		time.Sleep(exchangeHeld)
		r.next(ping).reply(`{"op":"welcome","clientid":"me","version":1,"ping":25,"max_message":65536}`)
		r.next(`{"op":"subscribe","ref":1,"channel":"room","since":"c0"}`)
		time.Sleep(exchangeHeld)
		r.next(ping)
		r.next(`{"op":"subscribe","ref":1,"channel":"room","since":"c0"}`)
		time.Sleep(exchangeAnswer)
		if lost := mustEnd(t, r.ended); lost.code != closeAbnormal || !errors.Is(lost, context.DeadlineExceeded) {
			t.Errorf("without an answer to the ping: got %v, want it lost", lost)
		}
	})
}

func TestGatewayThatDrainsEndsThePoll(t *testing.T) {
	polls(t, func(t *testing.T, r *pollRig) {
		r.begin().reply(messageFrame("room", 1), `{"op":"bye","reason":"draining","retry":1500}`)
		r.want("message 1", "bye")
		if lost := mustEnd(t, r.ended); lost.code != protocol.CloseDraining {
			t.Errorf("got %v, want it drained", lost)
		}
	})
}

func TestAnswersThatEndThePoll(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		body   string
		header []string
		code   protocol.CloseCode
		retry  time.Duration
	}{
		{"unauthorized", 401, `{"code":"unauthorized","message":"no"}`, nil, 4201, 0},
		{"token expired", 401, `{"code":"token_expired","message":"no"}`, nil, 4202, 0},
		{"forbidden", 403, `{"code":"forbidden","message":"no"}`, nil, 4203, 0},
		{"bad client", 400, `{"code":"bad_client","message":"no"}`, nil, 4200, 0},
		{"a bad request", 400, `{"code":"bad_frame","message":"no"}`, nil, closeAbnormal, 0},
		{"a proxy's own", 403, `<html>`, nil, closeAbnormal, 0},
		{"store down", 503, `{"code":"unavailable","message":"no"}`, []string{"Retry-After", "7"}, closeAbnormal, 7 * time.Second},
		{"a long way off", 503, ``, []string{"Retry-After", "3600"}, closeAbnormal, mostPause},
		{"no JSON", 200, `<html>`, nil, closeAbnormal, 0},
		{"no array", 200, `{"op":"welcome"}`, nil, closeAbnormal, 0},
		{"a refusal in the answer", 200, `[{"op":"error","code":"unauthorized","message":"no"}]`, nil, 4201, 0},
		{"too long", 200, `["` + strings.Repeat("x", maxAnswer) + `"]`, nil, closeAbnormal, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			polls(t, func(t *testing.T, r *pollRig) {
				r.next(ping).status(tt.status, tt.body, tt.header...)
				if lost := mustEnd(t, r.ended); lost.code != tt.code || lost.retry != tt.retry {
					t.Errorf("got %v, code %d, retry %v; want code %d, retry %v", lost, lost.code, lost.retry, tt.code, tt.retry)
				}
			})
		})
	}
}

func TestErrorAboutARequestDoesNotEndThePoll(t *testing.T) {
	polls(t, func(t *testing.T, r *pollRig) {
		r.next(ping).reply(welcomeFrame)
		r.say(protocol.ClientFrame{Op: protocol.OpPresence, Ref: protocol.NewRef(5), Channel: "room"})
		r.next(`{"op":"presence","ref":5,"channel":"room"}`).
			reply(`{"op":"error","ref":5,"code":"forbidden","message":"no"}`, `{"op":"error","code":"bad_frame","message":"no"}`)
		r.want("welcome", "error", "error")
		r.none()
	})
}

// The welcome need not come first, nor at all: to be answered is to be welcome.
func TestFirstAnswerOfAPoll(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer []string
		want   []string
		fault  string // "": there is none
	}{
		{"a welcome", []string{welcomeFrame}, []string{"welcome"}, ""},
		{"a later version's frame before it", []string{`{"op":"dance","ref":{}}`, welcomeFrame}, []string{"welcome"}, ""},
		{"another frame before it", []string{`{"op":"pong","ref":1}`, welcomeFrame}, []string{"welcome", "pong"}, ""},
		{"twice", []string{welcomeFrame, welcomeFrame}, []string{"welcome"}, ""},
		{"another frame alone", []string{`{"op":"pong","ref":1}`}, []string{"welcome", "pong"}, ""},
		{"nothing", nil, nil, "the answer to hello is empty"},
		{"a later version's frame alone", []string{`{"op":"dance"}`}, nil, "the answer to hello is empty"},
		{"an error", []string{`{"op":"error","code":"internal","message":"not today"}`}, nil, "not today"},
		{"a frame that can't be read", []string{`{"op":"welcome","ping":"often"}`}, nil, "can't be read"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			polls(t, func(t *testing.T, r *pollRig) {
				r.next(ping).reply(tt.answer...)
				r.want(tt.want...)
				if tt.fault == "" {
					r.subscribe(1, "room", "")
					r.next(`{"op":"subscribe","ref":1,"channel":"room"}`, ping)
				} else if lost := mustEnd(t, r.ended); lost.code != closeAbnormal || !strings.Contains(lost.Error(), tt.fault) {
					t.Errorf("got %v, want the link lost with %q", lost, tt.fault)
				}
			})
		})
	}
}

// What is in an answer before a frame that can't be read is not lost.
func TestAnswerThatCannotBeReadToItsEnd(t *testing.T) {
	polls(t, func(t *testing.T, r *pollRig) {
		held := r.begin()
		held.reply(messageFrame("room", 1), `{"op":"message","channel":"room","cursor":"c2","time":"noon"}`, messageFrame("room", 3))
		r.want("message 1", "gap", "message 3")
		r.held("c3").reply(messageFrame("room", 4), `{"op":"subscribed","channel":7}`, messageFrame("room", 5))
		r.want("message 4")
		if lost := mustEnd(t, r.ended); lost.code != closeAbnormal || !strings.Contains(lost.Error(), "can't be read") {
			t.Errorf("got %v, want the link lost", lost)
		}
	})
}

func TestOneExchangeTakesNoMoreThanTheGatewayReads(t *testing.T) {
	polls(t, func(t *testing.T, r *pollRig) {
		first := r.next(ping)
		f := protocol.ClientFrame{Op: protocol.OpSend, Channel: "room", Payload: raw(`"` + strings.Repeat("x", 29_998) + `"`)}
		for range 4 {
			r.say(f)
		}
		first.reply(welcomeFrame)
		one := string(f.Append(nil))
		r.next(one, one).reply()
		r.next(one, one).reply()

		f.Payload = nil
		r.say(f)
		busy := r.next(string(f.Append(nil)))
		for range exchangeFrames {
			r.say(f)
		}
		select { // now it takes no more
		case r.out <- f:
			t.Error("a frame was taken, want it to wait")
		case <-time.After(time.Second):
		}
		busy.reply()
		r.find(func(p *post) bool { return strings.Count(p.body, `"send"`) == exchangeFrames-1 }, "as full as can be")
	})
}
