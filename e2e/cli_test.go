package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/commchannel/gateway/protocol/client"
)

// named names the gateway that commands speak to from now on.
func (g *gateway) named(t *testing.T) *gateway {
	t.Helper()
	t.Setenv("COMMCHANNEL_URL", g.url("/channel"))
	return g
}

// A printing is a command that prints on and on. What it prints as JSON are
// frames.
type printing struct {
	*child
	inbox inbox
}

// startPrinting starts a command of the gateway that speaks to g and has -o
// json, and waits until g has its subscription to channel.
func startPrinting(t *testing.T, g *gateway, channel string, args ...string) *printing {
	t.Helper()
	p := &printing{}
	cmd := gatewayCommand(t, append(args, "--url", g.url("/channel"), "--client-id", "printing", "-o", "json")...)
	p.child = spawn(t, "gateway "+args[0], cmd, func(line string) {
		var f frame
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Errorf("gateway %s wrote %q: %v", args[0], line, err)
		}
		p.inbox.add(f)
	})
	joinWS(t, g, "witness", channel).awaitThere(t, channel, "printing")
	return p
}

// awaitThere waits until a client is in a channel.
func (c *wsClient) awaitThere(t *testing.T, channel, id string) {
	t.Helper()
	f, err := c.ask(fields{"op": "presence", "channel": channel})
	if err != nil || f.Op != "presence" {
		t.Fatalf("presence: got %+v, %v", f, err)
	}
	if !slices.Contains(f.Clients, id) {
		c.awaitComing(t, "join", id)
	}
}

// interrupt is Ctrl-C.
func (c *child) interrupt(t *testing.T) (code int) {
	t.Helper()
	if err := c.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	return c.leave(t)
}

// pub has the gateway's command send a text, and wants it sent.
func pub(t *testing.T, g *gateway, channel, text string, more ...string) ran {
	t.Helper()
	r := gatewayRan(t, append([]string{"pub", channel, "msg", text, "--url", g.url("/channel")}, more...)...)
	r.want(t, 0)
	return r
}

// TestSubAndPub has the commands take part in a channel of PHP and old pages.
func TestSubAndPub(t *testing.T) {
	for _, kind := range goTransports {
		t.Run(string(kind), func(t *testing.T) {
			const channel = "room"
			m := startMemcached(t)
			g := onMemcached(t, m.Addr, "--presence", "*")
			php := joinPHP(t, oldPHP, m.Addr, channel, "php", "JS")
			page := joinPoller(t, g, "4711", channel)
			sub := startPrinting(t, g, channel, "sub", channel, "news", "--transport", string(kind))
			php.mustSend(t, "from PHP")
			sub.inbox.await(t, "sub", "from PHP")
			page.mustPost(t, g.url("/channel.php"), "from a page")
			sub.inbox.await(t, "sub", "from a page")
			r := pub(t, g, channel, "from the command line", "--client-id", "zoe", "--transport", string(kind), "-o", "json")
			sub.inbox.await(t, "sub", "from the command line")
			pub(t, g, "news", "elsewhere")
			sub.inbox.await(t, "sub", "elsewhere")

			var sent frame
			if err := json.Unmarshal([]byte(r.stdout), &sent); err != nil {
				t.Fatalf("pub wrote %q: %v", r.stdout, err)
			}
			got := sub.inbox.messages()
			if last := got[2]; last.ID != sent.ID || last.Cursor != sent.Cursor || last.From != "zoe" || last.Type != "msg" || sent.Op != "sent" {
				t.Errorf("got %+v, want what pub has sent: %+v", last, sent)
			}
			if got[0].From != "php" || got[1].From != "4711" || got[3].Channel != "news" {
				t.Errorf("got %+v, want them from php and 4711, and one of the other channel", got)
			}
			php.heard.first(t, "PHP's message", 0, func(m phpMessage) bool { return m.Msg == "from the command line" && m.From == "zoe" })
			if code := sub.interrupt(t); code != 0 {
				t.Errorf("interrupted: got exit code %d, want 0", code)
			}
			wantTexts(t, "sub's notes", without(sub.all.all(), `{"op"`), []string{})
		})
	}
}

