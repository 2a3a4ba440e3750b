package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPageOfTheSeedsReadme: the page that the seed's README shows, with
// nothing but its script's address changed, in two windows.
func TestPageOfTheSeedsReadme(t *testing.T) {
	t.Parallel()
	g := startGateway(t, "--path", "/path/to/channel.php")
	site := startSite(t, g)
	browser := startChromium(t)
	first := browser.open(t, "first", site+"/old/seed.html")
	first.await(t, joined)
	second := browser.open(t, "second", site+"/old/seed.html")
	second.await(t, joined)

	// Each has sent its greeting already; the first one was alone then.
	first.awaitDialogs(t, second.said(t, "Hello there!"))
	first.await(t, `channel.send("msg", "And hello to you!").then(() => true)`)
	second.awaitDialogs(t, first.said(t, "And hello to you!"))
	first.awaitDialogs(t, second.said(t, "Hello there!"))
}

// joined is an expression that is true once a page's channel is subscribed to.
const joined = "new Promise((resolve) => channel.poll(() => resolve(true)))"

// said is what others are to be alerted when the page has said a text.
func (w *window) said(t *testing.T, text string) string {
	t.Helper()
	return w.strings(t, "[String(clientID)]")[0] + " said: " + text
}

// awaitDialogs wants the page to have alerted these texts, and waits for the
// last one.
func (w *window) awaitDialogs(t *testing.T, want ...string) {
	t.Helper()
	got := w.dialogs(t)
	for range 100 {
		if slices.Contains(got, want[len(want)-1]) {
			break
		}
		w.await(t, joined) // there and back once more
		got = w.dialogs(t)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what %s alerted (-want +got):\n%s", w.name, diff)
	}
}

func (w *window) dialogs(t *testing.T) []string {
	t.Helper()
	list := []string{}
	if value := w.do(t, fields{"do": "dialogs"}); json.Unmarshal(value, &list) != nil {
		t.Fatalf("dialogs: got %s, want a list of texts", value)
	}
	return list
}

// TestPayloadOnly: a page of the seed's time, whose callbacks take the payload
// alone, with nothing but its script's tag changed, beside one that still polls
// and one of the demo's.
func TestPayloadOnly(t *testing.T) {
	t.Parallel()
	const channel = "room"
	m := startMemcached(t)
	g := onMemcached(t, m.Addr)
	site := startSwappedSite(t, g)
	browser := startChromium(t)
	old := browser.open(t, "old", site+"/old/oldpage.html?channel="+channel+"&client=7")
	old.await(t, `document.querySelector("#ready").textContent === "ready"`)
	swapped := browser.open(t, "swapped", site+"/swapped.html?channel="+channel+"&client=8")
	swapped.await(t, joined)
	demo := browser.openDemo(t, "demo", site, channel, "WebSocket")

	for _, from := range []*window{old, swapped, demo} {
		for _, word := range []string{"good", "morning"} {
			text := word + " from " + from.name
			from.enter(t, field, text)
			for _, to := range []*window{old, swapped} {
				if to != from {
					to.awaitShown(t, oldMessages, text)
				}
			}
			demo.awaitShown(t, bubbles, text)
		}
	}
	swapped.wantShown(t, oldMessages, "good from old", "morning from old", "good from demo", "morning from demo")
	old.wantShown(t, oldMessages, "good from swapped", "morning from swapped", "good from demo", "morning from demo")
	demo.wantNoComplaint(t)
}

// startSwappedSite is a site which has the old page once more with the
// gateway's script in the place of the old one.
func startSwappedSite(t *testing.T, g *gateway) string {
	t.Helper()
	page, err := os.ReadFile("pages/oldpage.html")
	if err != nil {
		t.Fatal(err)
	}
	const tag = `<script src="oldpage.js">`
	if !strings.Contains(string(page), tag) {
		t.Fatalf("oldpage.html has no %s", tag)
	}
	swapped := strings.Replace(string(page), tag, `<script src="/channelclient.js" data-payload-only>`, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("/swapped.html", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(swapped))
	})
	mux.Handle("/old/", http.StripPrefix("/old/", http.FileServer(http.Dir("pages"))))
	mux.Handle("/", proxyTo(t, g.url("")))
	return serve(t, mux)
}
