package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// tabs are pages of one browser that share a connection, and talk all the
// time. Each is to hear what everybody says but itself, from the beginning on,
// in the order in which the observer hears it.
type tabs struct {
	proxy    *faultProxy
	browser  *chromium
	observer *wsClient
	since    string // where all begin
	open     []*window
}

func openTabs(t *testing.T, browser *chromium, names ...string) *tabs {
	t.Helper()
	g := startGateway(t)
	s := &tabs{proxy: startFaultProxy(t, g, faults{}), browser: browser, observer: joinWS(t, g, "observer", "room")}
	s.since = s.observer.cursor()
	for _, name := range names {
		s.add(t, name)
	}
	return s
}

// add opens one more, and waits until all hear each other. By then the others
// have said something, so that it has something to catch up with.
func (s *tabs) add(t *testing.T, name string) {
	t.Helper()
	address := s.proxy.url + "/pages/talk.html?" + url.Values{"since": {s.since}, "name": {name}, "shared": {""}}.Encode()
	s.open = append(s.open, s.browser.open(t, name, address))
	s.awaitAll(t)
}

// awaitAll waits until everybody has heard what everybody else says from now on.
func (s *tabs) awaitAll(t *testing.T) {
	t.Helper()
	for _, from := range s.open {
		from.front(t) // where the others are hidden, they say next to nothing
		next := from.number(t, "talk.said.length")
		from.await(t, fmt.Sprintf("talk.said[%d]?.acked", next))
		for _, to := range s.open {
			if to != from {
				to.await(t, fmt.Sprintf(`talk.texts.has("%s %d")`, from.name, next))
			}
		}
	}
}

// lose has the tab with the connection, which is the first one, end in some
// way, and waits for the others to go on.
func (s *tabs) lose(t *testing.T, end func(*window)) {
	t.Helper()
	happened := time.Now()
	end(s.open[0])
	s.open = s.open[1:]
	for _, w := range s.open {
		s.wantRecovered(t, w, happened)
	}
}

// number is the value of an expression that gives a number.
func (w *window) number(t *testing.T, expression string) (n int) {
	t.Helper()
	if value := w.do(t, fields{"do": "value", "of": expression}); json.Unmarshal(value, &n) != nil {
		t.Fatalf("%s: got %s, want a number", expression, value)
	}
	return n
}

// record is what the page has written down.
func (w *window) record(t *testing.T) (r record) {
	t.Helper()
	if err := json.Unmarshal(w.do(t, fields{"do": "value", "of": "talk"}), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// wantConnections wants so many WebSockets to be open. The proxy may notice the
// end of one a little later than the tabs do.
func (s *tabs) wantConnections(t *testing.T, want int) {
	t.Helper()
	for try := 1; ; try++ {
		got := 0
		s.proxy.each(func(*tunnel) { got++ })
		if got == want {
			return
		}
		if try == 10 {
			t.Errorf("WebSockets of %d tabs: got %d, want %d", len(s.open), got, want)
			return
		}
		s.awaitAll(t)
	}
}

// wantRecovered waits until a tab is connected again after what happened at a
// time, and what it says arrives, and tells how long that took.
func (s *tabs) wantRecovered(t *testing.T, w *window, happened time.Time) {
	t.Helper()
	at := happened.UnixMilli()
	w.await(t, fmt.Sprintf(`talk.states.at(-1).state === "connected" && talk.states.at(-1).at >= %d`, at))
	w.await(t, fmt.Sprintf(`talk.said.some((s) => s.at >= %d && s.acked)`, at))
	r := w.record(t)
	connected := clock(r.States[len(r.States)-1].At)
	for _, h := range r.Heard {
		if heard := clock(h.At); heard.After(connected) {
			t.Logf("tab %s was connected again after %v, and heard the next message after %v",
				w.name, connected.Sub(happened), heard.Sub(happened))
			return
		}
	}
	t.Logf("tab %s was connected again after %v", w.name, connected.Sub(happened))
}

// end ends the talking, and wants everybody to have heard everything, once, in
// order, and everything that was acknowledged to have been said once.
func (s *tabs) end(t *testing.T) {
	t.Helper()
	s.awaitAll(t)
	for _, w := range s.open {
		w.do(t, fields{"do": "value", "of": "void talk.hush()"})
		w.await(t, "talk.settled()")
		r := w.record(t)
		for _, said := range r.sayings(t) {
			if said.sure {
				s.observer.await(t, "the observer", said.text)
			}
		}
		if len(r.Errors) > 0 {
			t.Errorf("tab %s was told of errors: %q", w.name, r.Errors)
		}
	}
	all := s.observer.texts()
	if twice := len(all) - len(slices.Compact(slices.Sorted(slices.Values(all)))); twice > 0 {
		t.Errorf("%d messages came twice", twice)
	}
	for _, w := range s.open {
		want := without(all, w.name+" ")
		w.await(t, fmt.Sprintf("talk.texts.has(%q)", want[len(want)-1]))
		r := w.record(t)
		runs := r.runs()
		if len(runs) > 1 {
			t.Errorf("tab %s was told of %d gaps", w.name, len(runs)-1)
		}
		wantTexts(t, "tab "+w.name, slices.Concat(runs...), want)
	}
}

// TestSharedConnection: three tabs have one connection; the one that has it
// ends, and the others go on.
func TestSharedConnection(t *testing.T) {
	t.Parallel()
	ways := map[string]func(t *testing.T, s *tabs, w *window){
		"closed":  func(t *testing.T, _ *tabs, w *window) { w.do(t, fields{"do": "close"}) },
		"crashes": func(t *testing.T, _ *tabs, w *window) { w.do(t, fields{"do": "crash"}) },
		"left":    func(t *testing.T, s *tabs, w *window) { w.do(t, fields{"do": "go", "url": s.proxy.url + "/pages/"}) },
	}
	for name, leave := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openTabs(t, startChromium(t), "a", "b", "c")
			s.wantConnections(t, 1)
			s.lose(t, func(w *window) { leave(t, s, w) })
			s.awaitAll(t)
			s.wantConnections(t, 1)
			s.end(t)
		})
	}
}