// TestSubOverRestarts: the gateway dies, without a word, while PHP sends. All
// of it is printed, once, in order; people are told of the break.
func TestSubOverRestarts(t *testing.T) {
	const channel, some = "killed", 20
	m := startMemcached(t)
	g := onMemcached(t, m.Addr, "--presence", "*")
	sub := startPrinting(t, g, channel, "sub", channel)
	php := startSteady(t, m, channel)
	for n := range 2 {
		php.awaitMore(t, some)
		before := sub.all.len()
		g.kill()
		if _, err := sub.await(&sub.all, before, patience, says("gateway sub: connection lost, trying to come back")); err != nil {
			t.Fatalf("break %d: %v", n, err)
		}
		php.awaitMore(t, some)
		g.start(t)
		if _, err := sub.await(&sub.all, before, patience, says("gateway sub: connected again, by ")); err != nil {
			t.Fatalf("break %d: %v", n, err)
		}
	}
	php.awaitMore(t, some)
	sent := php.end(t)
	sub.inbox.await(t, "sub", sent[len(sent)-1])
	wantTexts(t, "sub", sub.inbox.texts(), sent)
}

// TestSubTellsOfGaps: the gateway's messages are in its memory, and go with it.
func TestSubTellsOfGaps(t *testing.T) {
	const channel = "room"
	g := startGateway(t, "--presence", "*")
	sub := startPrinting(t, g, channel, "sub", channel)
	pub(t, g, channel, "before")
	sub.inbox.await(t, "sub", "before")
	g.kill()
	g.start(t)
	sub.started(t, says("gateway sub: channel room: messages may be missing here"))
	pub(t, g, channel, "behind")
	sub.inbox.await(t, "sub", "behind")
	frames := sub.inbox.all()
	if len(frames) != 3 || frames[1].Op != "gap" || frames[1].Channel != channel || frames[1].Cursor == "" {
		t.Errorf("got %+v, want two messages and a gap with its cursor between them", frames)
	}
}

// bash runs a script in which "gateway" is the built one.
func bash(t *testing.T, script string) ran {
	t.Helper()
	return helpLine{command: "bash", text: script}.run(t, t.TempDir())
}

// TestSubEnds by a count, by a time and with its reader, also where nothing
// more comes.
func TestSubEnds(t *testing.T) {
	g := startGateway(t).named(t)
	for n := range 5 {
		pub(t, g, "room", fmt.Sprint("message ", n))
	}
	for _, tt := range []struct {
		name, script   string
		code           int
		stdout, stderr string
	}{
		{"count", `gateway sub room --history 3 --count 2 | sed 's/.*msg *//'`, 0, "\"message 2\"\n\"message 3\"\n", ""},
		{"time", `gateway sub room --history 1 --timeout 300ms | sed 's/.*msg *//'`, 0, "\"message 4\"\n", ""},
		{"time before count", `gateway sub room --history 1 --count 2 --timeout 300ms > printed`, 1, "", "gateway sub: 1 of 2 messages came within 300ms\n"},
		{"reader", `gateway sub room --history 5 | head -1 | sed 's/.*msg *//'; echo ${PIPESTATUS[@]}`, 0, "\"message 0\"\n0 0 0\n", ""},
		{"type", `gateway sub room --history 5 --type other --type more --timeout 300ms`, 0, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if r := bash(t, tt.script); r.code != tt.code || r.stdout != tt.stdout || r.stderr != tt.stderr {
				t.Errorf("got %+v, want %d %q %q", r, tt.code, tt.stdout, tt.stderr)
			}
		})
	}
}

// TestSubWritesNothingRaw: what is in messages can't reach a terminal.
func TestSubWritesNothingRaw(t *testing.T) {
	const channel = "room"
	g := startGateway(t).named(t)
	page := newPoller(t, "7", channel)
	evil := "\x1b]0;title\x07\u009b2J\u202e\r\n"
	body, err := json.Marshal(fields{"type": evil, "payload": evil, "from": evil})
	if err != nil {
		t.Fatal(err)
	}
	if err := page.post(t.Context(), g.url("/channel.php"), string(body)); err != nil {
		t.Fatal(err)
	}
	r := gatewayRan(t, "sub", channel, "--history", "1", "--count", "1")
	r.want(t, 0, `\u001b]0;title\u0007\u009b2J\u202e`)
	for _, c := range r.stdout[:len(r.stdout)-1] {
		if c < ' ' || c >= 0x7f && c < 0xa0 || c == '\u202e' {
			t.Errorf("got %q, in which %q is raw", r.stdout, c)
		}
	}
}

