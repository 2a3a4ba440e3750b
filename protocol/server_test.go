package protocol_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/commchannel/gateway/protocol"
)

func TestDecodeServer(t *testing.T) {
	for _, g := range serverFrames(t) {
		t.Run(g.Name, func(t *testing.T) {
			got, err := protocol.DecodeServer(g.text())
			if err != nil {
				t.Fatal(err)
			}
			if want := g.Frame.frame(g.Payload); !sameServer(got, want) {
				t.Errorf("decoded\n got %+v\nwant %+v", got, want)
			}
			if text := string(got.Append(nil)); text != g.JSON {
				t.Errorf("encoded\n got %s\nwant %s", text, g.JSON)
			}
		})
	}
}

func TestDecodeServerBatch(t *testing.T) {
	rows := serverFrames(t)
	texts := make([]string, len(rows))
	for i, g := range rows {
		texts[i] = string(g.text())
	}
	frames, err := protocol.DecodeServerBatch([]byte("\n[ " + strings.Join(texts, " , ") + " ]"))
	if err != nil {
		t.Fatal(err)
	}
	if len(frames) != len(rows) {
		t.Fatalf("got %d frames, want %d", len(frames), len(rows))
	}
	for i, g := range rows {
		if want := g.Frame.frame(g.Payload); !sameServer(frames[i], want) {
			t.Errorf("%s:\n got %+v\nwant %+v", g.Name, frames[i], want)
		}
	}
	if frames, err := protocol.DecodeServerBatch([]byte("[]")); len(frames) != 0 || err != nil {
		t.Errorf("an empty answer: got %v, %v", frames, err)
	}
}

var badServerFrames = []struct{ name, in string }{
	{"nothing", ""},
	{"not JSON", "<html>502 Bad Gateway</html>"},
	{"half an object", `{"op":"pong"`},
	{"not UTF-8", "{\"op\":\"pong\",\"x\":\"\xff\"}"},
	{"half a surrogate pair", `{"op":"pong","x":"\ud800"}`},
	{"too deep", `{"op":"pong","x":` + deep(protocol.MaxDepth) + `}`},
	{"a text", `"pong"`},
	{"null", `null`},
	{"no op", `{"ref":1}`},
	{"op is a number", `{"op":1}`},
	{"an op of 33 bytes", `{"op":"` + strings.Repeat("x", 33) + `"}`},
	{"ref is a text", `{"op":"pong","ref":"1"}`},
	{"channel is a number", `{"op":"gap","channel":1,"cursor":"c"}`},
	{"channel is too long", `{"op":"gap","channel":"` + strings.Repeat("x", protocol.MaxChannel+1) + `","cursor":"c"}`},
	{"cursor is too long", `{"op":"gap","channel":"c","cursor":"` + strings.Repeat("x", protocol.MaxCursor+1) + `"}`},
	{"client id is too long", `{"op":"join","channel":"c","clientid":"` + strings.Repeat("x", protocol.MaxClientID+1) + `"}`},
	{"id is null", `{"op":"sent","id":null}`},
	{"type is an object", `{"op":"message","type":{}}`},
	{"from is a number", `{"op":"message","from":5}`},
	{"reply_to is a list", `{"op":"message","reply_to":[]}`},
	{"code is a number", `{"op":"error","code":404}`},
	{"message is a number", `{"op":"error","message":404}`},
	{"reason is a number", `{"op":"bye","reason":1}`},
	{"recovered is a text", `{"op":"subscribed","recovered":"true"}`},
	{"clients is an object", `{"op":"presence","clients":{}}`},
	{"clients holds a number", `{"op":"presence","clients":["a",1]}`},
	{"time is a fraction", `{"op":"message","time":1.5}`},
	{"retry is beyond 32 bits", `{"op":"bye","retry":2147483648}`},
	{"retry is below 32 bits", `{"op":"bye","retry":-2147483649}`},
	{"ping is beyond 64 bits", `{"op":"welcome","ping":9223372036854775808}`},
	{"version is a text", `{"op":"welcome","version":"1"}`},
	{"max_message is null", `{"op":"welcome","max_message":null}`},
	{"count is a list", `{"op":"presence","count":[]}`},
}