// TestSharedOverLongPoll: likewise where no WebSocket comes through.
func TestSharedOverLongPoll(t *testing.T) {
	t.Parallel()
	s := openTabs(t, startChromium(t))
	s.proxy.set(faults{sockets: resetAtOnce})
	s.add(t, "a")
	s.add(t, "b")
	s.lose(t, func(w *window) { w.do(t, fields{"do": "close"}) })
	s.add(t, "c")
	s.end(t)
}

// TestSharedConnectionLost: all tabs go on when their connection breaks.
func TestSharedConnectionLost(t *testing.T) {
	t.Parallel()
	s := openTabs(t, startChromium(t), "a", "b")
	happened := time.Now()
	s.proxy.cut()
	for _, w := range s.open {
		s.wantRecovered(t, w, happened)
	}
	s.awaitAll(t)
	s.wantConnections(t, 1)
	s.end(t)
}

// TestSharedBackForwardCache: the tab with the connection goes into the cache,
// which it is not kept out of by sharing, and comes back.
func TestSharedBackForwardCache(t *testing.T) {
	t.Parallel()
	s := openTabs(t, startPlainChromium(t), "a", "b")
	leader, other := s.open[0], s.open[1]
	leader.front(t)
	happened := time.Now()
	leader.do(t, fields{"do": "go", "url": s.proxy.url + "/pages/"})
	other.front(t)
	s.wantRecovered(t, other, happened)
	leader.front(t)
	leader.do(t, fields{"do": "back"})
	leader.await(t, `window.talk?.life.includes("pageshow persisted")`)
	s.awaitAll(t)
	s.wantConnections(t, 1)
	s.end(t)
}

// TestSharedFrozen: the browser freezes the tab with the connection, as it does
// with what nobody looks at.
func TestSharedFrozen(t *testing.T) {
	t.Parallel()
	s := openTabs(t, startPlainChromium(t), "a", "b")
	leader, other := s.open[0], s.open[1]
	other.front(t)
	leader.await(t, `talk.life.includes("hidden")`)
	happened := time.Now()
	leader.do(t, fields{"do": "freeze"})
	s.wantRecovered(t, other, happened)
	leader.do(t, fields{"do": "thaw"})
	leader.front(t)
	s.awaitAll(t)
	s.wantConnections(t, 1)
	s.end(t)
}

// TestSharedHangs: the tab with the connection hangs, and the connection is
// taken from it. When it runs again, it has one of its own.
func TestSharedHangs(t *testing.T) {
	t.Parallel()
	s := openTabs(t, startChromium(t), "a", "b", "c")
	leader, others := s.open[0], s.open[1:]
	hangs, release := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(hangs)
		<-release
	}))
	t.Cleanup(server.Close)
	// A request that is waited for stops a page as a long computation does.
	leader.do(t, fields{"do": "value", "of": fmt.Sprintf(`void setTimeout(() => {
		const request = new XMLHttpRequest();
		request.open("GET", %q, false);
		try { request.send(); } catch { } // its answer is not for us
	})`, server.URL)})
	<-hangs
	happened := time.Now()
	for _, w := range others {
		s.wantRecovered(t, w, happened)
	}
	close(release)
	s.awaitAll(t)
	s.wantConnections(t, 2)
	s.end(t)
}

// TestSharedPlace: a page that is the browser's only one begins where it was
// rendered, and one without a place begins now.
func TestSharedPlace(t *testing.T) {
	t.Parallel()
	s := openTabs(t, startChromium(t), "a")
	newcomer := s.browser.open(t, "b", s.proxy.url+"/pages/talk.html?name=b&shared")
	newcomer.await(t, "talk.texts.size > 0") // it is there: what was said before is not for it
	s.open = append(s.open, newcomer)
	s.awaitAll(t)
	s.wantConnections(t, 1)
	r := newcomer.record(t)
	if first := r.Heard[0].Text; first == "a 0" || !strings.HasPrefix(first, "a ") {
		t.Errorf("a tab without a place heard first: got %q, want one of a's later messages", first)
	}
}