// TestPubLines sends what comes on the standard input, when it comes.
func TestPubLines(t *testing.T) {
	const channel = "log"
	g := startGateway(t, "--presence", "*").named(t)
	sub := startPrinting(t, g, channel, "sub", channel)
	lines := spawn(t, "gateway pub", gatewayCommand(t, "pub", channel, "line", "-", "--lines", "-o", "json"), nil)
	var want []string
	for n := range 30 {
		text := fmt.Sprint("line ", n)
		want = append(want, text)
		if err := lines.write([]byte(text + "\r\n")); err != nil { // and a blank line
			t.Fatal(err)
		}
		if n == 0 {
			sub.inbox.await(t, "sub", text) // though the input goes on
		}
	}
	lines.stdin.Close()
	if code := lines.leave(t); code != 0 {
		t.Errorf("exit code: got %d, want 0", code)
	}
	sub.inbox.await(t, "sub", want[len(want)-1])
	wantTexts(t, "sub", sub.inbox.texts(), want)
	for i, line := range lines.said.all() {
		var f frame
		if err := json.Unmarshal([]byte(line), &f); err != nil || f.Op != "sent" || f.Cursor != sub.inbox.messages()[i].Cursor {
			t.Errorf("line %d: got %s, want what became of it", i, line)
		}
	}
}

