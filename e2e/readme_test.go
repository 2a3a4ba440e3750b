package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// pushURL stands for the gateway in the examples.
const pushURL = "https://push.shop.example"

// An example is a block of code in a README, with a comment before it:
//
//	<!-- example: name -->
//	<!-- example: name, after another -->    it goes on from that one
//	<!-- not run: why -->
type example struct {
	name, after, lang, text string
}

// readExamples are a README's blocks of these languages, by name. One without
// a comment fails t.
func readExamples(t *testing.T, path string, langs ...string) map[string]example {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?ms)^(?:<!-- (.*?) -->\n)?```(" + strings.Join(langs, "|") + ")\n(.*?)^```$")
	comment := regexp.MustCompile(`^example: ([\w-]+)(?:, after ([\w-]+))?$`)
	all := make(map[string]example)
	for _, found := range block.FindAllStringSubmatch(string(text), -1) {
		if strings.HasPrefix(found[1], "not run: ") {
			continue
		}
		named := comment.FindStringSubmatch(found[1])
		if named == nil {
			t.Errorf("%s: a block without <!-- example: name --> or <!-- not run: why --> before it:\n%s", path, found[3])
			continue
		}
		if _, twice := all[named[1]]; twice {
			t.Errorf("%s: two examples have the name %s", path, named[1])
		}
		all[named[1]] = example{name: named[1], after: named[2], lang: found[2], text: found[3]}
	}
	return all
}

// A shop is a site on the web, whose pages connect to a gateway elsewhere.
type shop struct {
	gateway *gateway
	browser *chromium
	url     string
	pages   map[string]string // by name; written before they are asked for
}

func openShop(t *testing.T, browser *chromium) *shop {
	t.Helper()
	s := &shop{browser: browser, pages: make(map[string]string)}
	s.url = serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, s.pages[strings.TrimPrefix(r.URL.Path, "/")])
	}))
	s.gateway = startGateway(t, "--origin", s.url)
	return s
}

// text is what an example says, with the gateway's real address.
func (s *shop) text(text string) string {
	return strings.ReplaceAll(text, pushURL, s.gateway.url(""))
}

