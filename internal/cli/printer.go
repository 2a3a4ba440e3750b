package cli

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/protocol/client"
)

// A printer writes what a command tells, each thing on one line.
type printer struct {
	out  io.Writer
	json bool
	now  func() time.Time

	channel, from, typ column
}

func (s *session) printer() *printer {
	return &printer{out: s.out, json: s.json, now: time.Now}
}

// A column is as wide as the widest text that was in it, within bounds.
type column int

const (
	narrowest = 6
	widest    = 24
	gutter    = "  "
)

func (c *column) pad(text string) string {
	n := utf8.RuneCountInString(text)
	*c = max(*c, narrowest, column(min(n, widest)))
	return text + strings.Repeat(" ", max(0, int(*c)-n)) + gutter
}

// message writes m: as a frame; or its time, channel, sender, type and payload.
func (p *printer) message(m *client.Message) error {
	payload := compact(m.Payload)
	if p.json {
		f := protocol.ServerFrame{
			Op: protocol.OpMessage, Channel: m.Channel, Cursor: m.Cursor, ID: m.ID, Type: m.Type,
			From: m.From, Payload: payload, ReplyTo: m.ReplyTo,
		}
		if !m.Time.IsZero() {
			f.Time = m.Time.UnixMilli()
		}
		return p.frame(&f)
	}
	return p.line(p.moment(m.Time) + gutter + p.channel.pad(field(m.Channel)) + p.from.pad(field(m.From)) +
		p.typ.pad(field(m.Type)) + printable(string(payload)))
}

// frame writes f for programs.
func (p *printer) frame(f *protocol.ServerFrame) error {
	_, err := p.out.Write(append(f.Append(nil), '\n'))
	return err
}

// line writes text for people.
func (p *printer) line(text string) error {
	_, err := io.WriteString(p.out, text+"\n")
	return err
}

// moment is a time in 12 characters: of today to the millisecond, of other
// days to the minute.
func (p *printer) moment(t time.Time) string {
	const today, before = "15:04:05.000", "Jan 02 15:04"
	t, now := t.Local(), p.now()
	switch {
	case t.IsZero():
		return "-           "
	case t.YearDay() == now.YearDay() && t.Year() == now.Year():
		return t.Format(today)
	}
	return t.Format(before)
}

// field is a text in a column of its own, which is never empty.
func field(text string) string {
	if text == "" {
		return "-"
	}
	return printable(text)
}

// compact is a JSON text on one line.
func compact(payload json.RawMessage) json.RawMessage {
	var b bytes.Buffer
	if json.Compact(&b, payload) != nil {
		return payload // it is no JSON, which the client has not let in
	}
	return b.Bytes()
}