func TestDecodeServerRefuses(t *testing.T) {
	for _, tt := range badServerFrames {
		t.Run(tt.name, func(t *testing.T) {
			_, err := protocol.DecodeServer([]byte(tt.in))
			wantError(t, err, protocol.CodeBadFrame, protocol.Ref{})
			_, err = protocol.DecodeServerBatch([]byte(`[{"op":"pong"},` + tt.in + `]`))
			wantError(t, err, protocol.CodeBadFrame, protocol.Ref{})
		})
	}
}

func TestDecodeServerBatchWantsAnArray(t *testing.T) {
	for _, in := range []string{"", "{}", `{"op":"pong"}`, `"[]"`, "null", "[", "[]]"} {
		if frames, err := protocol.DecodeServerBatch([]byte(in)); err == nil {
			t.Errorf("%q: got %v, want an error", in, frames)
		}
	}
}

func TestErrorFrame(t *testing.T) {
	e := &protocol.Error{Ref: protocol.NewRef(3), Code: protocol.CodeTooLarge, Message: `the "payload"`}
	f := e.Frame()
	if got, want := string(f.Append(nil)), `{"op":"error","ref":3,"code":"too_large","message":"the \"payload\""}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	back, ok := errors.AsType[*protocol.Error](f.Err())
	if !ok || *back != *e {
		t.Errorf("Err() is %v, want %v", f.Err(), e)
	}
	if got, want := e.Error(), `protocol: too_large: the "payload"`; got != want {
		t.Errorf("Error() is %q, want %q", got, want)
	}
	if err := (&protocol.ServerFrame{Op: protocol.OpPong}).Err(); err != nil {
		t.Errorf("a pong's Err() is %v, want nil", err)
	}
}

func TestRef(t *testing.T) {
	if n, ok := (protocol.Ref{}).Value(); n != 0 || ok {
		t.Errorf("the zero Ref is %d, %t, want none", n, ok)
	}
	if n, ok := protocol.NewRef(0).Value(); n != 0 || !ok {
		t.Errorf("the Ref 0 is %d, %t, want 0, true", n, ok)
	}
	if protocol.NewRef(0) == (protocol.Ref{}) {
		t.Error("the Ref 0 is no Ref")
	}
}

func TestCloseCodeReconnects(t *testing.T) {
	for _, tt := range []struct {
		code protocol.CloseCode
		want bool
	}{
		{protocol.CloseNormal, true},
		{protocol.CloseGoingAway, true},
		{1006, true}, // the connection broke without a word
		{protocol.CloseInvalidText, true},
		{1009, true},
		{protocol.CloseDraining, true},
		{4099, true},
		{protocol.CloseTooSlow, true},
		{protocol.CloseUnavailable, true},
		{protocol.ClosePingTimeout, true},
		{4199, true},
		{protocol.CloseBadFrame, false},
		{protocol.CloseUnauthorized, false},
		{protocol.CloseTokenExpired, false},
		{protocol.CloseForbidden, false},
		{protocol.CloseTooMany, false},
		{4299, false},
		{4300, true},
	} {
		if got := tt.code.Reconnects(); got != tt.want {
			t.Errorf("%d: got %t, want %t", tt.code, got, tt.want)
		}
	}
}

// The numbers are the wire's; a constant must not move.
func TestCloseCodeNumbers(t *testing.T) {
	for _, tt := range []struct{ got, want protocol.CloseCode }{
		{protocol.CloseNormal, 1000},
		{protocol.CloseGoingAway, 1001},
		{protocol.CloseInvalidText, 1007},
		{protocol.CloseDraining, 4000},
		{protocol.CloseTooSlow, 4100},
		{protocol.CloseUnavailable, 4101},
		{protocol.ClosePingTimeout, 4102},
		{protocol.CloseBadFrame, 4200},
		{protocol.CloseUnauthorized, 4201},
		{protocol.CloseTokenExpired, 4202},
		{protocol.CloseForbidden, 4203},
		{protocol.CloseTooMany, 4204},
	} {
		if tt.got != tt.want {
			t.Errorf("got %d, want %d", tt.got, tt.want)
		}
	}
}
