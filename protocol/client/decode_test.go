package client

import (
	"fmt"
	"strings"
	"testing"

	"github.com/commchannel/gateway/protocol"
)

func TestReadFrame(t *testing.T) {
	const unreadable = "client: a frame can't be read: protocol: bad_frame: "
	gap := protocol.ServerFrame{Op: protocol.OpGap, Channel: "room", Cursor: "c1"}
	for _, tt := range []struct {
		name  string
		text  string
		want  protocol.ServerFrame
		known bool
		fault string // how the error begins; "": there is none
	}{
		{"a frame", `{"op":"gap","channel":"room","cursor":"c1","new":[]}`, gap, true, ""},
		{"a later version's", `{"op":"dance","channel":"room"}`, protocol.ServerFrame{}, false, ""},
		{"a later version's, whose fields are other ones", `{"channel":["room"],"op":"dance","ref":"one"}`, protocol.ServerFrame{}, false, ""},
		{"a later version's with a long name", `{"op":"` + strings.Repeat("d", 33) + `"}`, protocol.ServerFrame{}, false, ""},
		{"a later version's that nests deep", `{"op":"dance","x":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, protocol.ServerFrame{}, false, ""},
		{"a message with a field that can't be", `{"op":"message","channel":"room","cursor":"c1","time":1.5}`, gap, true, ""},
		{"a message with null in the place of a text", `{"from":null,"op":"message","channel":"room","cursor":"c1"}`, gap, true, ""},
		{"a message with half a surrogate pair", `{"op":"message","channel":"room","cursor":"c1","payload":"\ud800"}`, gap, true, ""},
		{"a message that nests too deep", `{"op":"message","channel":"room","cursor":"c1","payload":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, gap, true, ""},
		{"a gap with a field that can't be", `{"op":"gap","channel":"room","cursor":"c1","id":7}`, gap, true, ""},
		{"a message without a place", `{"op":"message","channel":"room","time":1.5}`, protocol.ServerFrame{}, false, unreadable + `"time"`},
		{"a message whose place can't be", `{"op":"message","channel":"room","cursor":"c 1","time":1.5}`, protocol.ServerFrame{}, false, unreadable + `"time"`},
		{"a message whose channel can't be", `{"op":"message","channel":7,"cursor":"c1"}`, protocol.ServerFrame{}, false, unreadable + `"channel"`},
		{"a message whose channel is told twice", `{"op":"message","channel":"room","cursor":"c1","channel":7}`, protocol.ServerFrame{}, false, unreadable + `"channel"`},
		{"an answer with a field that can't be", `{"op":"sent","ref":1,"cursor":7}`, protocol.ServerFrame{}, false, unreadable + `"cursor"`},
		{"no op", `{"channel":"room"}`, protocol.ServerFrame{}, false, unreadable + `"op" is missing`},
		{"an op that is no text", `{"op":7}`, protocol.ServerFrame{}, false, unreadable + `"op"`},
		{"no object", `[]`, protocol.ServerFrame{}, false, unreadable},
		{"no JSON", `{"op":"dance"`, protocol.ServerFrame{}, false, unreadable + "not JSON"},
		{"no UTF-8", "{\"op\":\"message\",\"channel\":\"room\",\"cursor\":\"c1\",\"payload\":\"\xff\"}", protocol.ServerFrame{}, false, unreadable + "not valid UTF-8"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, known, err := readFrame([]byte(tt.text))
			if known != tt.known || known && string(f.Append(nil)) != string(tt.want.Append(nil)) {
				t.Errorf("got %s, %t, want %s, %t", f.Append(nil), known, tt.want.Append(nil), tt.known)
			}
			if (err != nil) != (tt.fault != "") || err != nil && !strings.HasPrefix(err.Error(), tt.fault) {
				t.Errorf("got error %v, want %q", err, tt.fault)
			}
		})
	}
}

func TestReadFrames(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer string
		want   string // ops
		fault  bool
	}{
		{"none", ` [ ] `, "[]", false},
		{"some, and a later version's", `[{"op":"dance"},` + welcomeFrame + `,{"op":"dance","ref":[]},{"op":"pong","ref":1}]`, "[welcome pong]", false},
		{"some before one that can't be read", `[{"op":"pong","ref":1},{"op":"sent","ref":{}},{"op":"pong","ref":2}]`, "[pong]", true},
		{"no array", welcomeFrame, "[]", true},
		{"nothing", ``, "[]", true},
		{"a piece", `[` + welcomeFrame, "[]", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			frames, err := readFrames([]byte(tt.answer))
			var ops []protocol.Op
			for _, f := range frames {
				ops = append(ops, f.Op)
			}
			if fmt.Sprint(ops) != tt.want || (err != nil) != tt.fault {
				t.Errorf("got %v, %v, want %s and a fault: %t", ops, err, tt.want, tt.fault)
			}
		})
	}
}
