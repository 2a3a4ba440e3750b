package protocol_test

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/commchannel/gateway/protocol"
)

// golden reads a file of testdata, one T a line. It makes sure that names are
// there and unique, since a line that is never looked at proves nothing.
func golden[T any](t testing.TB, file string, name func(T) string) []T {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	var rows []T
	seen := map[string]bool{}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var row T
		dec := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&row); err != nil {
			t.Fatalf("%s, line %d: %v", file, len(rows)+1, err)
		}
		if n := name(row); n == "" || seen[n] {
			t.Fatalf("%s, line %d: the name %q is empty or not unique", file, len(rows)+1, n)
		}
		seen[name(row)] = true
		rows = append(rows, row)
	}
	if err := lines.Err(); err != nil || len(rows) == 0 {
		t.Fatalf("%s: %d lines, error %v", file, len(rows), err)
	}
	return rows
}

// goldenFrame is a line of client_frames.jsonl or server_frames.jsonl. F is
// the frame as encoding/json reads it.
type goldenFrame[F any] struct {
	Name    string
	In      string
	JSON    string
	Frame   F
	Payload string
	Big     bool
}

func (g goldenFrame[F]) text() []byte { return []byte(cmp.Or(g.In, g.JSON)) }

// plainClient is a client frame to encoding/json, which is the judge of our
// own decoder.
type plainClient struct {
	Op       protocol.Op
	Ref      *int64
	ClientID string
	Token    string
	Channel  string
	Since    protocol.Cursor
	History  int
	Echo     bool
	Type     string
	Payload  json.RawMessage
	ID       string
	ReplyTo  string `json:"reply_to"`
}

func (p plainClient) frame(payload string) protocol.ClientFrame {
	if payload != "" {
		p.Payload = json.RawMessage(payload)
	}
	return protocol.ClientFrame{
		Op: p.Op, Ref: ref(p.Ref), ClientID: p.ClientID, Token: p.Token, Channel: p.Channel,
		Since: p.Since, History: p.History, Echo: p.Echo,
		Type: p.Type, Payload: p.Payload, ID: p.ID, ReplyTo: p.ReplyTo,
	}
}

// plainServer is a server frame to encoding/json.
type plainServer struct {
	Op         protocol.Op
	Ref        *int64
	Channel    string
	Cursor     protocol.Cursor
	ClientID   string
	Version    int
	Ping       int
	MaxMessage int `json:"max_message"`
	Recovered  *bool
	ID         string
	Type       string
	From       string
	Payload    json.RawMessage
	ReplyTo    string `json:"reply_to"`
	Time       int64
	Clients    []string
	Count      int
	Code       protocol.Code
	Message    string
	Reason     string
	Retry      int
}

func (p plainServer) frame(payload string) protocol.ServerFrame {
	if payload != "" {
		p.Payload = json.RawMessage(payload)
	}
	return protocol.ServerFrame{
		Op: p.Op, Ref: ref(p.Ref), Channel: p.Channel, Cursor: p.Cursor,
		ClientID: p.ClientID, Version: p.Version, Ping: p.Ping, MaxMessage: p.MaxMessage,
		Recovered: p.Recovered,
		ID:        p.ID, Type: p.Type, From: p.From, Payload: p.Payload, ReplyTo: p.ReplyTo, Time: p.Time,
		Clients: p.Clients, Count: p.Count, Code: p.Code, Message: p.Message, Reason: p.Reason, Retry: p.Retry,
	}
}

func ref(n *int64) protocol.Ref {
	if n == nil {
		return protocol.Ref{}
	}
	return protocol.NewRef(*n)
}

func clientFrames(t testing.TB) []goldenFrame[plainClient] {
	return golden(t, "client_frames.jsonl", func(g goldenFrame[plainClient]) string { return g.Name })
}

func serverFrames(t testing.TB) []goldenFrame[plainServer] {
	return golden(t, "server_frames.jsonl", func(g goldenFrame[plainServer]) string { return g.Name })
}

// badFrame is a line of bad_client_frames.jsonl.
type badFrame struct {
	Name string
	In   string
	B64  []byte `json:"in_b64"`
	Code protocol.Code
	Ref  *int64
}

func (b badFrame) text() []byte {
	if b.B64 != nil {
		return b.B64
	}
	return []byte(b.In)
}

func badFrames(t testing.TB) []badFrame {
	return golden(t, "bad_client_frames.jsonl", func(b badFrame) string { return b.Name })
}

// Missing and null payloads are the same.
func sameClient(a, b protocol.ClientFrame) bool {
	a.Payload, b.Payload = orNull(a.Payload), orNull(b.Payload)
	return reflect.DeepEqual(a, b)
}

func sameServer(a, b protocol.ServerFrame) bool {
	a.Payload, b.Payload = orNull(a.Payload), orNull(b.Payload)
	if len(a.Clients) == 0 && len(b.Clients) == 0 {
		a.Clients, b.Clients = nil, nil
	}
	return reflect.DeepEqual(a, b)
}

func orNull(p json.RawMessage) json.RawMessage {
	if len(p) == 0 {
		return json.RawMessage("null")
	}
	return p
}

// wantError fails the test unless err is an *Error with code and ref, fit to
// be sent: with words for people.
func wantError(t *testing.T, err error, code protocol.Code, ref protocol.Ref) {
	t.Helper()
	e, ok := errors.AsType[*protocol.Error](err)
	if !ok {
		t.Fatalf("got error %v (%T), want an *Error with code %s", err, err, code)
	}
	if e.Code != code || e.Ref != ref {
		t.Errorf("got code %s, ref %v (%s), want code %s, ref %v", e.Code, e.Ref, e.Message, code, ref)
	}
	if e.Message == "" || len(e.Message) > 300 {
		t.Errorf("the message for people has %d bytes: %.40q", len(e.Message), e.Message)
	}
}
