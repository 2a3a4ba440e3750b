package client

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/commchannel/gateway/protocol"
)

// readFrame reads a frame of the gateway's. Where it reports false, there is
// nothing to do: the op is a later version's, whatever else stands beside it.
//
// A message that breaks the protocol's rules becomes a gap, so that the
// application is told that it misses something, and the channel goes on behind
// it: the next connection would only bring the same message again. Every other
// fault is an error.
func readFrame(text []byte) (f protocol.ServerFrame, known bool, err error) {
	f, err = protocol.DecodeServer(text)
	if err == nil {
		return f, knownOp(f.Op), nil
	}
	if !utf8.Valid(text) || !json.Valid(text) {
		return f, false, fmt.Errorf("client: a frame can't be read: %w", err)
	}
	told := outline(text)
	switch op := protocol.Op(told["op"]); {
	case op == "":
	case !knownOp(op):
		return f, false, nil
	case op == protocol.OpMessage || op == protocol.OpGap:
		f = protocol.ServerFrame{Op: protocol.OpGap, Channel: told["channel"], Cursor: protocol.Cursor(told["cursor"]), Reason: err.Error()}
		if f.Channel != "" && protocol.CheckCursor(f.Cursor) == nil {
			return f, true, nil
		}
	}
	return f, false, fmt.Errorf("client: a frame can't be read: %w", err)
}

// outline are the texts among a JSON object's members.
func outline(object []byte) map[string]string {
	texts := make(map[string]string)
	for key, value := range protocol.Members(object) {
		var text string
		if json.Unmarshal(value, &text) == nil {
			texts[key] = text
		} else {
			delete(texts, key) // of two members of one name the last counts
		}
	}
	return texts
}

// knownOp reports whether op is one that this client has a use for.
func knownOp(op protocol.Op) bool {
	switch op {
	case protocol.OpWelcome, protocol.OpSubscribed, protocol.OpUnsubscribed, protocol.OpMessage, protocol.OpGap,
		protocol.OpSent, protocol.OpPresence, protocol.OpJoin, protocol.OpLeave, protocol.OpError, protocol.OpPong, protocol.OpBye:
		return true
	}
	return false
}

// readFrames reads a long-poll's answer, frame by frame as readFrame does. With
// an error, the frames before the one that can't be read are there.
func readFrames(answer []byte) (frames []protocol.ServerFrame, err error) {
	if start := bytes.TrimLeft(answer, " \t\r\n"); !json.Valid(answer) || start[0] != '[' {
		_, err := protocol.DecodeServerBatch(answer)
		return nil, fmt.Errorf("client: long-poll: the answer is none of a gateway's: %w", err)
	}
	for text := range protocol.Elements(answer) {
		f, known, err := readFrame(text)
		if err != nil {
			return frames, err
		}
		if known {
			frames = append(frames, f)
		}
	}
	return frames, nil
}
