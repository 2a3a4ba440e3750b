package protocol_test

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/commchannel/gateway/protocol"
)

func ExampleDecodeClient() {
	f, err := protocol.DecodeClient([]byte(`{"op":"send","ref":3,"channel":"room","type":"msg","payload":{"text":"hi"}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	ref, _ := f.Ref.Value()
	fmt.Println(f.Op, ref, f.Channel, f.Type, string(f.Payload))
	// Output: send 3 room msg {"text":"hi"}
}

// What a decoder refuses is an *Error, ready to be sent as it stands.
func ExampleDecodeClient_refused() {
	_, err := protocol.DecodeClient([]byte(`{"op":"subscribe","ref":1,"channel":"lock_room"}`))
	if e, ok := errors.AsType[*protocol.Error](err); ok {
		fmt.Println(string(e.Frame().Append(nil)))
	}
	// Output: {"op":"error","ref":1,"code":"bad_channel","message":"channel name begins with \"lock_\", which is reserved"}
}

func ExampleDecodeClientBatch() {
	body := `[{"op":"hello","clientid":"alice"},{"op":"subscribe","channel":"room","since":"c1"},{"op":"dance"}]`
	frames, errs, err := protocol.DecodeClientBatch([]byte(body), protocol.MaxChannels)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i, f := range frames {
		fmt.Println(f.Op, errs[i])
	}
	// Output:
	// hello <nil>
	// subscribe <nil>
	// dance protocol: unknown_op: unknown op "dance"
}

func ExampleClientFrame_Append() {
	f := protocol.ClientFrame{Op: protocol.OpSubscribe, Ref: protocol.NewRef(1), Channel: "room", Since: "c41"}
	fmt.Println(string(f.Append(nil)))
	// Output: {"op":"subscribe","ref":1,"channel":"room","since":"c41"}
}

func ExampleServerFrame_Append() {
	f := protocol.ServerFrame{
		Op: protocol.OpMessage, Channel: "room", Cursor: "c42",
		ID: "own-1", Type: "msg", From: "bob", Payload: json.RawMessage(`"hi"`), Time: 1795389286619,
	}
	fmt.Println(string(f.Append(nil)))
	// Output: {"op":"message","channel":"room","cursor":"c42","id":"own-1","type":"msg","from":"bob","payload":"hi","time":1795389286619}
}

func ExampleDecodeServer() {
	f, err := protocol.DecodeServer([]byte(`{"op":"error","ref":3,"code":"too_large","message":"at most 65536 bytes"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(f.Err())
	// Output: protocol: too_large: at most 65536 bytes
}

func ExampleDecodeServerBatch() {
	answer := `[{"op":"subscribed","channel":"room","cursor":"c1","recovered":true},{"op":"gap","channel":"room","cursor":"c9"}]`
	frames, err := protocol.DecodeServerBatch([]byte(answer))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range frames {
		fmt.Println(f.Op, f.Channel, f.Cursor)
	}
	// Output:
	// subscribed room c1
	// gap room c9
}

// The seed's browser client names its sender by a number, its PHP class calls
// the payload "msg", and anybody may have put plain text into a channel.
func ExampleParseEnvelope() {
	for _, text := range []string{
		`{"type":"msg","payload":"Hello there!","from":483920}`,
		`{"type":"msg","msg":"Hello javascript client!","from":"bob"}`,
		`Some Message`,
	} {
		e := protocol.ParseEnvelope([]byte(text))
		fmt.Printf("%q from %q: %s\n", e.Type, e.From, e.Payload)
	}
	// Output:
	// "msg" from "483920": "Hello there!"
	// "msg" from "bob": "Hello javascript client!"
	// "" from "": "Some Message"
}

func ExampleEnvelope_Append() {
	e := protocol.Envelope{Type: "msg", Payload: json.RawMessage(`"hi"`), From: "alice"}
	fmt.Println(string(e.Append(nil)))
	// Output: {"type":"msg","payload":"hi","msg":"hi","from":"alice"}
}

func ExampleMembers() {
	for key, value := range protocol.Members([]byte(`{"b": [1, 2], "a": "x"}`)) {
		fmt.Printf("%s = %s\n", key, value)
	}
	// Output:
	// b = [1, 2]
	// a = "x"
}

func ExampleMessageTime() {
	fmt.Println(protocol.MessageTime("6b0378e284a91")) // made by PHP's uniqid
	fmt.Println(protocol.MessageTime("own-1"))
	// Output:
	// 1795389666543
	// 0
}

func ExampleCloseCode_Reconnects() {
	fmt.Println(protocol.CloseTooSlow.Reconnects(), protocol.CloseUnauthorized.Reconnects())
	// Output: true false
}
