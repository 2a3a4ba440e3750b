package http1_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/commchannel/gateway/hub"
	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
	"github.com/commchannel/gateway/store/memory"
	"github.com/commchannel/gateway/transport"
	"github.com/commchannel/gateway/transport/http1"
	"github.com/commchannel/gateway/transport/longpoll"
	"github.com/commchannel/gateway/transport/ws"
)

// An entranced front leads to the entrances of a hub with a store of its own.
type entranced struct {
	*front
	hub *hub.Hub
	ws  *ws.Handler
}

func serveEntrances(t testing.TB, limits transport.Limits) *entranced {
	t.Helper()
	poller := newPoller(t)
	e := &entranced{}
	codec, err := ws.NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	st, err := memory.New(memory.Config{})
	if err != nil {
		t.Fatal(err)
	}
	guard, err := transport.NewGuard(transport.GuardConfig{})
	if err != nil {
		t.Fatal(err)
	}
	e.hub = hub.New(hub.Config{
		Store: st, Codec: codec, Log: zerolog.Nop(),
		Presence: func(channel string) bool { return channel == "lobby" },
	})
	e.ws = ws.New(ws.Config{Hub: e.hub, ClientAddr: guard.ClientAddr, Limits: limits, Log: zerolog.Nop(), Poller: poller})
	entrance := transport.Route{
		Guard: guard, WS: e.ws,
		LongPoll: longpoll.New(longpoll.Config{Hub: e.hub, Guard: guard, Limits: limits, Log: zerolog.Nop()}),
	}.Handler()
	e.front = serve(t, entrance, func(c *http1.Config) { c.Poller = poller })
	t.Cleanup(func() {
		e.server.Close()
		e.http.Close()
		e.ws.Close()
		e.hub.Close()
		st.Close()
		codec.Free()
	})
	return e
}

// publish sends message n to channel.
func (e *entranced) publish(channel string, n int) {
	e.t.Helper()
	text := protocol.Envelope{Type: "t", Payload: fmt.Append(nil, n), From: "writer"}
	if _, err := e.hub.Publish(e.t.Context(), channel, store.Message{ID: protocol.NewMessageID(time.Now()), Text: text.Append(nil)}); err != nil {
		e.t.Fatalf("publish: %v", err)
	}
}

// handshake is a WebSocket's, with frames behind it.
func handshake(clientID string, frames ...string) string {
	out := "GET /channel?clientid=" + clientID + " HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
	return out + strings.Join(frames, "")
}

// masked is a short text as a client's frame, masked with zeros.
func masked(text string) string {
	return string([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}) + text
}

// upgraded reads the answer to a handshake.
func (c *client) upgraded() {
	c.t.Helper()
	if resp, err := http.ReadResponse(c.r, nil); err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		c.t.Fatalf("handshake: got %v %v", resp, err)
	}
}

// frame reads a text frame of the server's.
func (c *client) frame() protocol.ServerFrame {
	c.t.Helper()
	head := make([]byte, 2, 4)
	if _, err := io.ReadFull(c.r, head); err != nil {
		c.t.Fatalf("frame: %v", err)
	}
	size := int(head[1])
	if size == 126 {
		long := head[2:4]
		if _, err := io.ReadFull(c.r, long); err != nil {
			c.t.Fatalf("frame: %v", err)
		}
		size = int(binary.BigEndian.Uint16(long))
	}
	text := make([]byte, size)
	if _, err := io.ReadFull(c.r, text); err != nil || head[0] != 0x81 {
		c.t.Fatalf("frame: got %x %q %v", head, text, err)
	}
	f, err := protocol.DecodeServer(text)
	if err != nil {
		c.t.Fatalf("frame %s: %v", text, err)
	}
	return f
}

// wantOps wants frames with these ops.
func (c *client) wantOps(ops ...protocol.Op) (last protocol.ServerFrame) {
	c.t.Helper()
	for _, op := range ops {
		if last = c.frame(); last.Op != op {
			c.t.Fatalf("got %s, want op %q", last.Append(nil), op)
		}
	}
	return last
}

const (
	subscribeRoom = `{"op":"subscribe","ref":1,"channel":"room"}`
	sendToRoom    = `{"op":"send","ref":2,"channel":"room","payload":"hi"}`
)

