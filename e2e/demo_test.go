package e2e

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// More of what the demo page has where.
const (
	channels = "#channels a"
	unread   = "#channels .unread"
	people   = "#people li"
	frames   = "#frames summary"
)

// keys presses keys, one after the other, where the focus is.
func (w *window) keys(t *testing.T, keys ...string) {
	t.Helper()
	for _, key := range keys {
		w.do(t, fields{"do": "press", "selector": ":focus, body:not(:has(:focus))", "key": key})
	}
}

// join has the demo page join a channel.
func (w *window) join(t *testing.T, channel string) {
	t.Helper()
	w.enter(t, "#channel", channel)
	w.await(t, `document.querySelector("#title").textContent === `+strconv.Quote("#"+channel))
}

// look gives a window a size and a theme.
func (w *window) look(t *testing.T, width, height int, scheme string) {
	t.Helper()
	w.do(t, fields{"do": "look", "width": width, "height": height, "scheme": scheme})
}

// wantNoFault wants nothing in the page's console that says that the page's
// policy forbids something, or that something failed.
func (w *window) wantNoFault(t *testing.T) {
	t.Helper()
	for _, line := range w.browser.child.all.all() {
		if strings.HasPrefix(line, w.name+": error: ") || strings.HasPrefix(line, w.name+": uncaught: ") {
			t.Errorf("the page's console: %s", line)
		}
	}
}

func (w *window) awaitTitle(t *testing.T, title string) {
	t.Helper()
	w.await(t, "document.title === "+strconv.Quote(title))
}

// TestDemoChannels: a window is in several channels at a time, is told what is
// unread in those that it does not show, and leaves them.
func TestDemoChannels(t *testing.T) {
	g := startGateway(t)
	browser := startChromium(t)
	first := browser.openDemo(t, "first", g.url(""), "", "WebSocket")
	first.wantShown(t, channels, "lobby", "random")
	first.join(t, "kitchen")
	second := browser.openDemo(t, "second", g.url(""), "kitchen", "WebSocket")
	second.wantShown(t, channels, "kitchen")
	second.enter(t, field, "in the kitchen")
	first.awaitShown(t, bubbles, "in the kitchen")

	first.click(t, channels)
	first.awaitTitle(t, "#lobby – CommChannel")
	first.wantShown(t, bubbles)
	second.enter(t, field, "you have left")
	second.enter(t, field, "haven't you?")
	first.awaitTitle(t, "(2) #lobby – CommChannel")
	first.wantShown(t, unread, "", "", "2 unread")
	first.screenshot(t, "unread")

	first.click(t, channels+"[href='#kitchen']")
	first.awaitTitle(t, "#kitchen – CommChannel")
	first.wantShown(t, bubbles, "in the kitchen", "you have left", "haven't you?")
	first.wantShown(t, unread, "", "", "")

	first.do(t, fields{"do": "reload"})
	first.awaitConnected(t, "WebSocket")
	first.awaitShown(t, bubbles, "haven't you?")
	first.wantShown(t, channels, "lobby", "random", "kitchen")

	first.click(t, `[aria-label="Leave #kitchen"]`)
	first.awaitTitle(t, "#random – CommChannel")
	first.wantShown(t, channels, "lobby", "random")
	second.enter(t, field, "now you have")
	second.await(t, jsTexts("#log .fate.done")+".length === 4")
	first.join(t, "kitchen") // what was said meanwhile is there
	first.awaitShown(t, bubbles, "now you have")
	first.wantShown(t, bubbles, "in the kitchen", "you have left", "haven't you?", "now you have")
	for _, w := range []*window{first, second} {
		w.wantNoComplaint(t)
		w.wantNoFault(t)
	}
}

// TestDemoHistoryIsRead: what was said before a window came counts as unread
// in no channel.
func TestDemoHistoryIsRead(t *testing.T) {
	g := startGateway(t)
	ws := joinWS(t, g, "ws", "random")
	for _, text := range []string{"one", "two", "three"} {
		ws.mustSend(t, "random", text)
	}
	w := startChromium(t).openDemo(t, "late", g.url(""), "", "WebSocket")
	ws.mustSend(t, "random", "four")
	w.await(t, jsTexts(unread)+"[1] !== ''")
	w.wantShown(t, unread, "", "1 unread")
	w.click(t, channels+"[href='#random']")
	w.wantShown(t, bubbles, "one", "two", "three", "four")
}

// TestDemoRename: another name is another client, which goes on where the one
// before it was.
func TestDemoRename(t *testing.T) {
	g := startGateway(t)
	browser := startChromium(t)
	first := browser.openDemo(t, "first", g.url(""), "room", "WebSocket")
	second := browser.openDemo(t, "second", g.url(""), "room", "WebSocket")
	first.enter(t, field, "by the old name")
	first.await(t, jsTexts("#log .fate.done")+".length === 1")
	first.enter(t, "#name", "Ada Lovelace")
	second.enter(t, field, "who are you?")
	first.awaitShown(t, bubbles, "who are you?")
	first.enter(t, field, "by the new name")
	second.awaitShown(t, bubbles, "by the new name")
	second.awaitShown(t, "#log .who", "Ada Lovelace")
	for _, w := range []*window{first, second} {
		w.wantAll(t, bubbles, "by the old name", "who are you?", "by the new name")
		w.wantNoComplaint(t)
		w.wantNoFault(t)
	}
}

