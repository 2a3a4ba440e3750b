package servers

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// A frame is what the server has said. It is decoded here and not by package
// protocol: were something wrong on both sides, nobody would notice.
type frame struct {
	Op     string
	Text   string // the whole frame
	fields map[string]json.RawMessage
}

// str is a field that is a text, "" where it is not there.
func (f frame) str(key string) string {
	var s string
	_ = json.Unmarshal(f.fields[key], &s) // parseFrame has looked at it
	return s
}

// num is a field that is a whole number, 0 where it is not there.
func (f frame) num(key string) int {
	n, _ := strconv.Atoi(string(f.fields[key])) // as above
	return n
}

// raw is a field as it stands, "" where it is not there.
func (f frame) raw(key string) string { return string(f.fields[key]) }

func (f frame) has(key string) bool { _, ok := f.fields[key]; return ok }

// list is a field that is an array of texts.
func (f frame) list(key string) []string {
	var list []string
	_ = json.Unmarshal(f.fields[key], &list) // as above
	return list
}

func texts(frames []frame) string {
	list := make([]string, len(frames))
	for i, f := range frames {
		list[i] = f.Text
	}
	return "[" + strings.Join(list, ",") + "]"
}

var (
	urlSafe = regexp.MustCompile(`^[A-Za-z0-9._~-]{1,64}$`)
	whole   = regexp.MustCompile(`^(0|-?[1-9][0-9]*)$`)
)

// Kinds of fields: what is wrong with a value, or "".
func isText(v json.RawMessage) string {
	if len(v) == 0 || v[0] != '"' {
		return "is no text"
	}
	return ""
}

func isName(v json.RawMessage) string {
	var s string
	if json.Unmarshal(v, &s) != nil || s == "" {
		return "is no text with something in it"
	}
	return ""
}

func isCursor(v json.RawMessage) string {
	var s string
	if json.Unmarshal(v, &s) != nil || !urlSafe.MatchString(s) {
		return "is no cursor"
	}
	return ""
}

func isNumber(v json.RawMessage) string {
	if !whole.Match(v) {
		return "is no whole number"
	}
	return ""
}

func isPositive(v json.RawMessage) string {
	if !whole.Match(v) || v[0] == '-' || v[0] == '0' {
		return "is no whole number above 0"
	}
	return ""
}

func isOne(v json.RawMessage) string {
	if string(v) != "1" {
		return "is not 1"
	}
	return ""
}

func isFlag(v json.RawMessage) string {
	if string(v) != "true" && string(v) != "false" {
		return "is neither true nor false"
	}
	return ""
}

func isTexts(v json.RawMessage) string {
	var list []string
	if len(v) == 0 || v[0] != '[' || json.Unmarshal(v, &list) != nil {
		return "is no array of texts"
	}
	return ""
}

func isAny(json.RawMessage) string { return "" }

// A kind tells what is wrong with a field's value, or "".
type kind = func(json.RawMessage) string

// A form is the fields of an op.
type form struct{ needs, may map[string]kind }

// serverFrames is the section "Server frames".
func serverFrames(op string) (form, bool) {
	f, ok := map[string]form{
		"welcome":      {needs: map[string]kind{"clientid": isName, "version": isOne, "ping": isPositive, "max_message": isPositive}},
		"subscribed":   {needs: map[string]kind{"channel": isName, "cursor": isCursor}, may: map[string]kind{"ref": isNumber, "recovered": isFlag}},
		"unsubscribed": {needs: map[string]kind{"channel": isName, "ref": isNumber}},
		"message": {
			needs: map[string]kind{"channel": isName, "cursor": isCursor, "id": isText, "type": isText, "payload": isAny},
			may:   map[string]kind{"from": isName, "reply_to": isName, "time": isPositive},
		},
		"gap":      {needs: map[string]kind{"channel": isName, "cursor": isCursor}},
		"sent":     {needs: map[string]kind{"channel": isName, "id": isName, "cursor": isCursor, "ref": isNumber}},
		"presence": {needs: map[string]kind{"channel": isName, "clients": isTexts, "count": isNumber}, may: map[string]kind{"ref": isNumber}},
		"join":     {needs: map[string]kind{"channel": isName, "clientid": isName}},
		"leave":    {needs: map[string]kind{"channel": isName, "clientid": isName}},
		"error":    {needs: map[string]kind{"code": isName, "message": isText}, may: map[string]kind{"ref": isNumber}},
		"pong":     {needs: map[string]kind{"ref": isNumber}},
		"bye":      {needs: map[string]kind{"reason": isText, "retry": isNumber}},
	}[op]
	return f, ok
}

// parseFrame reads a frame and holds it against its form. Ops and fields that
// this version does not know are let through.
func parseFrame(text []byte) (frame, error) {
	f := frame{Text: string(text)}
	if err := json.Unmarshal(text, &f.fields); err != nil || f.fields == nil {
		return f, fmt.Errorf("%.200q is no JSON object", text)
	}
	if f.Op = f.str("op"); f.Op == "" {
		return f, fmt.Errorf("%.200s has no op", text)
	}
	known, ok := serverFrames(f.Op)
	if !ok {
		return f, nil
	}
	for key, is := range known.needs {
		v, ok := f.fields[key]
		if !ok {
			return f, fmt.Errorf("%.200s has no %q", text, key)
		}
		if why := is(v); why != "" {
			return f, fmt.Errorf("%q of %.200s %s", key, text, why)
		}
	}
	for key, is := range known.may {
		if v, ok := f.fields[key]; ok {
			if why := is(v); why != "" {
				return f, fmt.Errorf("%q of %.200s %s", key, text, why)
			}
		}
	}
	return f, nil
}

// obj is a frame as a client writes it.
type obj map[string]any

func (o obj) with(more obj) obj {
	all := obj{}
	for _, fields := range []obj{o, more} {
		for k, v := range fields {
			all[k] = v
		}
	}
	return all
}

func (o obj) text() string {
	text, err := json.Marshal(o)
	if err != nil {
		panic("servers: a check's frame: " + err.Error()) // it is written here
	}
	return string(text)
}
