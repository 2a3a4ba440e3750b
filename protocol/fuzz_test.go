package protocol_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/commchannel/gateway/protocol"
)

// What a decoder accepts means the same when written and read again, and is
// written the same from then on.
func FuzzDecodeClient(f *testing.F) {
	for _, g := range clientFrames(f) {
		f.Add(g.text())
	}
	for _, b := range badFrames(f) {
		f.Add(b.text())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		frame, err := protocol.DecodeClient(data)
		if !bytes.Equal(data, before) {
			t.Fatal("the input was changed")
		}
		if err != nil {
			wantAnError(t, err)
			return
		}
		checkClientFrame(t, frame)
	})
}

func FuzzDecodeClientBatch(f *testing.F) {
	for _, in := range seedBatches(clientFrames(f)) {
		f.Add(in)
	}
	const most = 4
	f.Fuzz(func(t *testing.T, data []byte) {
		frames, errs, err := protocol.DecodeClientBatch(data, most)
		if err != nil {
			wantAnError(t, err)
			return
		}
		if len(frames) > most || len(errs) != len(frames) {
			t.Fatalf("got %d frames and %d errors, the most is %d", len(frames), len(errs), most)
		}
		raws := plainElements(t, data)
		if len(raws) != len(frames) {
			t.Fatalf("got %d frames of an array of %d", len(frames), len(raws))
		}
		for i, frame := range frames {
			alone, err := protocol.DecodeClient(raws[i])
			if !sameClient(frame, alone) || !reflect.DeepEqual(errs[i], err) {
				t.Fatalf("frame %d\nin the array %+v, %v\nalone        %+v, %v", i, frame, errs[i], alone, err)
			}
		}
	})
}

func FuzzDecodeServer(f *testing.F) {
	for _, g := range serverFrames(f) {
		f.Add(g.text())
	}
	for _, b := range badServerFrames {
		f.Add([]byte(b.in))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		frame, err := protocol.DecodeServer(data)
		if !bytes.Equal(data, before) {
			t.Fatal("the input was changed")
		}
		if err != nil {
			wantAnError(t, err)
			return
		}
		once := frame.Append(nil)
		back, err := protocol.DecodeServer(once)
		if err != nil {
			t.Fatalf("%s is not read again: %v", once, err)
		}
		if twice := back.Append(nil); !bytes.Equal(once, twice) {
			t.Fatalf("written once  %s\nwritten twice %s", once, twice)
		}
	})
}

func FuzzDecodeServerBatch(f *testing.F) {
	for _, in := range seedBatches(serverFrames(f)) {
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		frames, err := protocol.DecodeServerBatch(data)
		if err != nil {
			wantAnError(t, err)
			return
		}
		raws := plainElements(t, data)
		if len(raws) != len(frames) {
			t.Fatalf("got %d frames of an array of %d", len(frames), len(raws))
		}
		for i, frame := range frames {
			alone, err := protocol.DecodeServer(raws[i])
			if err != nil || !sameServer(frame, alone) {
				t.Fatalf("frame %d\nin the array %+v\nalone        %+v, %v", i, frame, alone, err)
			}
		}
	})
}

func FuzzParseEnvelope(f *testing.F) {
	for _, g := range envelopes(f) {
		f.Add(g.text())
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		e := protocol.ParseEnvelope(text)
		if err := protocol.CheckJSON(e.Payload); err != nil {
			t.Fatalf("the payload %q can't stand in a frame: %v", e.Payload, err)
		}
		if kind, isEnvelope := plainType(text); !isEnvelope {
			var whole string
			if err := json.Unmarshal(e.Payload, &whole); err != nil || whole != string([]rune(string(text))) || e.Type != "" || e.From != "" {
				t.Fatalf("got %+v, want the text as payload", e)
			}
		} else if e.Type != kind {
			t.Fatalf("got type %q, encoding/json has %q", e.Type, kind)
		}
		back := protocol.ParseEnvelope(e.Append(nil))
		if back.Type != e.Type || back.From != e.From || back.ReplyTo != e.ReplyTo || !bytes.Equal(back.Payload, e.Payload) {
			t.Fatalf("written and read again: got %+v, want %+v", back, e)
		}
	})
}

// FuzzJSON holds CheckJSON, Members and Elements against encoding/json.
func FuzzJSON(f *testing.F) {
	for _, g := range envelopes(f) {
		f.Add(g.text())
	}
	for _, g := range clientFrames(f) {
		f.Add(g.text())
	}
	f.Add([]byte(`{"b":[1,{"c":"}"}],"a":"\ud83d\ude00","b":null}`))
	f.Add([]byte(deep(protocol.MaxDepth + 1)))
	f.Fuzz(func(t *testing.T, data []byte) {
		err := protocol.CheckJSON(data)
		if want := plainlyGood(data); (err == nil) != want {
			t.Fatalf("CheckJSON says %v; want no error is %t", err, want)
		}
		if !json.Valid(data) {
			return // Members and Elements want valid JSON
		}
		var raws []json.RawMessage
		for raw := range protocol.Elements(data) {
			raws = append(raws, raw)
		}
		if want := plainElements(t, data); !reflect.DeepEqual(raws, want) {
			t.Fatalf("elements: got %q, want %q", raws, want)
		}
		keys, values := plainMembers(t, data)
		i := 0
		for key, value := range protocol.Members(data) {
			if i == len(keys) || key != keys[i] || !bytes.Equal(value, values[i]) {
				t.Fatalf("member %d: got %q: %s, want %q: %s", i, key, value, keys, values)
			}
			i++
		}
		if i != len(keys) {
			t.Fatalf("got %d members, want %q", i, keys)
		}
	})
}