func TestWebSocket(t *testing.T) {
	e := serveEntrances(t, transport.Limits{})
	for _, tt := range []struct {
		name string
		say  func(c *client)
	}{
		{"all in one segment", func(c *client) { c.say(handshake("alice", masked(subscribeRoom), masked(sendToRoom))) }},
		{"handshake and a half", func(c *client) {
			all := handshake("alice", masked(subscribeRoom), masked(sendToRoom))
			c.say(all[:len(all)-70])
			c.say(all[len(all)-70:])
		}},
		{"one after the other", func(c *client) {
			c.say(handshake("alice"))
			c.say(masked(subscribeRoom))
			c.say(masked(sendToRoom))
		}},
		{"byte by byte", func(c *client) {
			for _, b := range []byte(handshake("alice", masked(subscribeRoom), masked(sendToRoom))) {
				c.say(string([]byte{b}))
			}
		}},
		{"behind a POST", func(c *client) {
			c.say("POST /channel HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]" +
				handshake("alice", masked(subscribeRoom), masked(sendToRoom)))
			if resp, _, err := c.answer(); err != nil || resp.StatusCode != http.StatusOK {
				t.Fatalf("got %v %v", resp, err)
			}
		}},
		{"behind a GET, of net/http", func(c *client) {
			c.say("GET /channel HTTP/1.1\r\nHost: localhost\r\n\r\n" + handshake("alice", masked(subscribeRoom), masked(sendToRoom)))
			if resp, _, err := c.answer(); err != nil || resp.StatusCode != http.StatusUpgradeRequired {
				t.Fatalf("got %v %v", resp, err)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := dial(t, e.addr)
			tt.say(c)
			c.upgraded()
			c.wantOps(protocol.OpWelcome, protocol.OpSubscribed, protocol.OpSent)
			bob := dial(t, e.addr)
			bob.say(handshake("bob", masked(sendToRoom)))
			bob.upgraded()
			bob.wantOps(protocol.OpWelcome, protocol.OpSent)
			if m := c.wantOps(protocol.OpMessage); m.From != "bob" {
				t.Errorf("got %s, want bob's message", m.Append(nil))
			}
		})
	}
	t.Run("refused", func(t *testing.T) {
		c := dial(t, e.addr)
		c.say(handshake("a%20b"))
		if resp, _, err := c.answer(); err != nil || resp.StatusCode != http.StatusBadRequest {
			t.Fatalf("got %v %v, want status 400", resp, err)
		}
		c.say(handshake("alice"))
		c.upgraded()
		c.wantOps(protocol.OpWelcome)
	})
}

// TestManyWebSockets: two hundred leave the Server for the WebSockets' own
// code, and need no goroutine there.
func TestManyWebSockets(t *testing.T) {
	e := serveEntrances(t, transport.Limits{})
	const many = 200
	clients := make([]*client, many)
	for i := range clients {
		clients[i] = e.dial()
		clients[i].say(handshake(fmt.Sprint("client", i), masked(subscribeRoom)))
	}
	for _, c := range clients {
		c.upgraded()
		c.wantOps(protocol.OpWelcome, protocol.OpSubscribed)
	}
	if n := runtime.NumGoroutine(); n > many/2 {
		t.Errorf("%d connections take %d goroutines", many, n)
	}
	for n := range 3 {
		e.publish("room", n)
		for _, c := range clients {
			if m := c.wantOps(protocol.OpMessage); string(m.Payload) != fmt.Sprint(n) {
				t.Fatalf("got %s, want message %d", m.Append(nil), n)
			}
		}
	}
	for _, c := range clients[:many/2] {
		c.nc.Close()
	}
	f := e.front
	f.shutdown(t) // it knows of none of them
	for _, c := range clients[many/2:] {
		c.say(masked(`{"op":"ping","ref":9}`))
		c.wantOps(protocol.OpPong)
	}
	e.ws.Close()
	for _, c := range clients[many/2:] {
		c.wantEnd()
	}
}

// A polled client has exchanges, one after the other.
type polled struct {
	addr, name, channel string
	since               protocol.Cursor
	next                int // the message that is to follow
}

// exchange asks for what follows, and takes it in.
func (p *polled) exchange(c *client) error {
	since := ""
	if p.since != "" {
		since = fmt.Sprintf(`,"since":%q`, p.since)
	}
	if err := p.ask(c, fmt.Sprintf(`{"op":"subscribe","ref":1,"channel":%q%s}`, p.channel, since)); err != nil {
		return err
	}
	frames, err := exchanged(c)
	if err != nil {
		return err
	}
	for _, f := range frames {
		switch {
		case f.Op == protocol.OpSubscribed && p.since != "" && (f.Recovered == nil || !*f.Recovered):
			return fmt.Errorf("not recovered: %s", f.Append(nil))
		case f.Op == protocol.OpSubscribed:
			p.since = f.Cursor
		case f.Op == protocol.OpMessage && string(f.Payload) == fmt.Sprint(p.next):
			p.next++
			p.since = f.Cursor
		case f.Op != protocol.OpWelcome:
			return fmt.Errorf("got %s, want message %d", f.Append(nil), p.next)
		}
	}
	return nil
}

func (p *polled) ask(c *client, frame string) error {
	body := fmt.Sprintf(`[{"op":"hello","clientid":%q},%s]`, p.name, frame)
	_, err := fmt.Fprintf(c.nc, "POST /channel HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	return err
}

// exchanged reads an answer's frames.
func exchanged(c *client) ([]protocol.ServerFrame, error) {
	resp, body, err := c.answer()
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("got %s %s", resp.Status, body)
	}
	return protocol.DecodeServerBatch([]byte(body))
}

// run has exchanges until the last message. A client that leaves does so with
// an exchange under way, and comes back with the place it knows.
func (p *polled) run(last int, leaves bool) error {
	for p.next <= last {
		c, err := pollerTo(p.addr)
		if err != nil {
			return err
		}
		for p.next <= last {
			if leaves && p.since != "" && rand.IntN(5) == 0 {
				err = p.ask(c, fmt.Sprintf(`{"op":"subscribe","channel":%q,"since":%q}`, p.channel, p.since))
				break
			}
			if err = p.exchange(c); err != nil {
				break
			}
		}
		c.nc.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// TestLongPoll: fifty clients, some of which leave in the middle of exchanges,
// get all messages, once and in order, that come while they ask again.
func TestLongPoll(t *testing.T) {
	e := serveEntrances(t, transport.Limits{Hold: 200 * time.Millisecond})
	const clients, last = 50, 300
	var begun, done sync.WaitGroup
	begun.Add(clients)
	for i := range clients {
		done.Go(func() {
			p := &polled{addr: e.addr, name: fmt.Sprint("client", i), channel: "room"}
			c, err := pollerTo(e.addr)
			if err == nil {
				err = p.exchange(c) // its place is known
				c.nc.Close()
			}
			begun.Done()
			if err = errors.Join(err, p.run(last, i%5 == 0)); err != nil {
				t.Errorf("client %d: %v", i, err)
			}
		})
	}
	begun.Wait()
	for n := range last + 1 {
		e.publish("room", n)
	}
	done.Wait()
	e.shutdown(t)
}

// TestPresenceOfLongPolls: who is held is there, and who leaves meanwhile is
// not for long.
func TestPresenceOfLongPolls(t *testing.T) {
	if testing.Short() {
		t.Skip("who leaves is present for 5 s more")
	}
	t.Parallel()
	e := serveEntrances(t, transport.Limits{Hold: time.Minute})
	woken := make(transport.Signal, 1)
	l, err := e.hub.Listen(t.Context(), "lobby", hub.ListenOptions{ClientID: "watcher", Presence: true, Wake: woken.Wake})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	want := func(op protocol.Op) {
		t.Helper()
		var events [][]byte
		for len(events) == 0 {
			receive(t, woken, "what becomes of alice")
			events = l.Events(events)
		}
		if f, err := protocol.DecodeServer(events[0]); err != nil || f.Op != op || f.ClientID != "alice" || len(events) > 1 {
			t.Fatalf("got %q %v, want %q of alice", events, err, op)
		}
	}
	since, _ := l.Start()
	c := e.dial()
	alice := &polled{name: "alice"}
	if err := alice.ask(c, fmt.Sprintf(`{"op":"subscribe","channel":"lobby","since":%q}`, since)); err != nil {
		t.Fatal(err)
	}
	want(protocol.OpJoin)
	c.nc.Close()
	want(protocol.OpLeave)
}
