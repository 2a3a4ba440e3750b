package protocol

import "testing"

func TestFormats(t *testing.T) {
	for _, tt := range []struct {
		name   string
		format Format
		e      Envelope
		text   string
		parsed Envelope
	}{
		{"JSON", FormatJSON, Envelope{Type: "t", Payload: []byte(`[1]`), From: "a"},
			`{"type":"t","payload":[1],"msg":[1],"from":"a"}`, Envelope{Type: "t", Payload: []byte(`[1]`), From: "a"}},
		{"raw string", FormatRaw, Envelope{Type: "t", Payload: []byte(`"a\nb"`), From: "a"}, "a\nb", Envelope{Payload: []byte(`"a\nb"`)}},
		{"raw other", FormatRaw, Envelope{Type: "t", Payload: []byte(`{"a":1}`)}, `{"a":1}`, Envelope{Payload: []byte(`"{\"a\":1}"`)}},
		{"raw nothing", FormatRaw, Envelope{}, "null", Envelope{Payload: []byte(`"null"`)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text, err := tt.format.Append([]byte("before "), "id", &tt.e)
			if err != nil || string(text) != "before "+tt.text {
				t.Errorf("append: got %q %v, want %q", text, err, "before "+tt.text)
			}
			got := tt.format.Parse([]byte(tt.text))
			if got.Type != tt.parsed.Type || string(got.Payload) != string(tt.parsed.Payload) || got.From != tt.parsed.From {
				t.Errorf("parse: got %+v, want %+v", got, tt.parsed)
			}
		})
	}
}

func TestFormatsCheckBodies(t *testing.T) {
	for _, tt := range []struct {
		body      string
		json, raw bool
	}{
		{`{"type":"t"}`, true, true},
		{" {}", true, true},
		{`[1]`, false, true},
		{`O:8:"stdClass":0:{}`, false, true},
		{"", false, true},
		{"\xff", false, false},
	} {
		if got := FormatJSON.Check([]byte(tt.body)) == nil; got != tt.json {
			t.Errorf("JSON %q: got %v, want %v", tt.body, got, tt.json)
		}
		if got := FormatRaw.Check([]byte(tt.body)) == nil; got != tt.raw {
			t.Errorf("raw %q: got %v, want %v", tt.body, got, tt.raw)
		}
	}
}
