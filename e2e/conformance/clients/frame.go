package clients

import (
	"encoding/json"
	"regexp"
	"strings"
)

var urlSafe = regexp.MustCompile(`^[A-Za-z0-9._~-]{1,64}$`)

// parse reads a client's frame, and blames the client for one that can't be.
func (s *server) parse(text []byte) map[string]json.RawMessage {
	var frame map[string]json.RawMessage
	if err := json.Unmarshal(text, &frame); err != nil || frame == nil {
		s.blame("%.200q is no JSON object", text)
		return nil
	}
	if why := s.wrong(event{frame: frame}); why != "" {
		s.blame("%.200s %s", text, why)
	}
	return frame
}

// wrong tells what of a client's frame can't be, or "".
func (s *server) wrong(e event) string {
	for key, v := range e.frame {
		kind := map[string]string{
			"op": `"`, "clientid": `"`, "token": `"`, "channel": `"`, "since": `"`, "type": `"`, "id": `"`, "reply_to": `"`,
			"ref": "-0123456789", "history": "0123456789", "echo": "tf",
		}[key]
		if kind != "" && !strings.ContainsRune(kind, rune(v[0])) {
			return "has a wrong " + key
		}
	}
	op := e.str("op")
	if op == "" {
		return "has no op"
	}
	switch op {
	case "subscribe", "unsubscribe", "send", "presence":
		if e.str("channel") != s.channel {
			return "is about another channel than " + s.channel
		}
	}
	for _, key := range []string{"since", "id", "reply_to"} {
		if v := e.str(key); v != "" && !urlSafe.MatchString(v) {
			return "has a wrong " + key
		}
	}
	if op == "subscribe" && e.str("since") != "" && e.frame["history"] != nil && string(e.frame["history"]) != "0" {
		return "has since and history"
	}
	return ""
}
