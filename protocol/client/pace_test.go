package client

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/commchannel/gateway/protocol"
)

// held is the exchange that holds room at a place.
func (r *pollRig) held(place string) *post {
	r.t.Helper()
	return r.next(fmt.Sprintf(`{"op":"subscribe","ref":1,"channel":"room","since":%q}`, place))
}

// after wants that no exchange comes before a pause is over.
func (r *pollRig) after(pause time.Duration) {
	r.t.Helper()
	if pause == 0 {
		return
	}
	time.Sleep(pause - 1)
	r.none()
	time.Sleep(time.Nanosecond)
}

func TestAnswersAtOnceThatBringNothingAreLeftLongerAndLonger(t *testing.T) {
	const (
		gap   = `{"op":"gap","channel":"room","cursor":"c0"}`
		fault = `{"op":"error","code":"internal","message":"no"}`
	)
	lost := subscribedAt("c0", notRecovered)
	for _, tt := range []struct {
		name   string
		answer []string
		pauses []int // in seconds, before the second exchange, the third...
	}{
		{"empty", nil, []int{2, 4, 5, 5, 5}},
		{"a later version's frames", []string{`{"op":"dance"}`}, []int{2, 4, 5}},
		{"not recovered", []string{lost}, []int{0, 0, 5, 5, 5}},
		{"not recovered, and the same messages again", []string{lost, messageFrame("room", 7), messageFrame("room", 0)}, []int{0, 0, 5}},
		{"gaps", []string{gap}, []int{0, 0, 5}},
		{"recovered, and nothing behind it", []string{subscribedAt("c0", recovered)}, []int{0, 0, 5}},
		{"an error", []string{fault}, []int{0, 0, 5}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			polls(t, func(t *testing.T, r *pollRig) {
				held := r.begin()
				for _, seconds := range tt.pauses {
					held.reply(tt.answer...)
					r.after(time.Duration(seconds) * time.Second)
					held = r.held("c0")
				}
			})
		})
	}
}

func subscribedAt(cursor, more string) string {
	return fmt.Sprintf(`{"op":"subscribed","ref":1,"channel":"room","cursor":%q,%s}`, cursor, more)
}

func TestPaceIsForgotten(t *testing.T) {
	for _, tt := range []struct {
		name   string
		held   time.Duration
		answer []string
		place  string
	}{
		{"by a message", 0, []string{subscribedAt("c0", recovered), messageFrame("room", 1)}, "c1"},
		{"by a message behind a gap", 0, []string{subscribedAt("c0", notRecovered), messageFrame("room", 1)}, "c1"},
		{"by a join", 0, []string{subscribedAt("c0", recovered), `{"op":"join","channel":"room","clientid":"x"}`}, "c0"},
		{"by an exchange that was held", exchangeShort, nil, "c0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			polls(t, func(t *testing.T, r *pollRig) {
				held := r.begin()
				for range 2 {
					held.reply(subscribedAt("c0", notRecovered))
					held = r.held("c0")
				}
				time.Sleep(tt.held)
				held.reply(tt.answer...)
				for range 2 {
					r.held(tt.place).reply(subscribedAt(tt.place, notRecovered))
				}
				r.held(tt.place)
			})
		})
	}
}

// One's own messages end held exchanges, which then have nothing but a place.
func TestSendingALotIsNoReasonForPauses(t *testing.T) {
	polls(t, func(t *testing.T, r *pollRig) {
		held := r.begin()
		for n := range int64(5) {
			r.say(protocol.ClientFrame{Op: protocol.OpSend, Ref: protocol.NewRef(n + 10), Channel: "room"})
			prompt := r.find(func(p *post) bool { return strings.Contains(p.body, `"op":"send"`) }, "with the send")
			place := fmt.Sprintf("c%d", n+1)
			held.reply(subscribedAt(place, recovered))
			held = r.held(place)
			prompt.reply(welcomeFrame, fmt.Sprintf(`{"op":"sent","ref":%d,"channel":"room","id":"x","cursor":%q}`, n+10, place))
		}
	})
}

// A subscription that is not answered is asked for again, but not at once, and
// holds nothing else up.
func TestSubscriptionWithoutAnAnswerIsAskedForAgainLater(t *testing.T) {
	polls(t, func(t *testing.T, r *pollRig) {
		r.next(ping).reply(welcomeFrame)
		r.subscribe(1, "room", "c0")
		for _, pause := range []time.Duration{2 * time.Second, 4 * time.Second, 5 * time.Second} {
			r.next(`{"op":"subscribe","ref":1,"channel":"room","since":"c0"}`, ping).reply(welcomeFrame, `{"op":"dance"}`)
			r.after(pause)
		}
		r.next(`{"op":"subscribe","ref":1,"channel":"room","since":"c0"}`, ping).reply(welcomeFrame)
		r.say(protocol.ClientFrame{Op: protocol.OpPing, Ref: protocol.NewRef(7)})
		r.next(`{"op":"ping","ref":7}`).reply(welcomeFrame, `{"op":"pong","ref":7}`)
		r.want("welcome", "pong")
		r.subscribe(2, "other", "")
		r.next(`{"op":"subscribe","ref":2,"channel":"other"}`, ping).
			reply(welcomeFrame, `{"op":"subscribed","ref":2,"channel":"other","cursor":"x0"}`)
		r.want("subscribed")
		r.next(`{"op":"subscribe","ref":2,"channel":"other","since":"x0"}`)
		r.next(`{"op":"subscribe","ref":1,"channel":"room","since":"c0"}`, ping)
	})
}
