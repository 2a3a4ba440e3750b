package legacy

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/commchannel/gateway/hub"
	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/transport"
)

// wantPresent wants ids to be in the lobby.
func (b *bench) wantPresent(ids ...string) {
	b.t.Helper()
	f, err := b.hub.Presence("lobby", protocol.Ref{})
	if err != nil || !slices.Equal(f.Clients, ids) {
		b.t.Errorf("present: got %v %v, want %v", f.Clients, err, ids)
	}
}

const zoe, yan = "channelid=lobby&clientid=zoe", "channelid=lobby&clientid=yan"

// TestPresence: a client is there from its second poll on, over its pauses,
// and a while beyond.
func TestPresence(t *testing.T) {
	for _, tt := range []struct{ name, more string }{{"held", ""}, {"answered at once", now}} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, transport.Limits{})
				wake := make(transport.Signal, 1)
				watcher, err := b.hub.Listen(t.Context(), "lobby", hub.ListenOptions{Presence: true, Wake: wake.Wake})
				if err != nil {
					t.Fatal(err)
				}
				defer watcher.Close()
				b.poll(zoe) // finds its place
				b.wantPresent()
				for range 3 {
					time.Sleep(500 * time.Millisecond)
					want(t, b.poll(zoe+tt.more))
					b.wantPresent("zoe")
				}
				last := time.Now()
				var got []string
				for len(got) < 2 && time.Since(last) < time.Minute {
					select {
					case <-wake:
					case <-time.After(time.Minute):
					}
					for _, e := range watcher.Events(nil) {
						got = append(got, string(e))
					}
				}
				want(t, got, `{"op":"join","channel":"lobby","clientid":"zoe"}`, `{"op":"leave","channel":"lobby","clientid":"zoe"}`)
				if took := time.Since(last); took != 5*time.Second {
					t.Errorf("gone %v after the last poll, want 5s", took)
				}
				b.wantPresent()
			})
		})
	}
}

// TestComingDoesNotEndAPoll: who polls is told nothing of who comes and goes.
func TestComingDoesNotEndAPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, transport.Limits{})
		b.poll(zoe)
		b.poll(yan)
		answer := b.start(zoe)
		b.poll(yan + now)
		isHeld(t, answer)
		time.Sleep(10 * time.Second)
		isHeld(t, answer)
		b.wantPresent("zoe")
		b.send("lobby", m1)
		want(t, <-answer, m1)
	})
}