// TestDemoPresence: the page shows who is there, and how many they are.
func TestDemoPresence(t *testing.T) {
	g := startGateway(t, "--presence", "*")
	browser := startChromium(t)
	first := browser.openDemo(t, "first", g.url(""), "room", "WebSocket")
	first.enter(t, "#name", "Ada")
	first.awaitShown(t, "#people-count", "1")
	ws := joinWS(t, g, "Grace", "room")
	first.awaitShown(t, "#people-count", "2")
	first.wantShown(t, people, "AAdayou", "GGrace")
	first.screenshot(t, "presence")
	ws.leave(t)
	first.awaitShown(t, "#people-count", "1")
	first.wantShown(t, people, "AAdayou")
	first.await(t, `document.querySelector("#presence-off").hidden`)
	first.wantNoFault(t)
}

// TestDemoWithoutPresence: where the gateway keeps none, the page says so, and
// how to have it.
func TestDemoWithoutPresence(t *testing.T) {
	g := startGateway(t)
	w := startChromium(t).openDemo(t, "first", g.url(""), "room", "WebSocket")
	w.await(t, `!document.querySelector("#presence-off").hidden`)
	w.wantShown(t, "#presence-off code", "--presence '*'")
	w.wantShown(t, people)
	w.wantNoComplaint(t)
	w.wantNoFault(t)
}

// TestDemoFrames: the page shows what it and the gateway say to each other, in
// both directions and over both transports, and can be stopped to read.
func TestDemoFrames(t *testing.T) {
	g := startGateway(t)
	browser := startChromium(t)
	w := browser.openDemo(t, "first", g.url(""), "room", "WebSocket")
	ws := joinWS(t, g, "ws", "room")
	w.awaitFrame(t, "↑", "hello", "WS")
	w.awaitFrame(t, "↓", "welcome", "WS")
	w.enter(t, field, "look at this")
	w.awaitFrame(t, "↑", "send", "WS")
	w.awaitFrame(t, "↓", "sent", "WS")
	w.click(t, "#block")
	w.awaitConnected(t, "Long-poll")
	ws.mustSend(t, "room", "and at that")
	w.awaitFrame(t, "↑", "subscribe", "POST")
	w.awaitFrame(t, "↓", "message", "POST")
	w.wantNoFrame(t, "ping")

	w.click(t, "#pause")
	before := w.strings(t, jsTexts(frames))
	ws.mustSend(t, "room", "while it stands still")
	w.awaitShown(t, bubbles, "while it stands still")
	w.await(t, `/^[1-9]\d* waiting$/.test(document.querySelector("#held").textContent)`)
	wantTexts(t, "the panel that stands still", w.strings(t, jsTexts(frames)), before)
	w.click(t, "#pause")
	w.await(t, jsTexts(frames)+`.some((text) => text.includes("while it stands still"))`)

	w.click(t, "#clear")
	w.wantNoFrame(t, "hello")
	w.click(t, "#pings")
	w.awaitFrame(t, "↑", "ping", "POST")
	w.awaitFrame(t, "↓", "pong", "POST")
	w.click(t, frames)
	w.await(t, `!!document.querySelector("#frames pre") && !!JSON.parse(document.querySelector("#frames pre").textContent).op`)
	w.screenshot(t, "frames")
	w.wantNoFault(t)
}

// TestDemoFramesAreBounded: a page that stays open does not grow.
func TestDemoFramesAreBounded(t *testing.T) {
	g := startGateway(t)
	w := startChromium(t).openDemo(t, "first", g.url(""), "room", "WebSocket")
	ws := joinWS(t, g, "ws", "room")
	for i := range 210 {
		ws.mustSend(t, "room", strconv.Itoa(i))
	}
	w.await(t, jsTexts(frames)+`.at(-1).includes('"209"')`)
	w.await(t, jsTexts(frames)+".length === 200")
}

func (w *window) awaitFrame(t *testing.T, way, op, via string) {
	t.Helper()
	w.await(t, jsFrames+".includes("+strconv.Quote(way+" "+op+" "+via)+")")
}

func (w *window) wantNoFrame(t *testing.T, op string) {
	t.Helper()
	for _, text := range w.strings(t, jsFrames) {
		if strings.Contains(text, " "+op+" ") {
			t.Errorf("the panel shows %s", text)
		}
	}
}

// jsFrames is an expression for the frames shown: way, op and transport.
const jsFrames = `[...document.querySelectorAll("#frames summary")].map((s) =>
	[".way", "b", ".via"].map((part) => s.querySelector(part).textContent).join(" "))`

