package client

import (
	"slices"
	"testing"
	"time"

	"github.com/commchannel/gateway/protocol"
)

func TestPollThatLeavesSaysGoodbye(t *testing.T) {
	const (
		farewell = `{"op":"unsubscribe","channel":"room"}`
		ask      = `{"op":"presence","channel":"room"}`
	)
	there := func(ids string) string {
		return `{"op":"presence","channel":"room","clients":[` + ids + `],"count":2}`
	}
	leave := &leaving{[]protocol.ClientFrame{{Op: protocol.OpUnsubscribe, Channel: "room"}}}
	for _, tt := range []struct {
		name    string
		held    time.Duration // of the exchange that is broken off
		answers []string      // to one goodbye after the other
	}{
		{"gone at once", exchangeYoung, []string{there(`"other"`)}},
		{"no presence kept", 0, []string{`{"op":"error","code":"forbidden","message":"no"}`}},
		{"gone once the exchange has ended over there", exchangeYoung, []string{there(`"me","other"`), there(`"me"`), there("")}},
		{"the exchange may not have begun over there", 0, slices.Repeat([]string{there("")}, goodbyesYoung)},
		{"the exchange begins over there", 0, []string{there(""), there(`"me"`), there(""), there(""), there(""), there("")}},
		{"never gone", exchangeYoung, slices.Repeat([]string{there(`"me"`)}, goodbyes)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			polls(t, func(t *testing.T, r *pollRig) {
				held := r.begin()
				time.Sleep(tt.held)
				r.end(leave)
				held.wantAborted()
				for n, answer := range tt.answers {
					r.next(farewell, ask).reply(answer)
					if n < len(tt.answers)-1 {
						r.after(goodbyePause << n)
					}
				}
				mustEnd(t, r.ended)
			})
		})
	}
}

func TestGoodbyeOfAPollIsBounded(t *testing.T) {
	polls(t, func(t *testing.T, r *pollRig) {
		r.begin()
		began := time.Now()
		r.end(&leaving{[]protocol.ClientFrame{{Op: protocol.OpUnsubscribe, Channel: "room"}}})
		r.next(`{"op":"unsubscribe","channel":"room"}`, `{"op":"presence","channel":"room"}`)
		<-r.ended
		if took := time.Since(began); took > goodbye {
			t.Errorf("it took %v, want at most %v", took, goodbye)
		}
	})
}

func TestPollWithoutSubscriptionsLeavesInSilence(t *testing.T) {
	polls(t, func(t *testing.T, r *pollRig) {
		r.next(ping).reply(welcomeFrame)
		r.end(&leaving{})
		mustEnd(t, r.ended)
		r.none()
	})
}