// show opens a page with a block of HTML in it. What it alerts, and writes to
// the console, is in its list `shown`.
func (s *shop) show(t *testing.T, name, html string) *window {
	t.Helper()
	const recorder = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Shop</title>
<script>
  var shown = [];
  alert = (text) => shown.push("alert: " + text);
  for (const method of ["log", "error"]) console[method] = (...words) => shown.push(words.join(" "));
</script>
`
	s.pages[name] = recorder + s.text(html)
	return s.browser.open(t, name, s.url+"/"+name)
}

// runModule is show for an ES module, whose names the test may use.
func (s *shop) runModule(t *testing.T, name, js string, names ...string) *window {
	t.Helper()
	tell := fmt.Sprintf("\nObject.assign(window, { %s });\n", strings.Join(names, ", "))
	w := s.show(t, name, `<script type="module">`+js+tell+"</script>")
	for _, name := range names {
		w.await(t, "window."+name+" !== undefined") // the script has come to its end
	}
	return w
}

func (w *window) awaitLogged(t *testing.T, text string) {
	t.Helper()
	w.await(t, "shown.includes("+strconv.Quote(text)+")")
}

// TestReadmeExamples: what the README of the JavaScript client shows does what
// it says there.
func TestReadmeExamples(t *testing.T) {
	runs := map[string]func(*testing.T, *shop, map[string]example){
		"drop-in":   runDropIn,
		"modern":    runModern,
		"events":    runEvents,
		"node":      runInNode,
		"versioned": runVersioned,
		"since":     nil, // TestPageBootstrap
	}
	examples := readExamples(t, "../client-js/README.md", "html", "js", "php")
	for name := range examples {
		if _, ok := runs[name]; !ok {
			t.Errorf("the example %s has no test here", name)
		}
	}
	browser := startChromium(t)
	for name, run := range runs {
		if _, ok := examples[name]; !ok {
			t.Errorf("the README has no example %s any more", name)
		} else if run != nil {
			t.Run(name, func(t *testing.T) { run(t, openShop(t, browser), examples) })
		}
	}
}

func runDropIn(t *testing.T, s *shop, examples map[string]example) {
	ws := joinWS(t, s.gateway, "ws", "testchannel")
	w := s.show(t, "drop-in", examples["drop-in"].text)
	ws.await(t, "ws", "Hello there!")
	ws.mustSend(t, "testchannel", "good morning")
	w.awaitLogged(t, "alert: ws said: good morning")
	ws.await(t, "ws", "for good morning")
	replies := ws.messages()
	if last := replies[len(replies)-1]; last.Type != "thanks" {
		t.Errorf("reply: got %+v, want the type thanks", last)
	}
	wantTexts(t, "the page", w.strings(t, "shown"), []string{"alert: ws said: good morning"})
}

func runModern(t *testing.T, s *shop, examples map[string]example) {
	ws := joinWS(t, s.gateway, "ws", "room")
	ws.mustSend(t, "room", "before")
	w := s.runModule(t, "modern", examples["modern"].text, "id", "cursor")
	got, _ := ws.first(t, "the page's message", 0, func(f frame) bool { return string(f.Payload) == `{"any":"JSON"}` })
	if got.From != "alice" || got.Type != "msg" {
		t.Errorf("the page's message: got %+v, want one of alice with the type msg", got)
	}
	wantTexts(t, "send", w.strings(t, "[id, cursor]"), []string{got.ID, got.Cursor})
	ws.mustSend(t, "room", "after")
	w.awaitLogged(t, "anything: msg")
	w.awaitLogged(t, "ws after")
	wantTexts(t, "the page", w.strings(t, `shown.filter((text) => text.startsWith("ws "))`), []string{"ws before", "ws after"})
}

func runEvents(t *testing.T, s *shop, examples map[string]example) {
	events := examples["events"]
	w := s.runModule(t, "events", examples[events.after].text+events.text, "client", "off")
	w.do(t, fields{"do": "value", "of": `client.channel("two words").open()`})
	w.awaitLogged(t, "bad_channel "+lastError(t, s.gateway, "two words"))

	// The gateway keeps its messages in its process: they go with it.
	w.do(t, fields{"do": "value", "of": "window.before = true"})
	s.gateway.kill()
	w.awaitLogged(t, "waiting ")
	s.gateway.start(t)
	w.await(t, "!window.before && !!window.client && client.transport === 'websocket'")

	w.do(t, fields{"do": "value", "of": "off()"})
	w.do(t, fields{"do": "value", "of": "client.close()"})
	wantTexts(t, "off", w.strings(t, `shown.filter((text) => text.startsWith("closed"))`), nil)
}

// lastError is what the gateway says to who subscribes to a channel that can't be.
func lastError(t *testing.T, g *gateway, channel string) string {
	t.Helper()
	ws := startWS(t, "asker")
	ws.mustConnect(t, g)
	answer, err := ws.ask(fields{"op": "subscribe", "channel": channel})
	if err != nil || answer.Op != "error" {
		t.Fatalf("got %+v %v, want an error", answer, err)
	}
	return answer.Message
}

func runInNode(t *testing.T, s *shop, examples map[string]example) {
	folder := t.TempDir()
	for name, target := range map[string]string{"@commchannel/client": "../client-js", "ws": "node_modules/ws"} {
		link := filepath.Join(folder, "node_modules", name)
		if err := os.MkdirAll(filepath.Dir(link), 0o700); err != nil {
			t.Fatal(err)
		}
		if target, err := filepath.Abs(target); err != nil {
			t.Fatal(err)
		} else if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
	}
	// A ping comes back after what was sent before it, the subscription.
	text := s.text(examples["node"].text) + "\nawait client.ping();\nconsole.log(client.transport);\n"
	if err := os.WriteFile(filepath.Join(folder, "example.mjs"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", "example.mjs")
	cmd.Dir = folder
	worker := spawn(t, "example in node", cmd, nil)
	worker.started(t, func(line string) bool { return line == "websocket" })

	ws := joinWS(t, s.gateway, "ws", "jobs")
	if err := sent(ws.ask(fields{"op": "send", "channel": "jobs", "type": "job", "payload": "sweep"})); err != nil {
		t.Fatal(err)
	}
	worker.started(t, func(line string) bool { return line == "doing sweep" })
	done, _ := ws.first(t, "the worker's reply", 0, func(f frame) bool { return f.Type == "done" })
	if done.text() != "sweep" || done.From != "worker" {
		t.Errorf("reply: got %+v, want sweep, of the worker", done)
	}
}

// runVersioned looks at what a page gets that names a version of the script:
// this gateway's or another one's, with and without its integrity.
func runVersioned(t *testing.T, s *shop, examples map[string]example) {
	const unknown = "channelclient-0123456789abcdef.js"
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "index.php"), []byte(s.text(examples["versioned"].text)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, html, err := do(newHTTP(t), newRequest(t, servePHP(t, folder)+"/"))
	if err != nil {
		t.Fatal(err)
	}
	_, index, err := do(newHTTP(t), newRequest(t, s.gateway.url("/channelclient.json")))
	if err != nil {
		t.Fatal(err)
	}
	var scripts map[string]struct{ URL, Integrity string }
	if err := json.Unmarshal(index, &scripts); err != nil {
		t.Fatal(err)
	}
	script := scripts["channelclient.js"]
	named := string(html)
	if !strings.Contains(named, `<script src="`+s.gateway.url("/"+script.URL)+`"></script>`) {
		t.Fatalf("the page is %s, want %s in it", named, script.URL)
	}
	pinned := strings.Replace(named, "></script>", ` integrity="`+script.Integrity+`" crossorigin="anonymous"></script>`, 1)
	other := func(html string) string { return strings.Replace(html, script.URL, unknown, 1) }
	forged := strings.Replace(pinned, "sha384-", "sha384-A", 1)
	for _, tt := range []struct{ name, html, want string }{
		{"named", named, "function"},
		{"pinned", pinned, "function"},
		{"of-another-version", other(named), "function"},
		{"forged", forged, "undefined"},
	} {
		w := s.show(t, tt.name, tt.html)
		wantTexts(t, tt.name, w.strings(t, "[typeof channelClient]"), []string{tt.want})
	}
}

func newRequest(t *testing.T, url string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
