package protocol

import (
	"bytes"
	"unicode/utf8"
)

// A Format says how the messages of a channel are written in their texts. Its
// methods may be called from any goroutine.
type Format interface {
	// Parse tells what a text says. A text of another form is a message, too:
	// its Type is "" and its Payload the text, as a JSON string.
	Parse(text []byte) Envelope
	// Append appends the text of a message with this id to dst. An error is an
	// *Error that tells the sender why the message can't be written.
	Append(dst []byte, id string, e *Envelope) ([]byte, error)
	// Check tells why the body that a polling client of the seed posts can't
	// be a text. The error is an *Error.
	Check(body []byte) error
}

// The formats that are made of nothing but JSON.
var (
	// FormatJSON is that of the seed's JS client and JSCommChannel: a text is
	// an Envelope's JSON.
	FormatJSON Format = formatJSON{}
	// FormatRaw is that of the seed's CommChannel: a text is what was sent.
	// Of a message sent in a frame only the payload is kept: a string as its
	// text, anything else as its JSON.
	FormatRaw Format = formatRaw{}
)

type formatJSON struct{}

func (formatJSON) Parse(text []byte) Envelope { return ParseEnvelope(text) }

func (formatJSON) Append(dst []byte, _ string, e *Envelope) ([]byte, error) {
	return e.Append(dst), nil
}

// Check lets only JSON objects in: PHP's native reader unserializes whatever
// text it finds, and no text that it would make one of its objects from begins
// with a brace.
func (formatJSON) Check(body []byte) error {
	if err := CheckJSON(body); err != nil {
		return &Error{Code: CodeBadFrame, Message: "the message is " + err.Error()}
	}
	if !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) {
		return &Error{Code: CodeBadFrame, Message: "the message is no JSON object"}
	}
	return nil
}

type formatRaw struct{}

func (formatRaw) Parse(text []byte) Envelope { return plainEnvelope(text) }

func (formatRaw) Append(dst []byte, _ string, e *Envelope) ([]byte, error) {
	if isString(e.Payload) {
		return append(dst, decoded(e.Payload)...), nil
	}
	if len(e.Payload) == 0 {
		return append(dst, jsonNull...), nil
	}
	return append(dst, e.Payload...), nil
}

func (formatRaw) Check(body []byte) error {
	if !utf8.Valid(body) {
		return &Error{Code: CodeBadFrame, Message: "the message is not valid UTF-8"}
	}
	return nil
}