func FuzzAppendString(f *testing.F) {
	for _, s := range []string{"", "hello", "\"\\/\b\f\n\r\t\x00\x1f\x7f", "é日😀\u2028\u2029\ufffd", "\xff\xc3\xed\xa0\x80", "<&>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := protocol.AppendString(nil, s)
		if want := plainJSON(t, s); !bytes.Equal(got, want) {
			t.Fatalf("got %s, encoding/json has %s", got, want)
		}
	})
}

func FuzzNames(f *testing.F) {
	for _, s := range []string{"", "room", "lock_x", "a b", "_x", "-5", "007", "6b0378e284a91", "g660e3d7f69cb3-0123456789ab", "\xff", "192.0.2.7_x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		plain := len(s) > 0 && utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }) < 0
		if want := plain && len(s) <= protocol.MaxChannel && !strings.HasPrefix(s, "lock_"); (protocol.CheckChannel(s) == nil) != want {
			t.Errorf("channel %q: ok is not %t", s, want)
		}
		if want := plain && len(s) <= protocol.MaxClientID; (protocol.CheckClientID(s) == nil) != want {
			t.Errorf("client id %q: ok is not %t", s, want)
		}
		if err := protocol.CheckMessageID(s); err == nil && protocol.CheckCursor(protocol.Cursor(s)) != nil {
			t.Errorf("%q can be a message id, and not a cursor", s)
		}
		if ms := protocol.MessageTime(s); ms < 0 {
			t.Errorf("MessageTime(%q) is %d", s, ms)
		}
	})
}

// checkClientFrame holds an accepted frame to what the gateway relies on.
func checkClientFrame(t *testing.T, frame protocol.ClientFrame) {
	t.Helper()
	if frame.Op != protocol.OpHello && frame.Op != protocol.OpPing {
		if err := protocol.CheckChannel(frame.Channel); err != nil {
			t.Fatalf("accepted with %v", err)
		}
	}
	if frame.History < 0 || frame.History > protocol.MaxHistory || len(frame.Type) > protocol.MaxType || len(frame.Token) > protocol.MaxToken {
		t.Fatalf("beyond the bounds: %+v", frame)
	}
	once := frame.Append(nil)
	back, err := protocol.DecodeClient(once)
	if err != nil {
		t.Fatalf("%s is not read again: %v", once, err)
	}
	if twice := back.Append(nil); !bytes.Equal(once, twice) {
		t.Fatalf("written once  %s\nwritten twice %s", once, twice)
	}
}

func wantAnError(t *testing.T, err error) {
	t.Helper()
	e, ok := errors.AsType[*protocol.Error](err)
	if !ok || e.Code == "" || e.Message == "" {
		t.Fatalf("got %#v, want an *Error that may be sent", err)
	}
	if _, err := protocol.DecodeServer(e.Frame().Append(nil)); err != nil {
		t.Fatalf("its frame is not read: %v", err)
	}
}

// seedBatches makes arrays of the golden frames.
func seedBatches[F any](rows []goldenFrame[F]) [][]byte {
	ins := [][]byte{[]byte("[]"), []byte(" [ 1 , {} ] "), []byte(`[{"op":"ping"},{"op":"pong"},[],{"op":"dance","ref":1}]`)}
	for i := 3; i <= len(rows); i += 3 {
		var texts [][]byte
		for _, g := range rows[i-3 : i] {
			texts = append(texts, g.text())
		}
		ins = append(ins, append(append([]byte("["), bytes.Join(texts, []byte(","))...), ']'))
	}
	return ins
}

// plainElements are the elements of an array as encoding/json finds them,
// none where data is no array.
func plainElements(t *testing.T, data []byte) []json.RawMessage {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(data))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('[') {
		return nil
	}
	var raws []json.RawMessage
	for dec.More() {
		raws = append(raws, plainValue(t, dec))
	}
	return raws
}

// plainMembers are the members of an object as encoding/json finds them, in
// their order and with their duplicates.
func plainMembers(t *testing.T, data []byte) (keys []string, values []json.RawMessage) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(data))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return nil, nil
	}
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, tok.(string))
		values = append(values, plainValue(t, dec))
	}
	return keys, values
}

func plainValue(t *testing.T, dec *json.Decoder) json.RawMessage {
	t.Helper()
	var raw json.RawMessage
	if err := dec.Decode(&raw); err != nil {
		t.Fatal(err)
	}
	return raw
}

// plainType is the last member "type" of an object that may be taken in, if
// it is a text.
func plainType(text []byte) (string, bool) {
	if !plainlyGood(text) {
		return "", false
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(text, &members) != nil || !bytes.HasPrefix(members["type"], []byte(`"`)) {
		return "", false
	}
	var kind string
	err := json.Unmarshal(members["type"], &kind)
	return kind, err == nil
}

var (
	surrogatePair = regexp.MustCompile(`(?i)\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}`)
	surrogate     = regexp.MustCompile(`(?i)\\ud[89a-f][0-9a-f]{2}`)
)

// plainlyGood is CheckJSON by other means: encoding/json's tokens for the
// depth, and for half a surrogate pair what is left without whole ones.
func plainlyGood(data []byte) bool {
	if !utf8.Valid(data) || !json.Valid(data) {
		return false
	}
	escapes := strings.ReplaceAll(string(data), `\\`, "__")
	if surrogate.MatchString(surrogatePair.ReplaceAllString(escapes, "_")) {
		return false
	}
	depth := 0
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return true
		}
		if err != nil {
			return false
		}
		switch tok {
		case json.Delim('{'), json.Delim('['):
			if depth++; depth > protocol.MaxDepth {
				return false
			}
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
	}
}
