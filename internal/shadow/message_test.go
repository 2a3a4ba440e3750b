package shadow

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/commchannel/gateway/protocol/client"
)

// Which text a message of the gateway is of.
func TestSame(t *testing.T) {
	const native = `a:3:{s:4:"type";s:7:"message";s:2:"id";s:2:"u1";s:7:"payload";i:7;}`
	for _, tt := range []struct {
		name   string
		text   string
		modern client.Message
		want   bool
	}{
		{"PHP's", `{"type":"msg","msg":"hi","from":"php"}`, client.Message{Type: "msg", From: "php", Payload: json.RawMessage(`"hi"`)}, true},
		{"a page's", `{"type":"msg","payload":{"a":1,"b":"ü"},"from":7}`, client.Message{Type: "msg", From: "7", Payload: json.RawMessage(`{ "b": "\u00fc", "a": 1 }`)}, true},
		{"a plain text", `hello`, client.Message{Payload: json.RawMessage(`"hello"`)}, true},
		{"a text of a raw channel", `{"type":"msg"}`, client.Message{Payload: json.RawMessage(`"{\"type\":\"msg\"}"`)}, true},
		{"an answer", `{"type":"msg","payload":1,"from":"a","reply_to":"x"}`, client.Message{Type: "msg", From: "a", ReplyTo: "x", Payload: json.RawMessage(`1`)}, true},
		{"PHP's values", native, client.Message{ID: "u1", Type: "message", Payload: json.RawMessage(`7`)}, true},
		{"PHP's values of another id", native, client.Message{ID: "u2", Type: "message", Payload: json.RawMessage(`7`)}, false},
		{"PHP's values where the gateway reads no such", native, client.Message{ID: "s", Payload: json.RawMessage(`"a:3:{s:4:\"type\";s:7:\"message\";s:2:\"id\";s:2:\"u1\";s:7:\"payload\";i:7;}"`)}, true},
		{"another payload", `{"type":"msg","msg":1,"from":"a"}`, client.Message{Type: "msg", From: "a", Payload: json.RawMessage(`2`)}, false},
		{"a number of other digits", `{"type":"msg","msg":1.0,"from":"a"}`, client.Message{Type: "msg", From: "a", Payload: json.RawMessage(`1`)}, false},
		{"another type", `{"type":"msg","msg":1,"from":"a"}`, client.Message{Type: "msh", From: "a", Payload: json.RawMessage(`1`)}, false},
		{"another sender", `{"type":"msg","msg":1,"from":"a"}`, client.Message{Type: "msg", Payload: json.RawMessage(`1`)}, false},
		{"no answer", `{"type":"msg","msg":1,"from":"a"}`, client.Message{Type: "msg", From: "a", ReplyTo: "x", Payload: json.RawMessage(`1`)}, false},
		{"types and senders that read the same together", `{"type":"ab","msg":1,"from":"c"}`, client.Message{Type: "a", From: "bc", Payload: json.RawMessage(`1`)}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			modern, legacy := modernArrival(&tt.modern, time.Time{}), legacyArrival(tt.text, time.Time{})
			if got := same(&modern, &legacy); got != tt.want {
				t.Errorf("got %t, want %t", got, tt.want)
			}
		})
	}
}

// What is told of a text that came to the old side alone.
func TestLegacyMessage(t *testing.T) {
	for _, tt := range []struct {
		text, want string
	}{
		{`{"type":"msg","msg":"hi","from":"php"}`, `msg of php: "hi"`},
		{`hello`, ` of : "hello"`},
		{`a:3:{s:4:"type";s:1:"m";s:2:"id";s:2:"u1";s:7:"payload";i:7;}`, `m of : 7 u1`},
	} {
		m := legacyArrival(tt.text, time.Time{}).Message
		got := m.Type + " of " + m.From + ": " + string(m.Payload)
		if m.ID != "" {
			got += " " + m.ID
		}
		if got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.text, got, tt.want)
		}
	}
}

func TestShortened(t *testing.T) {
	long := make([]byte, 300)
	for i := range long {
		long[i] = "ü"[i%2]
	}
	got := string(shortened(append([]byte{'"'}, long...)))
	if len(got) > 210 || got[len(got)-5:] != "ü..." {
		t.Errorf("got %q, want a begin with whole characters", got)
	}
}
