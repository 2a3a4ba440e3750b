package protocol

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// Append appends f to dst as JSON. It does not allocate where dst has room.
// Payload must be valid JSON or empty.
func (f *ServerFrame) Append(dst []byte) []byte {
	o := begin(dst, f.Op)
	o.ref(f.Ref)
	switch f.Op {
	case OpWelcome:
		o.str("clientid", f.ClientID)
		o.num("version", int64(f.Version))
		o.num("ping", int64(f.Ping))
		o.num("max_message", int64(f.MaxMessage))
	case OpSubscribed:
		o.place(f)
		if f.Recovered != nil {
			o.flag("recovered", *f.Recovered)
		}
	case OpUnsubscribed:
		o.str("channel", f.Channel)
	case OpMessage:
		o.message(f)
	case OpGap:
		o.place(f)
	case OpSent:
		o.str("channel", f.Channel)
		o.str("id", f.ID)
		o.str("cursor", string(f.Cursor))
	case OpPresence:
		o.presence(f)
	case OpJoin, OpLeave:
		o.str("channel", f.Channel)
		o.str("clientid", f.ClientID)
	case OpError:
		o.str("code", string(f.Code))
		o.str("message", f.Message)
	case OpBye:
		o.str("reason", f.Reason)
		o.num("retry", int64(f.Retry))
	}
	return o.end()
}

func (o *object) place(f *ServerFrame) {
	o.str("channel", f.Channel)
	o.str("cursor", string(f.Cursor))
}

func (o *object) message(f *ServerFrame) {
	o.place(f)
	o.str("id", f.ID)
	o.str("type", f.Type)
	o.opt("from", f.From)
	o.raw("payload", f.Payload)
	o.opt("reply_to", f.ReplyTo)
	o.optNum("time", f.Time)
}

func (o *object) presence(f *ServerFrame) {
	o.str("channel", f.Channel)
	o.key("clients")
	o.b = append(o.b, '[')
	for i, c := range f.Clients {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		o.b = AppendString(o.b, c)
	}
	o.b = append(o.b, ']')
	o.num("count", int64(f.Count))
}

// Frame is e as it goes over the wire.
func (e *Error) Frame() *ServerFrame {
	return &ServerFrame{Op: OpError, Ref: e.Ref, Code: e.Code, Message: e.Message}
}

// DecodeServer reads one server frame. Unknown fields are ignored; an op that
// is not known is no error, so that a newer gateway may say more. The frame's
// Payload shares data's memory.
func DecodeServer(data []byte) (ServerFrame, error) {
	if err := CheckJSON(data); err != nil {
		return ServerFrame{}, &Error{Code: CodeBadFrame, Message: err.Error()}
	}
	return decodeServer(data)
}

// DecodeServerBatch reads a long-poll answer, a JSON array of server frames.
func DecodeServerBatch(data []byte) ([]ServerFrame, error) {
	if err := checkJSON(data, MaxDepth+1); err != nil {
		return nil, &Error{Code: CodeBadFrame, Message: err.Error()}
	}
	if i := skipSpace(data, 0); data[i] != '[' {
		return nil, &Error{Code: CodeBadFrame, Message: "an answer is a JSON array of frames"}
	}
	var frames []ServerFrame
	for raw := range Elements(data) {
		f, err := decodeServer(raw)
		if err != nil {
			return nil, err
		}
		frames = append(frames, f)
	}
	return frames, nil
}

func decodeServer(data []byte) (ServerFrame, error) {
	var f ServerFrame
	for key, value := range members(data) {
		if err := f.set(key, value); err != nil {
			return f, &Error{Code: CodeBadFrame, Message: fmt.Sprintf("%q %v", key, err)}
		}
	}
	if f.Op == "" {
		return f, &Error{Code: CodeBadFrame, Message: `"op" is missing: a frame is a JSON object with an "op"`}
	}
	return f, nil
}

// maxText bounds what is written for people, in bytes.
const maxText = 4 << 10

func (f *ServerFrame) set(key []byte, value json.RawMessage) error {
	switch string(key) {
	case "op":
		return opInto(&f.Op, value)
	case "channel":
		return stringInto(&f.Channel, value, MaxChannel)
	case "cursor":
		return stringInto((*string)(&f.Cursor), value, MaxCursor)
	case "clientid":
		return stringInto(&f.ClientID, value, MaxClientID)
	case "id":
		return stringInto(&f.ID, value, maxText) // PHP may have stored any
	case "type":
		return stringInto(&f.Type, value, len(value))
	case "from":
		return stringInto(&f.From, value, len(value))
	case "payload":
		f.Payload = value
	case "reply_to":
		return stringInto(&f.ReplyTo, value, maxText)
	case "code":
		return stringInto((*string)(&f.Code), value, 64)
	case "message":
		return stringInto(&f.Message, value, maxText)
	case "reason":
		return stringInto(&f.Reason, value, maxText)
	case "recovered":
		f.Recovered = new(bool)
		return boolInto(f.Recovered, value)
	case "clients":
		return f.setClients(value)
	default:
		return f.setNumber(key, value)
	}
	return nil
}

func (f *ServerFrame) setNumber(key []byte, value json.RawMessage) (err error) {
	switch string(key) {
	case "ref":
		f.Ref.n, err = wholeNumber(value)
		f.Ref.ok = err == nil
	case "time":
		f.Time, err = wholeNumber(value)
	case "version":
		err = intInto(&f.Version, value)
	case "ping":
		err = intInto(&f.Ping, value)
	case "max_message":
		err = intInto(&f.MaxMessage, value)
	case "count":
		err = intInto(&f.Count, value)
	case "retry":
		err = intInto(&f.Retry, value)
	}
	return err
}

// intInto takes numbers of 32 bits, so that it does the same everywhere.
func intInto(dst *int, v json.RawMessage) error {
	n, err := wholeNumber(v)
	if err != nil {
		return err
	}
	if n < math.MinInt32 || n > math.MaxInt32 {
		return errors.New("is not a whole number of 32 bits")
	}
	*dst = int(n)
	return nil
}

func (f *ServerFrame) setClients(value json.RawMessage) error {
	if len(value) == 0 || value[0] != '[' {
		return errors.New("is not an array")
	}
	f.Clients = nil // of two members of one name the last counts
	for raw := range Elements(value) {
		var s string
		if err := stringInto(&s, raw, MaxClientID); err != nil {
			return err
		}
		f.Clients = append(f.Clients, s)
	}
	return nil
}