// TestDemoSpeaks: screen readers are told what is new, and not what is old.
func TestDemoSpeaks(t *testing.T) {
	g := startGateway(t)
	ws := joinWS(t, g, "Ada", "room")
	ws.mustSend(t, "room", "an old story")
	w := startChromium(t).openDemo(t, "first", g.url(""), "room", "WebSocket")
	w.awaitShown(t, bubbles, "an old story")
	w.do(t, fields{"do": "value", "of": `void (window.spoken = [document.querySelector("#announcer").textContent].filter(Boolean),
		new MutationObserver(() => spoken.push(document.querySelector("#announcer").textContent))
			.observe(document.querySelector("#announcer"), { childList: true }))`})
	ws.mustSend(t, "room", "news")
	w.await(t, `spoken.includes("Ada: news")`)
	wantTexts(t, "a screen reader", w.strings(t, "spoken"), []string{"Ada: news"})
	// Only one region is read aloud all the time; the others are short, and change seldom.
	live := w.strings(t, `[...document.querySelectorAll("[aria-live], [role=log], [role=status], [role=alert], output")].map((e) => e.id)`)
	wantTexts(t, "live regions", slices.Sorted(slices.Values(live)), []string{"announcer", "badge", "channel-problem", "name-problem"})
}

// TestDemoByKeyboard: the Tab key leads to everything, and out again.
func TestDemoByKeyboard(t *testing.T) {
	g := startGateway(t)
	w := startChromium(t).openDemo(t, "first", g.url(""), "room", "WebSocket")
	w.join(t, "kitchen")
	w.awaitFrame(t, "↓", "subscribed", "WS")
	w.look(t, 1360, 850, "light")
	w.click(t, "h1") // the Tab key goes on from there
	want := []string{
		"Skip to the message field", "room", "Leave #room", "kitchen", "Leave #kitchen", "channel", "Join",
		"second", "scroller", "text", "Send", "block", "name", "Rename", "frames-toggle", "pings", "pause", "clear", "a frame",
	}
	got := []string{}
	const focused = `[((e) => e.matches("summary") ? "a frame" : e.id && e.id !== "skip" ? e.id : e.ariaLabel ?? e.textContent)(document.activeElement)]`
	for range want {
		w.keys(t, "Tab")
		got = append(got, w.strings(t, focused)...)
	}
	wantTexts(t, "the Tab key", got, want)
	w.keys(t, "ArrowUp", "Enter")
	w.await(t, `document.querySelector("#frames details[open] pre")?.textContent.length > 0`)
	w.keys(t, "Tab")
	w.await(t, `!document.activeElement.closest("#frames")`)

	w.do(t, fields{"do": "press", "selector": "#skip", "key": "Enter"})
	w.keys(t, "h", "i", "Enter")
	w.awaitShown(t, bubbles, "hi")
	w.do(t, fields{"do": "press", "selector": `[aria-label="Leave #kitchen"]`, "key": "Enter"})
	w.await(t, `document.activeElement.textContent === "room"`)
	w.wantNoFault(t)
}

// TestDemoIsLegible: in both themes, on a wide screen, a small one and a phone.
func TestDemoIsLegible(t *testing.T) {
	legible, err := os.ReadFile("js/legible.js")
	if err != nil {
		t.Fatal(err)
	}
	g := startGateway(t, "--presence", "*")
	browser := startChromium(t)
	w := browser.openDemo(t, "first", g.url(""), "room", "WebSocket")
	ws := joinWS(t, g, "Grace", "room")
	ws.mustSubscribe(t, "kitchen", "")
	w.join(t, "kitchen")
	w.join(t, "room")
	ws.mustSend(t, "room", "Hello! "+strings.Repeat("long", 60))
	w.enter(t, field, "Hello yourself.")
	ws.mustSend(t, "kitchen", "unread")
	w.awaitShown(t, unread, "1 unread")
	w.awaitShown(t, "#people-count", "2")
	w.await(t, jsTexts("#log .fate.done")+".length === 1")
	// Names have eight colours.
	w.do(t, fields{"do": "value", "of": `document.querySelector("#people").append(...[..."01234567"].map((n) => {
		const person = document.querySelector("#people li").cloneNode(true);
		person.className = "hue-" + n;
		return person;
	}))`})
	for _, size := range []struct {
		name          string
		width, height int
		views         []string
	}{
		{"wide", 1360, 850, []string{""}},
		{"small", 900, 700, []string{""}},
		{"phone", 390, 844, []string{"chat", "side", "frames"}},
		{"smallest", 320, 568, []string{"chat", "side", "frames"}},
	} {
		for _, scheme := range []string{"light", "dark"} {
			w.look(t, size.width, size.height, scheme)
			for _, view := range size.views {
				if view != "" {
					w.click(t, "#views [value="+view+"]")
				}
				name := strings.Join([]string{"demo", size.name, view, scheme}, "-")
				if faults := w.strings(t, string(legible)); len(faults) > 0 {
					t.Errorf("%s:\n%s", name, strings.Join(faults, "\n"))
				}
				w.screenshot(t, name)
			}
		}
	}
	w.wantNoFault(t)
}
