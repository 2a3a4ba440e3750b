package e2e

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// retryPause is how long clients here wait before they try a gateway again
// that does not answer.
const retryPause = 50 * time.Millisecond

// A wsEvent is a line of js/wsclient.mjs.
type wsEvent struct {
	Event  string
	Text   string // of "text"
	Code   int    // of "close"
	Reason string
	Error  string // of "refused"

	frame frame // Text's
}

// A wsClient is a node process with a WebSocket. Its methods are for one
// goroutine at a time.
type wsClient struct {
	id     string
	child  *child
	events journal[wsEvent]
	inbox  // over all connections
	ref    int
	begin  int // of the connection's events
}

// startWS starts a client that is not yet connected.
func startWS(t *testing.T, id string) *wsClient {
	t.Helper()
	need(t, "node")
	needFile(t, "node_modules/ws/package.json")
	c := &wsClient{id: id}
	c.child = spawn(t, "WebSocket client "+id, exec.Command("node", "js/wsclient.mjs"), c.hear)
	return c
}

// joinWS starts a client, connects it, and subscribes it from now on.
func joinWS(t *testing.T, g *gateway, id, channel string) *wsClient {
	t.Helper()
	c := startWS(t, id)
	c.mustConnect(t, g)
	c.mustSubscribe(t, channel, "")
	return c
}

func (c *wsClient) hear(line string) {
	var e wsEvent
	if err := json.Unmarshal([]byte(line), &e); err != nil {
		e = wsEvent{Event: "bad line", Error: err.Error() + ": " + line}
	}
	if e.Event == "text" {
		if err := json.Unmarshal([]byte(e.Text), &e.frame); err != nil {
			e = wsEvent{Event: "bad frame", Error: err.Error() + ": " + e.Text}
		}
		c.take(e.frame)
	}
	c.events.add(e)
}

func (c *wsClient) do(command fields) error {
	line, err := json.Marshal(command)
	if err != nil {
		return err
	}
	return c.child.write(line)
}

func (c *wsClient) say(f fields) error {
	text, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return c.do(fields{"do": "send", "text": string(text)})
}

// connect opens a connection and says hello.
func (c *wsClient) connect(g *gateway) error {
	c.begin = c.events.len()
	url := "ws" + strings.TrimPrefix(g.url("/channel"), "http")
	if err := c.do(fields{"do": "connect", "url": url}); err != nil {
		return err
	}
	opened, _, err := c.events.find(c.id+"'s connection", c.begin, func(e wsEvent) bool {
		return e.Event == "open" || e.Event == "refused"
	})
	if err != nil {
		return err
	}
	if opened.Event != "open" {
		return fmt.Errorf("%s can't connect: %s", c.id, opened.Error)
	}
	if err := c.say(fields{"op": "hello", "clientid": c.id}); err != nil {
		return err
	}
	_, err = c.answer("welcome", func(f frame) bool { return f.Op == "welcome" })
	return err
}

// answer waits for a frame on the present connection, or for its end.
func (c *wsClient) answer(what string, right func(frame) bool) (frame, error) {
	e, _, err := c.events.find(c.id+"'s "+what, c.begin, func(e wsEvent) bool {
		return e.Event == "close" || e.Event == "text" && right(e.frame)
	})
	if err == nil && e.Event == "close" {
		err = fmt.Errorf("%s's connection ended with %d %s before %s", c.id, e.Code, e.Reason, what)
	}
	return e.frame, err
}

// ask sends a frame and waits for its answer, which may be an error.
func (c *wsClient) ask(f fields) (frame, error) {
	c.ref++
	ref := c.ref
	f["ref"] = ref
	if err := c.say(f); err != nil {
		return frame{}, err
	}
	return c.answer(fmt.Sprintf("answer to %v", f), func(f frame) bool { return f.Ref == ref })
}

// send sends a text as a message of type "msg", and waits until it was taken.
func (c *wsClient) send(channel, text string) error {
	return sent(c.ask(fields{"op": "send", "channel": channel, "type": "msg", "payload": text}))
}

// sent is the error of an answer to a send.
func sent(f frame, err error) error {
	if err == nil && f.Op != "sent" {
		err = fmt.Errorf("a send was answered with %s %s %s", f.Op, f.Code, f.Message)
	}
	return err
}

func (c *wsClient) mustSend(t *testing.T, channel, text string) {
	t.Helper()
	if err := c.send(channel, text); err != nil {
		t.Fatal(err)
	}
}

func (c *wsClient) mustConnect(t *testing.T, g *gateway) {
	t.Helper()
	if err := c.connect(g); err != nil {
		t.Fatal(err)
	}
}

// mustSubscribe subscribes to channel, from since or, where that is empty,
// from now on.
func (c *wsClient) mustSubscribe(t *testing.T, channel, since string) frame {
	t.Helper()
	f := fields{"op": "subscribe", "channel": channel}
	if since != "" {
		f["since"] = since
	}
	subscribed, err := c.ask(f)
	if err != nil {
		t.Fatal(err)
	}
	if subscribed.Op != "subscribed" || (subscribed.Recovered == nil) != (since == "") {
		t.Fatalf("%s's answer to %v: got %+v", c.id, f, subscribed)
	}
	return subscribed
}

// mustClose waits for the connection to end, and returns how it did.
func (c *wsClient) mustClose(t *testing.T) wsEvent {
	t.Helper()
	e, _ := c.events.first(t, c.id+"'s close", c.begin, func(e wsEvent) bool { return e.Event == "close" })
	return e
}

// comeBack connects again, as often as it needs, and resumes where the client
// was.
func (c *wsClient) comeBack(t *testing.T, g *gateway, channel string) frame {
	t.Helper()
	since := c.cursor()
	deadline := time.Now().Add(patience)
	for err := c.connect(g); err != nil; err = c.connect(g) {
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		pause(t.Context(), retryPause)
	}
	return c.mustSubscribe(t, channel, since)
}

// mustResumeAt is comeBack where nothing is to be missing.
func (c *wsClient) mustResumeAt(t *testing.T, g *gateway, channel string) {
	t.Helper()
	if s := c.comeBack(t, g, channel); !*s.Recovered {
		t.Errorf("%s's return: got %+v, want recovered", c.id, s)
	}
}

// leave says goodbye and waits for the connection's end.
func (c *wsClient) leave(t *testing.T) {
	t.Helper()
	if err := c.do(fields{"do": "close", "code": 1000}); err != nil {
		t.Fatal(err)
	}
	c.mustClose(t)
}

// mustPause stops reading from the socket.
func (c *wsClient) mustPause(t *testing.T) {
	t.Helper()
	if err := c.do(fields{"do": "pause"}); err != nil {
		t.Fatal(err)
	}
	c.events.first(t, c.id+"'s pause", c.begin, func(e wsEvent) bool { return e.Event == "paused" })
}

func (c *wsClient) mustResume(t *testing.T) {
	t.Helper()
	if err := c.do(fields{"do": "resume"}); err != nil {
		t.Fatal(err)
	}
}
