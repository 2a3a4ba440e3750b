package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/commchannel/gateway/protocol/client"
)

func TestPrintable(t *testing.T) {
	for _, tt := range []struct {
		name, text, want string
	}{
		{"plain", `a "b" ü 😀 日本`, `a "b" ü 😀 日本`},
		{"escape sequence", "\x1b[2J\x07", `\u001b[2J\u0007`},
		{"line breaks", "a\r\nb\u2028c\u2029d\u0085e", `a\u000d\u000ab\u2028c\u2029d\u0085e`},
		{"C1 and DEL", "\u009b31m\x7f", `\u009b31m\u007f`},
		{"marks of direction", "\u202egnp.exe\u2066", `\u202egnp.exe\u2066`},
		{"beyond 16 bits", "a\U000e0041", `a\udb40\udc41`},
		{"a joined emoji", "👩\u200d🔬", "👩\u200d🔬"},
		{"no UTF-8", "a\xff\xc0b", "a\ufffd\ufffdb"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := printable(tt.text)
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if strings.ToValidUTF8(tt.text, "") != tt.text {
				return
			}
			asJSON, _ := json.Marshal(tt.text)
			var back string
			if err := json.Unmarshal([]byte(printable(string(asJSON))), &back); err != nil || back != tt.text {
				t.Errorf("of JSON: got %q, %v, want the same text", back, err)
			}
		})
	}
}

func at(clock string) time.Time {
	moment, err := time.ParseInLocation("2006-01-02 15:04:05.000", "2026-03-04 "+clock, time.Local)
	if err != nil {
		panic(err)
	}
	return moment
}

func printed(t *testing.T, asJSON bool, messages ...*client.Message) []string {
	t.Helper()
	var out bytes.Buffer
	p := printer{out: &out, json: asJSON, now: func() time.Time { return at("12:00:00.000") }}
	for _, m := range messages {
		if err := p.message(m); err != nil {
			t.Fatal(err)
		}
	}
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

var some = []*client.Message{
	{Channel: "room", Cursor: "c1", ID: "a", Type: "msg", From: "alice", Payload: json.RawMessage(`"hi"`), Time: at("11:59:58.007")},
	{Channel: "room", Cursor: "c2", ID: "b", Payload: json.RawMessage("{\n \"a\" : [1,\t2.0]\n}"), Time: at("11:59:58.007").AddDate(0, 0, -40)},
	{Channel: "lobby-of-many", Cursor: "c3", ID: "c", Type: "\x1b]0;pwned\x07", From: "a b\n\u202e", Payload: json.RawMessage("\"\u009b31m\""), ReplyTo: "a"},
	{Channel: "room", Cursor: "c4", ID: "d", Type: strings.Repeat("x", 30), From: "bob", Payload: json.RawMessage(`null`), Time: at("00:00:00.000")},
}

func TestPrintText(t *testing.T) {
	want := []string{
		`11:59:58.007  room    alice   msg     "hi"`,
		`Jan 23 11:59  room    -       -       {"a":[1,2.0]}`,
		`-             lobby-of-many  a b\u000a\u202e  \u001b]0;pwned\u0007  "\u009b31m"`,
		`00:00:00.000  room           bob              ` + strings.Repeat("x", 30) + `  null`,
	}
	if diff := cmp.Diff(want, printed(t, false, some...)); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

func TestPrintJSON(t *testing.T) {
	lines := printed(t, true, some...)
	want := `{"op":"message","channel":"room","cursor":"c2","id":"b","type":"","payload":{"a":[1,2.0]},"time":` +
		string(json.RawMessage(mustJSON(t, some[1].Time.UnixMilli()))) + `}`
	if len(lines) != len(some) || lines[1] != want {
		t.Errorf("got %q, want %d lines, the second %s", lines, len(some), want)
	}
	var third struct {
		From, Type, Payload string
		ReplyTo             string `json:"reply_to"`
		Time                *int64
	}
	if err := json.Unmarshal([]byte(lines[2]), &third); err != nil {
		t.Fatal(err)
	}
	if third.From != some[2].From || third.Type != some[2].Type || third.Payload != "\u009b31m" || third.ReplyTo != "a" || third.Time != nil {
		t.Errorf("got %+v, want all of %+v", third, some[2])
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestOneLine(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"plain", errors.New("client: it failed"), "it failed"},
		{"several", errors.New("client: can't connect: client: WebSocket: no\nclient: long-poll: no"), "can't connect: WebSocket: no; long-poll: no"},
		{"the same twice", errors.New("client: can't connect: client: HTTP status 404\nclient: HTTP status 404"), "can't connect: HTTP status 404"},
		{"a gateway's words", errors.New("protocol: forbidden: \x1b[2J"), `forbidden: \u001b[2J`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := oneLine(tt.err); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
