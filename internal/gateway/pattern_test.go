package gateway

import (
	"slices"
	"testing"

	"github.com/commchannel/gateway/protocol"
)

func TestMatchAny(t *testing.T) {
	if matchAny(nil) != nil {
		t.Error("without patterns: got something that may be asked, want nil")
	}
	match := matchAny([]string{"room_*", "*.lobby", "a.c"})
	for channel, want := range map[string]bool{
		"room_1": true, "room_": true, "room": false, "chatroom_1": false,
		"x.lobby": true, "x.lobby2": false, "a.c": true, "abc": false, "ROOM_1": false,
	} {
		if got := match(channel); got != want {
			t.Errorf("%s: got %t, want %t", channel, got, want)
		}
	}
	if !matchAny([]string{"*"})("日本") {
		t.Error("the pattern * does not match every name")
	}
}

func TestPresenceIsOfTheChannelsGiven(t *testing.T) {
	r := start(t, Config{Presence: []string{"room_*"}})
	alice, bob := r.dial("/channel?clientid=alice"), r.dial("/channel?clientid=bob")
	wantOp(t, read(t, alice), protocol.OpWelcome)
	wantOp(t, read(t, bob), protocol.OpWelcome)
	write(t, alice, `{"op":"subscribe","channel":"room_1"}`)
	wantOp(t, read(t, alice), protocol.OpSubscribed)
	write(t, bob, `{"op":"subscribe","channel":"room_1"}`)
	wantOp(t, read(t, bob), protocol.OpSubscribed)
	wantOp(t, read(t, alice), protocol.OpJoin)
	write(t, bob, `{"op":"presence","channel":"room_1"}`)
	if f := read(t, bob); !slices.Equal(f.Clients, []string{"alice", "bob"}) {
		t.Errorf("got %s, want both", f.Append(nil))
	}
	write(t, bob, `{"op":"presence","channel":"den"}`)
	if f := read(t, bob); f.Code != protocol.CodeForbidden {
		t.Errorf("got %s, want forbidden", f.Append(nil))
	}
}
