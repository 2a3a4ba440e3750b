package phpserial_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/commchannel/gateway/internal/phpserial"
	"github.com/commchannel/gateway/protocol"
)

func TestFormatParse(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       protocol.Envelope
	}{
		{"a message", `a:3:{s:4:"type";s:7:"message";s:2:"id";s:13:"6b0386a5611b6";s:7:"payload";s:5:"hello";}`,
			protocol.Envelope{Type: "message", ID: "6b0386a5611b6", Payload: []byte(`"hello"`)}},
		{"a reply", `a:3:{s:4:"type";s:5:"reply";s:2:"id";s:1:"x";s:7:"payload";a:1:{i:0;b:1;}}`,
			protocol.Envelope{Type: "reply", ReplyTo: "x", Payload: []byte(`[true]`)}},
		{"from a gateway", `a:4:{s:4:"type";s:1:"t";s:2:"id";s:1:"x";s:7:"payload";N;s:4:"from";s:3:"bob";}`,
			protocol.Envelope{Type: "t", ID: "x", From: "bob", Payload: []byte(`null`)}},
		{"another text", `hello`, protocol.Envelope{Payload: []byte(`"hello"`)}},
		{"another value", `i:1;`, protocol.Envelope{Payload: []byte(`"i:1;"`)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, phpserial.Format{}.Parse([]byte(tt.text))); diff != "" {
				t.Error("want (-), got (+):\n" + diff)
			}
		})
	}
}

func TestFormatAppend(t *testing.T) {
	for _, tt := range []struct {
		name string
		e    protocol.Envelope
		want protocol.Envelope
	}{
		{"a message", protocol.Envelope{Type: "t", From: "bob", Payload: []byte(`{"a":[1,2.5]}`)},
			protocol.Envelope{Type: "t", ID: "m1", From: "bob", Payload: []byte(`{"a":[1,2.5]}`)}},
		{"a reply", protocol.Envelope{Type: "t", From: "bob", ReplyTo: "q", Payload: []byte(`1`)},
			protocol.Envelope{Type: "reply", From: "bob", ReplyTo: "q", Payload: []byte(`1`)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text, err := phpserial.Format{}.Append(nil, "m1", &tt.e)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, phpserial.Format{}.Parse(text)); diff != "" {
				t.Error("want (-), got (+):\n" + diff)
			}
		})
	}
}

func TestFormatRefuses(t *testing.T) {
	dst, err := phpserial.Format{}.Append([]byte("x"), "m1", &protocol.Envelope{Payload: []byte(`{"__b64":"AA=="}`)})
	if e, ok := errors.AsType[*protocol.Error](err); !ok || e.Code != protocol.CodeBadFrame || string(dst) != "x" {
		t.Errorf("append: got %q %v, want bad_frame", dst, err)
	}
	err = phpserial.Format{}.Check([]byte(`O:8:"stdClass":0:{}`))
	if e, ok := errors.AsType[*protocol.Error](err); !ok || e.Code != protocol.CodeForbidden {
		t.Errorf("check: got %v, want forbidden", err)
	}
}
