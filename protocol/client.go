package protocol

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Append appends f to dst as JSON. Payload must be valid JSON or empty.
func (f *ClientFrame) Append(dst []byte) []byte {
	o := begin(dst, f.Op)
	o.ref(f.Ref)
	switch f.Op {
	case OpHello:
		o.opt("clientid", f.ClientID)
		o.opt("token", f.Token)
	case OpSubscribe:
		o.str("channel", f.Channel)
		o.opt("since", string(f.Since))
		o.optNum("history", int64(f.History))
		if f.Echo {
			o.flag("echo", true)
		}
	case OpUnsubscribe, OpPresence:
		o.str("channel", f.Channel)
	case OpSend:
		o.str("channel", f.Channel)
		o.str("type", f.Type)
		o.raw("payload", f.Payload)
		o.opt("id", f.ID)
		o.opt("reply_to", f.ReplyTo)
	}
	return o.end()
}

// DecodeClient reads one client frame. What it returns besides nil is always
// an *Error that may be sent as it stands: its Ref is the frame's, where that
// could be read. The frame's Payload shares data's memory. data may be of any
// size; bound it before. With an error, the frame's Op is empty where the text
// is no frame at all, and says else what was meant.
func DecodeClient(data []byte) (ClientFrame, error) {
	err := CheckJSON(data)
	if err == nil {
		return decodeClient(data)
	}
	refused := &Error{Code: CodeBadFrame, Message: err.Error()}
	if !utf8.Valid(data) || !json.Valid(data) {
		return ClientFrame{}, refused
	}
	// JSON that can't be taken in, for its depth or half a surrogate pair: that
	// is one message's fault, and its sender is to know which.
	f, _ := decodeClient(data)
	refused.Ref = f.Ref
	return ClientFrame{Op: f.Op, Ref: f.Ref}, refused
}

// DecodeClientBatch reads a long-poll exchange, a JSON array of client
// frames, at most so many. A frame that can't be read is in errs at its
// place, nil for all others; err is for an array that can't.
func DecodeClientBatch(data []byte, most int) (frames []ClientFrame, errs []error, err error) {
	frames, errs, err = AppendClientBatch(nil, nil, data, most)
	if err != nil {
		return nil, nil, err
	}
	return frames, errs, nil
}

// AppendClientBatch is DecodeClientBatch into memory that is there: it appends
// to frames and errs, which have a length of 0. With an error they come back
// empty.
func AppendClientBatch(frames []ClientFrame, errs []error, data []byte, most int) ([]ClientFrame, []error, error) {
	refuse := func(message string) ([]ClientFrame, []error, error) {
		clear(frames)
		return frames[:0], errs[:0], &Error{Code: CodeBadFrame, Message: message}
	}
	decode := decodeClient
	if err := checkJSON(data, MaxDepth+1); err != nil {
		if !utf8.Valid(data) || !json.Valid(data) {
			return refuse(err.Error())
		}
		decode = DecodeClient // which finds the frame whose fault it is
	}
	if i := skipSpace(data, 0); data[i] != '[' {
		return refuse("an exchange is a JSON array of frames")
	}
	for raw := range Elements(data) {
		if len(frames) == most {
			return refuse(fmt.Sprintf("more than %d frames in one exchange", most))
		}
		f, err := decode(raw)
		frames, errs = append(frames, f), append(errs, err)
	}
	return frames, errs, nil
}

func decodeClient(data []byte) (ClientFrame, error) {
	var f ClientFrame
	var first error
	for key, value := range members(data) {
		if err := f.set(key, value); err != nil && first == nil {
			first = fmt.Errorf("%q %w", key, err)
		}
	}
	if f.Op != "" && !f.Op.fromClient() {
		// Before any other complaint: a later version's op may want a field
		// of ours in another form.
		return f, &Error{Ref: f.Ref, Code: CodeUnknownOp, Message: fmt.Sprintf("unknown op %q", f.Op)}
	}
	if first == nil && f.Op == "" {
		first = errors.New(`"op" is missing: a frame is a JSON object with an "op"`)
	}
	if first != nil {
		return f, &Error{Ref: f.Ref, Code: CodeBadFrame, Message: first.Error()}
	}
	return f, f.check()
}

func (f *ClientFrame) set(key []byte, value json.RawMessage) (err error) {
	switch string(key) {
	case "op":
		err = opInto(&f.Op, value)
	case "ref":
		f.Ref.n, err = wholeNumber(value)
		f.Ref.ok = err == nil
	case "clientid":
		err = stringInto(&f.ClientID, value, len(value)) // CheckClientID bounds it, with a code of its own
	case "token":
		err = stringInto(&f.Token, value, MaxToken)
	case "channel":
		err = stringInto(&f.Channel, value, len(value)) // as above, by CheckChannel
	case "since":
		err = stringInto((*string)(&f.Since), value, MaxCursor)
	case "history":
		var n int64
		n, err = wholeNumber(value)
		if err == nil && n < 0 {
			err = errors.New("is negative")
		}
		f.History = int(min(n, MaxHistory))
	case "echo":
		err = boolInto(&f.Echo, value)
	case "type":
		err = stringInto(&f.Type, value, MaxType)
	case "payload":
		f.Payload = value
	case "id":
		err = stringInto(&f.ID, value, MaxMessageID)
	case "reply_to":
		err = stringInto(&f.ReplyTo, value, MaxMessageID)
	}
	return err
}

// check looks at the fields that f's op wants.
func (f *ClientFrame) check() error {
	err := f.checkOp()
	if e, ok := errors.AsType[*Error](err); ok {
		e.Ref = f.Ref
	}
	return err
}

func (f *ClientFrame) checkOp() error {
	switch f.Op {
	case OpHello:
		if f.ClientID != "" {
			return CheckClientID(f.ClientID)
		}
		return nil
	case OpPing:
		return nil
	}
	if err := CheckChannel(f.Channel); err != nil {
		return err
	}
	switch {
	case f.Op == OpSubscribe && f.Since != "" && f.History != 0:
		return &Error{Code: CodeBadFrame, Message: `"since" and "history" exclude each other`}
	case f.Op == OpSubscribe && f.Since != "":
		return CheckCursor(f.Since)
	case f.Op == OpSend && f.ReplyTo != "" && !urlSafe(f.ReplyTo, MaxMessageID):
		return &Error{Code: CodeBadFrame, Message: `"reply_to" is no message id`}
	case f.Op == OpSend && f.ID != "":
		return CheckMessageID(f.ID)
	}
	return nil
}

func stringInto(dst *string, v json.RawMessage, most int) error {
	if !isString(v) {
		return errors.New("is not a string")
	}
	// An escape makes at most six bytes of one: what is longer can't fit.
	if len(v) > 6*most+2 {
		return fmt.Errorf("is longer than %d bytes", most)
	}
	s := decoded(v)
	if len(s) > most {
		return fmt.Errorf("is longer than %d bytes", most)
	}
	*dst = string(s)
	return nil
}

func wholeNumber(v json.RawMessage) (int64, error) {
	n, err := strconv.ParseInt(string(v[:min(len(v), 24)]), 10, 64)
	if err != nil {
		return 0, errors.New("is not a whole number of 64 bits")
	}
	return n, nil
}

func boolInto(dst *bool, v json.RawMessage) error {
	switch string(v) {
	case "true":
		*dst = true
	case "false":
		*dst = false
	default:
		return errors.New("is neither true nor false")
	}
	return nil
}
