package phpserial

import (
	"fmt"

	"github.com/commchannel/gateway/protocol"
)

// replyType is the type of a reply, by which PHP finds what it waits for.
const replyType = "reply"

// Format is that of the seed's NativeCommChannel. A message sent in a frame
// has its own id as the conversation's, so that PHP's reply names it; one that
// has "reply_to" is written with the type "reply", whatever its own.
type Format struct{}

var _ protocol.Format = Format{}

// Parse tells what a text says; see protocol.Format.
func (Format) Parse(text []byte) protocol.Envelope {
	n, err := ParseNative(text)
	if err != nil {
		return protocol.FormatRaw.Parse(text)
	}
	e := protocol.Envelope{Type: n.Type, Payload: n.Payload, From: n.From}
	if n.Type == replyType {
		e.ReplyTo = n.ID
	} else {
		e.ID = n.ID
	}
	return e
}

// Append appends a message's text; see protocol.Format.
func (Format) Append(dst []byte, id string, e *protocol.Envelope) ([]byte, error) {
	n := Native{Type: e.Type, ID: id, Payload: e.Payload, From: e.From}
	if e.ReplyTo != "" {
		n.Type, n.ID = replyType, e.ReplyTo
	}
	text, err := AppendNative(dst, n)
	if err != nil {
		return dst, &protocol.Error{Code: protocol.CodeBadFrame, Message: fmt.Sprintf("the payload can't be written for PHP: %v", err)}
	}
	return text, nil
}

// Check refuses every body: a text that goes straight to PHP's unserialize is
// written by nobody but Append.
func (Format) Check([]byte) error {
	return &protocol.Error{Code: protocol.CodeForbidden, Message: "this channel holds serialized PHP values; send to it in frames"}
}
