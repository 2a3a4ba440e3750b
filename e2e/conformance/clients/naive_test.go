package clients

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/commchannel/gateway/e2e/conformance/wire"
)

// A naive client is the least that keeps a client's duties over WebSocket, and
// has one fault. It is its own driver.
type naive struct {
	fault                string
	url, channel, client string

	mu      sync.Mutex
	conn    *wire.Conn // nil: there is none
	cursor  string
	pending []obj // sends that are not acknowledged
	ref     int
}

// drive is the driver's main: fault, URL, CHANNEL, CLIENTID and TRANSPORT.
func drive(args []string) int {
	n := &naive{fault: args[0], url: args[1], channel: args[2], client: args[3]}
	go n.live()
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var do struct{ Payload json.RawMessage }
		if json.Unmarshal(in.Bytes(), &do) == nil {
			n.send(do.Payload)
		}
	}
	if n.has("does not end") {
		select {}
	}
	return 0
}

func (n *naive) has(fault string) bool { return n.fault == fault }

func tell(o obj) {
	line, _ := json.Marshal(o) // of what was JSON
	fmt.Println(string(line))
}

// live comes back, again and again.
func (n *naive) live() {
	for {
		retry, code := n.connect()
		if code >= 4200 && !n.has("comes back for ever") {
			if !n.has("does not tell of the end") {
				tell(obj{"event": "ended", "code": code})
			}
			return
		}
		pause := 600 * time.Millisecond
		if retry > 0 {
			pause = retry
		}
		if n.has("does not back off") {
			pause = 0
		}
		time.Sleep(pause)
	}
}

// connect is one connection, to its end.
func (n *naive) connect() (retry time.Duration, code int) {
	conn, _, _, err := wire.Dial(context.Background(), n.url, nil)
	if err != nil || conn == nil {
		return 0, 0
	}
	if n.has("does not answer pings") {
		conn.OnPing(func([]byte) {})
	}
	if n.has("goes silent when it is pinged") {
		conn.OnPing(func([]byte) { select {} })
	}
	defer conn.Cut()
	id := n.client
	if n.has("has another id") {
		id = "nobody"
	}
	if n.has("asks before hello") {
		_ = conn.WriteText(`{"op":"ping"}`)
	}
	_ = conn.WriteText(obj{"op": "hello", "clientid": id}.json())
	patience := time.Now().Add(2 * time.Second) // for the welcome
	for {
		text, err := conn.ReadText(patience)
		if err != nil {
			n.leave()
			if e, ok := errors.AsType[*wire.CloseError](err); ok {
				code = e.Code
			}
			return retry, code
		}
		patience = time.Time{}
		var f map[string]json.RawMessage
		_ = json.Unmarshal([]byte(text), &f) // the server keeps to the protocol
		if r := n.take(conn, event{frame: f}); r > 0 {
			retry = r
		}
	}
}

func (o obj) json() string {
	text, _ := json.Marshal(o) // it is written here
	return string(text)
}

func (n *naive) leave() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.conn = nil
}

// take does what a frame says, and returns how long "bye" says to stay away.
func (n *naive) take(conn *wire.Conn, f event) time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	if c := f.str("cursor"); c != "" && f.str("op") != "sent" && (n.cursor == "" || !n.has("keeps its first cursor")) {
		if f.str("op") != "gap" || !n.has("forgets the cursor of a gap") {
			n.cursor = c
		}
	}
	switch f.str("op") {
	case "welcome":
		n.begin(conn)
	case "subscribed":
		if string(f.frame["recovered"]) == "false" && !n.has("does not look at recovered") {
			tell(obj{"event": "gap"})
		}
	case "gap":
		if !n.has("keeps gaps to itself") {
			tell(obj{"event": "gap"})
		}
	case "message":
		n.message(f)
	case "sent", "error":
		n.settle(f)
	case "bye":
		var ms int
		if json.Unmarshal(f.frame["retry"], &ms) == nil && !n.has("does not look at bye") {
			return time.Duration(ms) * time.Millisecond
		}
	default:
		if n.has("fails for what it does not know") {
			conn.Cut()
		}
	}
	return 0
}

// begin subscribes, and sends again what was not acknowledged.
func (n *naive) begin(conn *wire.Conn) {
	n.conn = conn
	subscribe := obj{"op": "subscribe", "ref": 0, "channel": n.channel}
	if n.cursor != "" && !n.has("does not resume") {
		subscribe["since"] = n.cursor
	}
	_ = conn.WriteText(subscribe.json())
	for _, o := range n.pending {
		if n.has("sends again under another id") {
			o["id"] = o["id"].(string) + "-again"
		}
		if !n.has("does not send again") {
			_ = conn.WriteText(o.json())
		}
	}
}

func (n *naive) message(f event) {
	if f.str("from") == n.client && !n.has("hears itself") {
		return
	}
	o := obj{"event": "message", "id": f.str("id"), "type": f.str("type"), "from": f.str("from"), "payload": f.frame["payload"]}
	if n.has("makes texts of payloads") {
		o["payload"] = strings.Trim(string(f.frame["payload"]), `"`)
	}
	tell(o)
	if n.has("tells everything twice") {
		tell(o)
	}
}

func (n *naive) send(payload json.RawMessage) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ref++
	if n.has("changes what is sent") {
		payload = json.RawMessage("1")
	}
	o := obj{"op": "send", "ref": n.ref, "channel": n.channel, "type": "msg", "payload": payload, "id": fmt.Sprintf("naive-%d", n.ref)}
	if n.has("sends without an id") {
		delete(o, "id")
	}
	n.pending = append(n.pending, o)
	if n.conn != nil {
		_ = n.conn.WriteText(o.json())
	}
}

// settle tells what became of a send.
func (n *naive) settle(f event) {
	for i, o := range n.pending {
		if fmt.Sprint(o["ref"]) != string(f.frame["ref"]) {
			continue
		}
		n.pending = append(n.pending[:i:i], n.pending[i+1:]...)
		switch {
		case f.str("op") == "sent":
			tell(obj{"event": "sent", "id": f.str("id")})
		case !n.has("keeps failures to itself"):
			tell(obj{"event": "failed", "code": f.str("code")})
		}
		return
	}
}
