package shadow

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/commchannel/gateway/internal/phpserial"
	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/protocol/client"
)

// A Message is one that came to a side, for people.
type Message struct {
	At      time.Time // when it came
	ID      string    // "" where the text does not tell
	Type    string
	From    string
	Payload json.RawMessage // its begin, where it is long
}

// A content stands for what a message says: two messages that say the same have
// one, however their JSON is spelt.
type content [16]byte

// A reading is what a text may say. In which format the texts of a channel are
// is told by the gateway's settings alone.
type reading struct {
	content content
	id      string // where the text has one
}

// An arrival is a message that came to a side.
type arrival struct {
	Message
	readings []reading // of a message of the new side, one
}

// legacyArrival is a text that a poll has brought.
func legacyArrival(text string, at time.Time) arrival {
	a := arrival{}
	for _, format := range []protocol.Format{protocol.FormatJSON, phpserial.Format{}, protocol.FormatRaw} {
		e := format.Parse([]byte(text))
		r := reading{contentOf(&e), e.ID}
		if slices.Contains(a.readings, r) {
			continue
		}
		a.readings = append(a.readings, r)
		if e.Type != "" || a.Payload == nil { // the one that tells the most
			a.Message = Message{At: at, ID: e.ID, Type: e.Type, From: e.From, Payload: shortened(e.Payload)}
		}
	}
	return a
}

// modernArrival is a message of the gateway.
func modernArrival(m *client.Message, at time.Time) arrival {
	e := protocol.Envelope{Type: m.Type, Payload: m.Payload, From: m.From, ReplyTo: m.ReplyTo}
	return arrival{
		Message:  Message{At: at, ID: m.ID, Type: m.Type, From: m.From, Payload: shortened(m.Payload)},
		readings: []reading{{contentOf(&e), m.ID}},
	}
}

// same reports whether a message of the new side and one of the old side are
// the same.
func same(modern, legacy *arrival) bool {
	m := modern.readings[0]
	return slices.ContainsFunc(legacy.readings, func(l reading) bool {
		return l.content == m.content && (l.id == "" || l.id == m.id)
	})
}

func contentOf(e *protocol.Envelope) content {
	var all []byte
	for _, part := range [][]byte{[]byte(e.Type), []byte(e.From), []byte(e.ReplyTo), canonical(e.Payload)} {
		all = append(strconv.AppendInt(all, int64(len(part)), 10), ':')
		all = append(all, part...)
	}
	sum := sha256.Sum256(all)
	return content(sum[:])
}

// canonical is a JSON text in one of the ways in which it can be spelt. Numbers
// stay as they are.
func canonical(payload json.RawMessage) []byte {
	d := json.NewDecoder(bytes.NewReader(payload))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return payload
	}
	text, err := json.Marshal(v)
	if err != nil {
		return payload
	}
	return text
}

// shortened is as much of a payload as people want to see.
func shortened(payload json.RawMessage) json.RawMessage {
	const most = 200
	if len(payload) <= most {
		return bytes.Clone(payload)
	}
	cut := bytes.ToValidUTF8(payload[:most], nil)
	return append(bytes.Clone(cut), "..."...)
}
