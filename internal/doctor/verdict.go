package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

// An ID names a check. It stays the same from version to version.
type ID string

// The checks.
const (
	DNS     ID = "dns"
	TCP     ID = "tcp"
	TLS     ID = "tls"
	Gateway ID = "gateway"

	LongPoll ID = "longpoll"
	Poll     ID = "poll"
	Headers  ID = "headers"
	Address  ID = "address"

	Host            ID = "host"
	Origin          ID = "origin"
	OriginWebSocket ID = "origin-websocket"
	ForeignOrigin   ID = "foreign-origin"

	WebSocketOpens   ID = "websocket-opens"
	WebSocketAnswers ID = "websocket-answers"

	SendWebSocket    ID = "send-websocket"
	SendLongPoll     ID = "send-longpoll"
	SendPoll         ID = "send-poll"
	ReceiveWebSocket ID = "receive-websocket"
	ReceiveLongPoll  ID = "receive-longpoll"
	ReceivePoll      ID = "receive-poll"
	Clock            ID = "clock"

	StoreReach    ID = "store"
	StoreSame     ID = "store-same"
	StoreWatch    ID = "store-watch"
	StoreItemSize ID = "store-item-size"
	StoreMemory   ID = "store-memory"
	StoreCAS      ID = "store-cas"
	StoreTTL      ID = "store-ttl"
	StoreChannels ID = "store-channels"
	PHP           ID = "php"

	WebSocketStays ID = "websocket-stays"
	LongPollHeld   ID = "longpoll-held"
	PollHeld       ID = "poll-held"
)

// A Check is a line of the table of checks.
type Check struct {
	ID   ID
	What string // is looked at
}

// Checks are all there are, in the order in which they are told. A report has
// a verdict on each.
func Checks() []Check { return slices.Clone(checks) }

var checks = []Check{
	{DNS, "the host's name has an address"},
	{TCP, "something listens there"},
	{TLS, "it has a certificate that is valid, and stays so for a while"},
	{Gateway, "it is a gateway, and not another site, or the old script"},
	{LongPoll, "exchanges of frames are answered"},
	{Poll, "the polls of old pages are answered"},
	{Headers, "answers come with their headers as the gateway wrote them"},
	{Address, "the gateway sees the client's address, not a proxy's"},
	{Host, "pages of the URL's own host get in"},
	{Origin, "pages of --origin get in by POST, with its preflight"},
	{OriginWebSocket, "pages of --origin get in by WebSocket"},
	{ForeignOrigin, "pages of other origins do not get in"},
	{WebSocketOpens, "a WebSocket opens"},
	{WebSocketAnswers, "frames and pings pass on it, both ways"},
	{SendWebSocket, "a message sent by WebSocket is taken"},
	{SendLongPoll, "a message sent by long-poll is taken"},
	{SendPoll, "a message sent as old pages do is taken"},
	{ReceiveWebSocket, "messages come by WebSocket, at once"},
	{ReceiveLongPoll, "messages end a held long-poll, at once"},
	{ReceivePoll, "messages end a held poll, at once"},
	{Clock, "the gateway's clock and this one agree"},
	{StoreReach, "every server of the store answers"},
	{StoreSame, "what the gateway takes is in this store"},
	{StoreWatch, "memcached tells the gateway of PHP's messages"},
	{StoreItemSize, "a full channel fits into an item"},
	{StoreMemory, "nothing is dropped for want of memory"},
	{StoreCAS, "writers can't overwrite each other unnoticed"},
	{StoreTTL, "items live as long as they are to"},
	{StoreChannels, "what is in the channels can be read"},
	{PHP, "the PHP of this machine has what the library needs"},
	{WebSocketStays, "a WebSocket stays open, idle or not"},
	{LongPollHeld, "a long-poll is held until the gateway answers it"},
	{PollHeld, "a poll is held until the gateway answers it"},
}

// A Status is how a check went.
type Status string

