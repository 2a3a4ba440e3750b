package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// A chromium is a browser. Its methods belong to the test's goroutine.
type chromium struct {
	child   *child
	answers int
	shots   string // folder of the screenshots; go test -artifacts keeps it
}

// A window is one of its windows.
type window struct {
	browser *chromium
	name    string
}

// startChromium starts a browser in which every page is as if in front.
func startChromium(t *testing.T) *chromium {
	t.Helper()
	return startBrowser(t)
}

// startPlainChromium starts a browser as people have it: js/launch.mjs tells
// what that means.
func startPlainChromium(t *testing.T) *chromium {
	t.Helper()
	return startBrowser(t, "plain")
}

func startBrowser(t *testing.T, args ...string) *chromium {
	t.Helper()
	need(t, "node", "chromium")
	needFile(t, "node_modules/playwright-core/package.json")
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", append([]string{"js/browser.mjs"}, args...)...)
	cmd.Env = append(os.Environ(), "CHROMIUM="+path)
	c := &chromium{child: spawn(t, "browser", cmd, nil), shots: t.ArtifactDir()}
	t.Cleanup(func() { // before the process is killed: Chromium is not in its group
		c.child.stdin.Close()
		select {
		case <-c.child.ended:
		case <-time.After(patience):
			t.Error("the browser did not end")
		}
	})
	return c
}

func (c *chromium) do(t *testing.T, command fields) json.RawMessage {
	t.Helper()
	line, err := json.Marshal(command)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.child.write(line); err != nil {
		t.Fatal(err)
	}
	// The browser's own patience comes first.
	text, err := c.child.awaitSaid(c.answers, 2*patience)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	c.answers++
	var answer struct {
		OK    bool
		Value json.RawMessage
		Error string
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil || !answer.OK {
		t.Fatalf("%s: %s %v", line, answer.Error, err)
	}
	return answer.Value
}

// open opens a page in a new window.
func (c *chromium) open(t *testing.T, name, address string) *window {
	t.Helper()
	c.do(t, fields{"do": "open", "window": name, "url": address})
	return &window{c, name}
}

// openBlocked is open for a window in which no WebSocket connects.
func (c *chromium) openBlocked(t *testing.T, name, address string) *window {
	t.Helper()
	c.do(t, fields{"do": "open", "window": name, "url": address, "noWebSocket": true})
	return &window{c, name}
}

func (w *window) do(t *testing.T, command fields) json.RawMessage {
	t.Helper()
	command["window"] = w.name
	return w.browser.do(t, command)
}

// await waits until a JavaScript expression is true.
func (w *window) await(t *testing.T, expression string) {
	t.Helper()
	w.do(t, fields{"do": "wait", "until": expression})
}

// strings is the value of an expression that gives a list of texts.
func (w *window) strings(t *testing.T, expression string) []string {
	t.Helper()
	list := []string{}
	if value := w.do(t, fields{"do": "value", "of": expression}); json.Unmarshal(value, &list) != nil {
		t.Fatalf("%s: got %s, want a list of texts", expression, value)
	}
	return list
}

// enter writes into a field and presses the enter key.
func (w *window) enter(t *testing.T, selector, text string) {
	t.Helper()
	w.do(t, fields{"do": "fill", "selector": selector, "text": text})
	w.do(t, fields{"do": "press", "selector": selector, "key": "Enter"})
}

func (w *window) click(t *testing.T, selector string) {
	t.Helper()
	w.do(t, fields{"do": "click", "selector": selector})
}

func (w *window) screenshot(t *testing.T, name string) {
	t.Helper()
	w.do(t, fields{"do": "screenshot", "file": filepath.Join(w.browser.shots, name+"-"+w.name+".png")})
}

// startSite serves a site as it may be: the old page under /old/, all else by
// the gateway behind it.
func startSite(t *testing.T, g *gateway) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/old/", http.StripPrefix("/old/", http.FileServer(http.Dir("pages"))))
	mux.Handle("/", proxyTo(t, g.url("")))
	return serve(t, mux)
}

// serve serves h until the test ends, and returns its URL.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	site := httptest.NewServer(h)
	t.Cleanup(site.Close)
	return site.URL
}

// proxyTo is a site's proxy to a server behind it.
func proxyTo(t *testing.T, server string) http.Handler {
	t.Helper()
	target, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &httputil.ReverseProxy{
		Transport: transport,
		ErrorLog:  log.New(io.Discard, "", 0), // pages go away; what else fails, they miss
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
			r.SetXForwarded()
		},
	}
}

// jsTexts is an expression for what the elements of a selector show.
func jsTexts(selector string) string {
	return fmt.Sprintf("[...document.querySelectorAll(%q)].map((e) => e.textContent)", selector)
}
