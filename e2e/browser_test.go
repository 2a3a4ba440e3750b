package e2e

import (
	"slices"
	"strconv"
	"testing"
)

// What the pages have where.
const (
	oldMessages = "#messages li"
	bubbles     = "#log .bubble" // one's own and others', as they came
	field       = "#text"        // of both pages
)

// openDemo opens the gateway's demo page on channel, and waits until it is
// connected over a transport.
func (c *chromium) openDemo(t *testing.T, name, site, channel, transport string) *window {
	t.Helper()
	open := c.open
	if transport == "Long-poll" {
		open = c.openBlocked
	}
	w := open(t, name, site+"/#"+channel)
	w.awaitConnected(t, transport)
	return w
}

func (w *window) awaitConnected(t *testing.T, transport string) {
	t.Helper()
	w.await(t, `document.querySelector("#transport").textContent === `+strconv.Quote(transport)+
		` && document.querySelector("#state").textContent === "Connected"`)
}

func (w *window) awaitDisconnected(t *testing.T) {
	t.Helper()
	w.await(t, `document.querySelector("#state").textContent !== "Connected"`)
}

// awaitShown waits until a selector has an element with a text.
func (w *window) awaitShown(t *testing.T, selector, text string) {
	t.Helper()
	w.await(t, jsTexts(selector)+".includes("+strconv.Quote(text)+")")
}

// wantShown wants a selector's elements to have these texts.
func (w *window) wantShown(t *testing.T, selector string, want ...string) {
	t.Helper()
	wantTexts(t, w.name, w.strings(t, jsTexts(selector)), want)
}

// wantAll is wantShown in any order: a window shows its own messages as they
// are written, not where the channel has them.
func (w *window) wantAll(t *testing.T, selector string, want ...string) {
	t.Helper()
	wantTexts(t, w.name, slices.Sorted(slices.Values(w.strings(t, jsTexts(selector)))), slices.Sorted(slices.Values(want)))
}

// wantNoComplaint wants the demo page to show neither gaps nor failures.
func (w *window) wantNoComplaint(t *testing.T) {
	t.Helper()
	w.wantShown(t, "#log .notice, #log .lost")
}

// TestTwoWindows: the demo page in two windows, over WebSocket, with a gateway
// that has nothing but itself.
func TestTwoWindows(t *testing.T) {
	g := startGateway(t)
	browser := startChromium(t)
	first := browser.openDemo(t, "first", g.url(""), "room", "WebSocket")
	second := browser.openDemo(t, "second", g.url(""), "room", "WebSocket")
	talkInTurn(t, first, second)
	first.screenshot(t, "two-windows")
	second.screenshot(t, "two-windows")
}

// TestWindowWithoutWebSocket: a window whose WebSockets never connect falls
// back to long-poll, and still talks.
func TestWindowWithoutWebSocket(t *testing.T) {
	g := startGateway(t)
	browser := startChromium(t)
	first := browser.openDemo(t, "blocked", g.url(""), "room", "Long-poll")
	second := browser.openDemo(t, "free", g.url(""), "room", "WebSocket")
	talkInTurn(t, first, second)
	first.screenshot(t, "without-websocket")
	second.screenshot(t, "without-websocket")
}

// TestSwitchOfTransports: a window whose network begins to block WebSocket, and
// ends to, goes on with the same conversation.
func TestSwitchOfTransports(t *testing.T) {
	g := startGateway(t)
	browser := startChromium(t)
	first := browser.openDemo(t, "first", g.url(""), "room", "WebSocket")
	second := browser.openDemo(t, "second", g.url(""), "room", "WebSocket")
	want := []string{}
	for i, transport := range []string{"WebSocket", "Long-poll", "WebSocket", "Long-poll"} {
		text := "on the way to " + transport + " " + strconv.Itoa(i)
		second.enter(t, field, text)
		if i > 0 {
			first.click(t, "#block")
		}
		first.awaitConnected(t, transport)
		first.enter(t, field, transport+" "+strconv.Itoa(i))
		want = append(want, text, transport+" "+strconv.Itoa(i))
		for _, w := range []*window{first, second} {
			w.awaitShown(t, bubbles, want[2*i])
			w.awaitShown(t, bubbles, want[2*i+1])
		}
	}
	for _, w := range []*window{first, second} {
		w.wantAll(t, bubbles, want...)
		w.wantNoComplaint(t)
	}
	first.screenshot(t, "switched")
}