// TestPubLinesFail tells which line could not be sent.
func TestPubLinesFail(t *testing.T) {
	g := startGateway(t, "--max-message", "1KiB").named(t)
	path := filepath.Join(t.TempDir(), "lines")
	if err := os.WriteFile(path, []byte("one\n\n"+strings.Repeat("x", 2000)+"\nnever\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := bash(t, "gateway pub log line --lines - < "+path)
	if want := "gateway pub: line 3, those before it are sent: too_large: "; r.code != 1 || !strings.HasPrefix(r.stderr, want) {
		t.Errorf("got %d %q, want 1 and %q", r.code, r.stderr, want)
	}
	gatewayRan(t, "sub", "log", "--history", "9", "--timeout", "300ms", "--url", g.url("/channel")).want(t, 0, `"one"`)
}

// TestRequestCommand asks a program, and nobody.
func TestRequestCommand(t *testing.T) {
	for _, kind := range goTransports {
		t.Run(string(kind), func(t *testing.T) {
			g := startGateway(t).named(t)
			startBot(t, g, "bots")
			r := gatewayRan(t, "request", "bots", "add", "[20, 22]", "--transport", string(kind))
			r.want(t, 0, "  bots    bot     sum     42\n")
			r = gatewayRan(t, "request", "bots", "add", "no numbers", "-o", "json", "--transport", string(kind))
			var answer frame
			if err := json.Unmarshal([]byte(r.stdout), &answer); err != nil || r.code != 0 || answer.Type != "error" || answer.From != "bot" {
				t.Errorf("got %+v, %v, want the frame of an error", r, err)
			}
			r = gatewayRan(t, "request", "nobody", "add", "1", "--timeout", "700ms", "--transport", string(kind))
			if want := "gateway request: nobody on nobody has answered within 700ms\n"; r.code != 1 || r.stderr != want || r.stdout != "" {
				t.Errorf("got %+v, want 1 and %q", r, want)
			}
		})
	}
}

// startBot has a Go client answer on a channel.
func startBot(t *testing.T, g *gateway, channel string) {
	t.Helper()
	c, err := client.Dial(t.Context(), g.url("/channel"), client.Options{ClientID: "bot"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	sub, err := c.Channel(channel).Subscribe(t.Context(), client.SubscribeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	inBackground(t, func(ctx context.Context) {
		for m, err := range sub.Messages(ctx) {
			if err != nil {
				return
			}
			typ, answer := answerOf(m)
			if _, err := c.Channel(channel).Reply(ctx, m, typ, answer); err != nil && ctx.Err() == nil {
				t.Errorf("the bot can't answer: %v", err)
			}
		}
	})
}

// answerOf is the bot's answer to a message.
func answerOf(m *client.Message) (typ string, answer any) {
	if m.Type == "time" {
		return "time", "now"
	}
	numbers, err := client.Payload[[]int](m)
	if err != nil {
		return "error", "no numbers"
	}
	sum := 0
	for _, n := range numbers {
		sum += n
	}
	return "sum", sum
}

// TestPresenceCommand lists and watches, over both transports.
func TestPresenceCommand(t *testing.T) {
	const channel = "room"
	for _, kind := range goTransports {
		t.Run(string(kind), func(t *testing.T) {
			g := startGateway(t, "--presence", channel).named(t)
			alice := joinWS(t, g, "alice", channel)
			if r := gatewayRan(t, "presence", channel, "--transport", string(kind)); r != (ran{0, "alice\n", ""}) {
				t.Errorf("got %+v, want alice", r)
			}
			watch := spawn(t, "gateway presence", gatewayCommand(t, "presence", channel, "--watch", "--client-id", "watch", "--transport", string(kind)), nil)
			watch.started(t, says("  here   alice"))
			alice.awaitThere(t, channel, "watch")
			bob := joinWS(t, g, "bob", channel)
			watch.started(t, says("  join   bob"))
			bob.leave(t)
			watch.started(t, says("  leave  bob"))

			g.kill() // and alice with it
			watch.started(t, says("gateway presence: connection lost"))
			alice.mustClose(t)
			g.start(t)
			watch.started(t, says("  leave  alice"))
			joinWS(t, g, "carol", channel)
			watch.started(t, says("  join   carol"))
			if code := watch.interrupt(t); code != 0 {
				t.Errorf("interrupted: got exit code %d, want 0", code)
			}
			var changes []string
			for _, line := range watch.said.all() {
				changes = append(changes, strings.Join(strings.Fields(line)[1:], " "))
			}
			wantTexts(t, "watch", changes, []string{"here alice", "join bob", "leave bob", "leave alice", "join carol"})

			r := gatewayRan(t, "presence", "den")
			if want := "gateway presence: forbidden: presence is not enabled for this channel on this gateway\n"; r.code != 1 || r.stderr != want {
				t.Errorf("without presence: got %+v, want 1 and %q", r, want)
			}
		})
	}
}

// TestCommandsExitCodes: 2 for what has to be written in another way, 1 for
// what can't be done; one line for each.
func TestCommandsExitCodes(t *testing.T) {
	for _, tt := range []struct {
		args []string
		code int
	}{
		{[]string{"sub"}, 2},
		{[]string{"sub", "room", "--transport", "pigeon"}, 2},
		{[]string{"sub", "room", "--hist", "2"}, 2},
		{[]string{"pub", "room"}, 2},
		{[]string{"pub", "room", "msg", "--json", "{"}, 2},
		{[]string{"request", "two words", "q"}, 2},
		{[]string{"presence", "room", "-o", "yaml"}, 2},
		{[]string{"shadow", "room"}, 2},
		{[]string{"sub", "room", "--url", "http://127.0.0.1:1"}, 1},
		{[]string{"pub", "room", "msg", "hi", "--url", "http://127.0.0.1:1"}, 1},
		{[]string{"sub", "--help"}, 0},
	} {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			r := gatewayRan(t, tt.args...)
			if r.code != tt.code || tt.code != 0 && (r.stdout != "" || strings.Count(r.stderr, "\n") != 1) {
				t.Errorf("got %+v, want exit code %d and a line on stderr", r, tt.code)
			}
		})
	}
}

// TestCommandsComplete: a shell is offered flags and their values.
func TestCommandsComplete(t *testing.T) {
	gatewayRan(t, "__complete", "sub", "room", "--transport", "").want(t, 0, "auto\nwebsocket\nlongpoll\n:4")
	gatewayRan(t, "__complete", "sub", "room", "-o", "").want(t, 0, "text\njson\n:4")
	gatewayRan(t, "__complete", "pub", "room", "--re").want(t, 0, "--reply-to")
}

// TestSubTerminated ends a command as a supervisor does.
func TestSubTerminated(t *testing.T) {
	g := startGateway(t, "--presence", "*")
	sub := startPrinting(t, g, "room", "sub", "room")
	if err := sub.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := sub.leave(t); code != 0 {
		t.Errorf("exit code: got %d, want 0", code)
	}
}

// cliHelp are the examples of sub, pub, request and presence.
func cliHelp() map[string]helpTest {
	with := func(test func(t *testing.T, l helpLine, g *gateway)) helpTest {
		return func(t *testing.T, l helpLine) {
			test(t, l, startGateway(t, "--presence", "*").named(t))
		}
	}
	// prints waits for a line of a command that prints on and on, and
	// interrupts it.
	prints := func(t *testing.T, c *child, piece string) {
		t.Helper()
		c.started(t, says(piece))
		if code := c.interrupt(t); code != 0 {
			t.Errorf("interrupted: got exit code %d, want 0", code)
		}
	}
	all := map[string]helpTest{
		"gateway sub room --history 10": with(func(t *testing.T, l helpLine, g *gateway) {
			pub(t, g, "room", "hello")
			prints(t, l.start(t, t.TempDir()), `msg     "hello"`)
		}),
		"gateway sub room news --url https://push.shop.example/channel": with(func(t *testing.T, l helpLine, g *gateway) {
			c := l.start(t, t.TempDir(), "https://push.shop.example/channel", g.url("/channel")+" --client-id printing")
			joinWS(t, g, "witness", "news").awaitThere(t, "news", "printing")
			pub(t, g, "news", "hello")
			prints(t, c, `news    `)
		}),
		"gateway sub shop --type order --count 1 --timeout 1m -o json": with(func(t *testing.T, l helpLine, g *gateway) {
			c := l.start(t, t.TempDir(), "gateway sub", "gateway sub --client-id printing")
			joinWS(t, g, "witness", "shop").awaitThere(t, "shop", "printing")
			pub(t, g, "shop", "no order")
			gatewayRan(t, "pub", "shop", "order", `{"item":7}`).want(t, 0)
			if code := c.leave(t); code != 0 || !strings.Contains(strings.Join(c.said.all(), ""), `"payload":{"item":7}`) || c.said.len() != 1 {
				t.Errorf("got %d and %q, want 0 and the order", code, c.said.all())
			}
		}),
		"gateway sub room --since m3.1795389286619.k7 -o json": with(func(t *testing.T, l helpLine, g *gateway) {
			var first frame
			if r := pub(t, g, "room", "first", "-o", "json"); json.Unmarshal([]byte(r.stdout), &first) != nil {
				t.Fatal(r)
			}
			pub(t, g, "room", "second")
			c := l.start(t, t.TempDir(), "m3.1795389286619.k7", first.Cursor)
			prints(t, c, `"payload":"second"`)
			if c.said.len() != 1 {
				t.Errorf("got %q, want what came behind the first", c.said.all())
			}
		}),
	}
	for line, want := range map[string][]string{
		"gateway pub room msg 'Hello there!'":                                                    {`"Hello there!"`},
		`gateway pub shop order '{"item": 7, "count": 2}' -o json`:                               {`{"item": 7, "count": 2}`},
		"gateway pub log line --lines - < app.log":                                               {`"one"`, `"two"`},
		"gateway pub bots sum 42 --reply-to g17-a3":                                              {`42`},
		"gateway pub shop paid 4711 --id paid-4711 && gateway pub shop paid 4711 --id paid-4711": {`4711`},
	} {
		all[line] = with(func(t *testing.T, l helpLine, g *gateway) { sends(t, l, g, want) })
	}
	for line, want := range map[string]string{
		"gateway request bots add '[20, 22]'":            `sum     42`,
		"gateway request bots time --timeout 2s -o json": `"payload":"now"`,
	} {
		all[line] = with(func(t *testing.T, l helpLine, g *gateway) {
			startBot(t, g, "bots")
			l.run(t, t.TempDir()).want(t, 0, want)
		})
	}
	for line, want := range map[string]string{
		"gateway presence room":         "alice\n",
		"gateway presence room -o json": `{"op":"presence","channel":"room","clients":["alice"],"count":1}`,
	} {
		all[line] = with(func(t *testing.T, l helpLine, g *gateway) {
			joinWS(t, g, "alice", "room")
			l.run(t, t.TempDir()).want(t, 0, want)
		})
	}
	all["gateway presence room --watch"] = with(func(t *testing.T, l helpLine, g *gateway) {
		joinWS(t, g, "alice", "room")
		prints(t, l.start(t, t.TempDir()), "  here   alice")
	})
	return all
}

// sends runs a line, in a folder with an app.log of two lines, and wants a
// client to have got these payloads.
func sends(t *testing.T, l helpLine, g *gateway, want []string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "app.log"), []byte("one\ntwo\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	channel := strings.Fields(l.text)[2]
	reader := joinWS(t, g, "reader", channel)
	l.run(t, dir).want(t, 0)
	pub(t, g, channel, "the end")
	reader.await(t, "the reader", "the end")
	var got []string
	for _, f := range reader.messages() {
		got = append(got, string(f.Payload))
	}
	wantTexts(t, "the reader", got, append(want, `"the end"`))
}