// The statuses.
const (
	OK      Status = "ok"
	Warn    Status = "warn" // works, but may not for long, or not for all
	Fail    Status = "fail"
	Skipped Status = "skipped" // not looked at; the verdict's text tells why
)

// A Verdict is what came of a check.
type Verdict struct {
	ID     ID      `json:"id"`
	Status Status  `json:"status"`
	Text   string  `json:"text"`              // what was seen, in one line
	Change string  `json:"change,omitempty"`  // what to change, in one line; of warn and fail
	Took   float64 `json:"took_ms,omitempty"` // milliseconds, where there is a time that says it best
}

func (x *exam) ok(id ID, format string, args ...any) {
	x.tell(Verdict{ID: id, Status: OK, Text: fmt.Sprintf(format, args...)})
}

// okIn is ok for what took a time, which is added to the text.
func (x *exam) okIn(id ID, took time.Duration, format string, args ...any) {
	x.tell(Verdict{ID: id, Status: OK, Took: millis(took), Text: fmt.Sprintf(format, args...) + " in " + brief(took)})
}

func (x *exam) warn(id ID, change, format string, args ...any) {
	x.tell(Verdict{ID: id, Status: Warn, Text: fmt.Sprintf(format, args...), Change: change})
}

func (x *exam) fail(id ID, change, format string, args ...any) {
	x.tell(Verdict{ID: id, Status: Fail, Text: fmt.Sprintf(format, args...), Change: change})
}

func (x *exam) skip(id ID, format string, args ...any) {
	x.tell(Verdict{ID: id, Status: Skipped, Text: fmt.Sprintf(format, args...)})
}

// tell takes a verdict in, unless there is one already, and tells those that
// are next in the table.
func (x *exam) tell(v Verdict) {
	v.Text, v.Change = printable(v.Text), printable(v.Change)
	x.mu.Lock()
	defer x.mu.Unlock()
	if _, ok := x.verdicts[v.ID]; ok {
		return
	}
	x.verdicts[v.ID] = v
	for ; x.told < len(checks); x.told++ {
		next, ok := x.verdicts[checks[x.told].ID]
		if !ok {
			return
		}
		if x.o.Told != nil {
			x.o.Told(next)
		}
	}
}

// skipRest gives all checks a verdict that have none.
func (x *exam) skipRest(why string) {
	for _, c := range checks {
		x.skip(c.ID, "%s", why)
	}
}

// skipGateway is skipRest for what needs a gateway.
func (x *exam) skipGateway(why string) {
	for _, c := range checks {
		if c.ID == PHP || c.ID != StoreSame && strings.HasPrefix(string(c.ID), string(StoreReach)) {
			continue
		}
		x.skip(c.ID, "%s", why)
	}
}

// A finding is a verdict's status and words, without its check.
type finding struct {
	status       Status
	text, change string
}

func (x *exam) find(id ID, f finding) {
	x.tell(Verdict{ID: id, Status: f.status, Text: f.text, Change: f.change})
}

// worst is one finding for several things of a kind, such as servers: how the
// worst of them is, and the words of all that are so.
func worst(all []finding) finding {
	rank := []Status{Skipped, OK, Warn, Fail}
	most := Skipped
	for _, f := range all {
		if slices.Index(rank, f.status) > slices.Index(rank, most) {
			most = f.status
		}
	}
	var texts, changes []string
	for _, f := range all {
		if f.status != most {
			continue
		}
		texts = append(texts, f.text)
		if f.change != "" && !slices.Contains(changes, f.change) {
			changes = append(changes, f.change)
		}
	}
	return finding{most, strings.Join(texts, "; "), strings.Join(changes, "; ")}
}

// printable is a text on one line without what could move a terminal's cursor:
// a proxy's words may be in it.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t', r == '\r':
			return ' '
		case !unicode.IsGraphic(r):
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// brief is a time as people want to read it.
func brief(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", millis(d))
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%.0f s", d.Seconds())
}

// counted is a number of things whose plural ends with an s.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