func talkInTurn(t *testing.T, first, second *window) {
	t.Helper()
	want := []string{}
	for i := range 3 {
		for _, w := range []*window{first, second} {
			text := w.name + " says " + strconv.Itoa(i)
			w.enter(t, field, text)
			first.awaitShown(t, bubbles, text)
			second.awaitShown(t, bubbles, text)
			want = append(want, text)
		}
	}
	for _, w := range []*window{first, second} {
		w.wantShown(t, bubbles, want...)
		w.wantNoComplaint(t)
	}
}

// TestWindowsOutliveTheGateway: the gateway dies in mid-conversation, and PHP
// and the windows go on writing. Nothing is missing or double at the end.
func TestWindowsOutliveTheGateway(t *testing.T) {
	const channel = "room"
	m := startMemcached(t)
	g := onMemcached(t, m.Addr)
	php := startPHP(t, newPHP, m.Addr, channel, "php~1", "JS")
	browser := startChromium(t)
	first := browser.openDemo(t, "first", g.url(""), channel, "WebSocket")
	second := browser.openDemo(t, "second", g.url(""), channel, "Long-poll")
	want := []string{"php before", "first before", "second before"}
	php.mustSend(t, want[0])
	first.enter(t, field, want[1])
	second.enter(t, field, want[2])
	for _, w := range []*window{first, second} {
		for _, text := range want {
			w.awaitShown(t, bubbles, text)
		}
	}

	g.kill()
	first.awaitDisconnected(t)
	second.awaitDisconnected(t)
	want = append(want, "php meanwhile", "first meanwhile", "second meanwhile")
	php.mustSend(t, want[3])
	first.enter(t, field, want[4])
	second.enter(t, field, want[5])
	first.screenshot(t, "gateway-down")
	g.start(t)
	first.awaitConnected(t, "WebSocket")
	second.awaitConnected(t, "Long-poll")
	want = append(want, "php after")
	php.mustSend(t, want[6])
	for _, w := range []*window{first, second} {
		for _, text := range want {
			w.awaitShown(t, bubbles, text)
		}
		w.await(t, jsTexts("#log .fate.done")+".length === 2")
		w.wantAll(t, bubbles, want...)
		w.wantNoComplaint(t)
		w.screenshot(t, "gateway-back")
	}
}

// TestOldAndNewPage: behind a site's proxy, the seed's page, unmodified, talks
// with the demo page, PHP and a WebSocket.
func TestOldAndNewPage(t *testing.T) {
	const channel = "room"
	m := startMemcached(t)
	g := onMemcached(t, m.Addr)
	site := startSite(t, g)
	php := joinPHP(t, newPHP, m.Addr, channel, "php~1", "JS")
	ws := joinWS(t, g, "ws", channel)
	browser := startChromium(t)
	old := browser.open(t, "old", site+"/old/oldpage.html?channel="+channel+"&client=7&url=/channel.php")
	old.await(t, `document.querySelector("#ready").textContent === "ready"`)
	demo := browser.openDemo(t, "demo", site, channel, "WebSocket")

	php.mustSend(t, "from php")
	old.awaitShown(t, oldMessages, "from php")
	old.enter(t, field, "from the old page")
	demo.awaitShown(t, bubbles, "from the old page")
	demo.enter(t, field, "from the demo page")
	old.awaitShown(t, oldMessages, "from the demo page")
	ws.await(t, "ws", "from the demo page")
	ws.mustSend(t, channel, "from ws")
	old.awaitShown(t, oldMessages, "from ws")
	demo.awaitShown(t, bubbles, "from ws")
	php.heard.atLeast(t, "php's messages", 4)

	all := []string{"from php", "from the old page", "from the demo page", "from ws"}
	wantTexts(t, "php", php.texts(), all)
	demo.wantShown(t, bubbles, all...)
	demo.wantNoComplaint(t)
	old.wantShown(t, oldMessages, "from php", "from the demo page", "from ws")
	old.screenshot(t, "old-and-new")
	demo.screenshot(t, "old-and-new")
}
