package clients

import (
	"encoding/json"
	"fmt"
	"slices"
)

// take does what a "send" asks for, and returns the answer. It reports false
// where that is to be withheld.
func (s *server) take(frame map[string]json.RawMessage) (obj, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := event{frame: frame}
	ref := frame["ref"]
	if s.refusing != "" {
		return obj{"op": "error", "ref": ref, "code": s.refusing, "message": "it can't be"}, true
	}
	id := e.str("id")
	if id == "" {
		id = fmt.Sprintf("x%d", len(s.messages)+1)
	}
	if !s.acks[id] {
		s.acks[id] = true
		payload := string(frame["payload"])
		if payload == "" {
			payload = "null"
		}
		s.add(message{id: id, from: s.client, payload: payload, replyTo: e.str("reply_to")})
	}
	if s.withheld > 0 {
		s.withheld--
		return nil, false
	}
	at := slices.IndexFunc(s.messages, func(m message) bool { return m.id == id })
	return obj{"op": "sent", "ref": ref, "channel": s.channel, "id": id, "cursor": cursor(at + 1)}, true
}

// since is where a subscription begins, and whether all that follows is there.
func (s *server) since(frame map[string]json.RawMessage) (at int, recovered *bool) {
	since := event{frame: frame}.str("since")
	if since == "" {
		return len(s.messages), nil
	}
	at = place(since)
	if at < s.lost || at > len(s.messages) {
		return s.lost, new(false)
	}
	return at, new(true)
}

// tell is a message, or the place of a gap, as a frame. It is nil for one's own
// message where there is no echo.
func (s *server) tell(i int, echo bool) obj {
	m := s.messages[i]
	switch {
	case m.gap:
		return obj{"op": "gap", "channel": s.channel, "cursor": cursor(i + 1)}
	case m.from == s.client && !echo && !m.forced:
		return nil
	}
	o := obj{"op": "message", "channel": s.channel, "cursor": cursor(i + 1), "id": m.id, "type": "msg", "payload": json.RawMessage(m.payload)}
	if m.from != "" {
		o["from"] = m.from
	}
	return o
}

func (s *server) welcome() obj {
	return obj{"op": "welcome", "clientid": s.client, "version": 1, "ping": ping, "max_message": maxMessage}
}

func (s *server) subscribed(frame map[string]json.RawMessage, at int, recovered *bool) obj {
	o := obj{"op": "subscribed", "channel": s.channel, "cursor": cursor(at)}
	if frame["ref"] != nil {
		o["ref"] = frame["ref"]
	}
	if recovered != nil {
		o["recovered"] = *recovered
	}
	return o
}

// unknown is a frame that this version does not know.
const unknown = `{"op":"conformance","ref":0,"channel":"conformance","conformance":[{}],"payload":{},"message":""}`

// texts are frames as they are said, with what later versions may add, also
// where nothing is said.
func (s *server) texts(frames ...obj) []string {
	var list []string
	for _, o := range frames {
		if s.noise {
			list = append(list, unknown)
		}
		if s.noise {
			o["conformance"] = []any{nil, obj{"op": "error"}}
		}
		text, err := json.Marshal(o)
		if err != nil {
			panic("clients: a frame of the server: " + err.Error()) // it is written here
		}
		list = append(list, string(text))
	}
	if s.noise {
		list = append(list, unknown)
	}
	return list
}
