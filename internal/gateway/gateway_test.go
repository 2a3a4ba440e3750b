package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A running gateway listens on a free port until the test ends.
type running struct {
	t    *testing.T
	g    *Gateway
	log  *syncBuffer
	stop context.CancelFunc
	err  chan error // of Run
}

// Before it runs, each of prepare may change it.
func start(t *testing.T, cfg Config, prepare ...func(*Gateway)) *running {
	t.Helper()
	log := new(syncBuffer)
	cfg.Listen = []string{"127.0.0.1:0"}
	cfg.LogOutput = log
	g, err := New(cfg)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	for _, f := range prepare {
		f(g)
	}
	ctx, stop := context.WithCancel(context.Background())
	r := &running{t, g, log, stop, make(chan error, 1)}
	ended := make(chan struct{})
	go func() {
		r.err <- g.Run(ctx)
		close(ended)
	}()
	t.Cleanup(func() {
		stop()
		<-ended
		http.DefaultClient.CloseIdleConnections()
	})
	return r
}

func (r *running) url(path string) string { return "http://" + r.g.Addr().String() + path }

// do makes a request and returns the answer, whose body has been read.
func (r *running) do(method, path, body string, headers ...string) (*http.Response, string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url(path), strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			req.Host = value
		}
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatalf("%s %s: %v", method, path, err)
	}
	return resp, string(all)
}

func (r *running) dial(path string) *websocket.Conn {
	r.t.Helper()
	conn, _, err := websocket.Dial(r.t.Context(), "ws"+strings.TrimPrefix(r.url(path), "http"), nil)
	if err != nil {
		r.t.Fatalf("dial: %v", err)
	}
	r.t.Cleanup(func() { conn.CloseNow() })
	return conn
}

func write(t *testing.T, conn *websocket.Conn, text string) {
	t.Helper()
	if err := conn.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
		t.Fatalf("write: %v", err)
	}
}

func read(t *testing.T, conn *websocket.Conn) protocol.ServerFrame {
	t.Helper()
	_, data, err := conn.Read(t.Context())
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	f, err := protocol.DecodeServer(data)
	if err != nil {
		t.Fatalf("frame %s: %v", data, err)
	}
	return f
}

func wantOp(t *testing.T, f protocol.ServerFrame, op protocol.Op) {
	t.Helper()
	if f.Op != op {
		t.Fatalf("got %s, want %s", f.Append(nil), op)
	}
}

// A syncBuffer is a log's output.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func TestAllEntrancesShareOneChannel(t *testing.T) {
	r := start(t, Config{})
	conn := r.dial("/channel?clientid=alice")
	wantOp(t, read(t, conn), protocol.OpWelcome)
	write(t, conn, `{"op":"subscribe","ref":1,"channel":"room"}`)
	wantOp(t, read(t, conn), protocol.OpSubscribed)

	if resp, body := r.do("GET", "/channel.php?channelid=room&clientid=7", ""); resp.StatusCode != 200 || body != "[]" {
		t.Fatalf("first poll: got %d %s, want []", resp.StatusCode, body)
	}
	old := `{"type":"msg","payload":"from the old page","from":7}`
	if resp, body := r.do("POST", "/channel.php?channelid=room&clientid=7", old, "Content-Type: application/json"); resp.StatusCode != 200 || body != "" {
		t.Fatalf("old send: got %d %s, want 200 and nothing", resp.StatusCode, body)
	}
	got := read(t, conn)
	if got.Op != protocol.OpMessage || string(got.Payload) != `"from the old page"` || got.From != "7" {
		t.Fatalf("WebSocket: got %s, want the old page's message", got.Append(nil))
	}

	_, body := r.do("POST", "/channel", `[{"op":"hello","clientid":"bob"},{"op":"send","ref":1,"channel":"room","type":"msg","payload":"polled"}]`,
		"Content-Type: application/json")
	if !strings.Contains(body, `"op":"sent"`) {
		t.Fatalf("long-poll: got %s, want it sent", body)
	}
	if got := read(t, conn); string(got.Payload) != `"polled"` || got.From != "bob" {
		t.Fatalf("WebSocket: got %s, want bob's message", got.Append(nil))
	}

	_, body = r.do("GET", "/channel?channelid=room&clientid=7", "")
	var texts []string
	if err := json.Unmarshal([]byte(body), &texts); err != nil || len(texts) != 2 || texts[0] != old {
		t.Errorf("poll: got %s (%v), want both messages", body, err)
	}
	if resp, body := r.do("GET", "/channel?getIP", ""); resp.StatusCode != 200 || body != "127.0.0.1" {
		t.Errorf("getIP: got %d %s, want 127.0.0.1", resp.StatusCode, body)
	}
}

func TestOrigins(t *testing.T) {
	r := start(t, Config{Origins: []string{"https://shop.example"}, Hosts: []string{"push.example"}})
	for _, tt := range []struct {
		name    string
		headers []string
		status  int
	}{
		{"none", nil, 200},
		{"allowed", []string{"Origin: https://shop.example"}, 200},
		{"foreign", []string{"Origin: https://evil.example"}, 403},
		{"foreign name", []string{"Host: evil.example"}, 403},
		{"own name", []string{"Host: push.example"}, 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if resp, body := r.do("GET", "/channel?getIP", "", tt.headers...); resp.StatusCode != tt.status {
				t.Errorf("got %d %s, want %d", resp.StatusCode, body, tt.status)
			}
			upgrade := append([]string{
				"Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
			}, tt.headers...)
			want := map[int]int{200: 101, 403: 403}[tt.status]
			if got := r.upgradeStatus(upgrade); got != want {
				t.Errorf("WebSocket: got %d, want %d", got, want)
			}
		})
	}
}

// upgradeStatus is the status that a handshake with these headers gets.
func (r *running) upgradeStatus(headers []string) int {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), "GET", r.url("/channel"), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			req.Host = value
		}
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		r.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

func TestOwnPages(t *testing.T) {
	r := start(t, Config{})
	resp, body := r.do("GET", "/", "")
	if resp.StatusCode != 200 || !strings.Contains(body, "<html") && !strings.Contains(body, "<!doctype") {
		t.Fatalf("demo page: got %d %s", resp.StatusCode, body)
	}
	for name, want := range map[string]string{
		"Content-Type":            "text/html; charset=utf-8",
		"Content-Security-Policy": policy,
		"Cache-Control":           "no-cache",
		"X-Content-Type-Options":  "nosniff",
	} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	again, _ := r.do("GET", "/", "", "If-None-Match: "+resp.Header.Get("ETag"))
	if again.StatusCode != http.StatusNotModified {
		t.Errorf("with its ETag: got %d, want 304", again.StatusCode)
	}
	for _, path := range []string{"/channelclient.js", "/channelclient.mjs"} {
		resp, body := r.do("GET", path, "", "Origin: https://shop.example")
		if resp.StatusCode != 200 || len(body) == 0 || resp.Header.Get("Content-Type") != "text/javascript; charset=utf-8" {
			t.Errorf("%s: got %d, %d bytes of %q", path, resp.StatusCode, len(body), resp.Header.Get("Content-Type"))
		}
		if got := resp.Header.Get("Cross-Origin-Resource-Policy"); got != "cross-origin" {
			t.Errorf("%s: Cross-Origin-Resource-Policy: got %q", path, got)
		}
	}
	for _, tt := range []struct {
		method, path string
		status       int
	}{
		{"POST", "/", 405}, {"GET", "/nothing", 404}, {"GET", "/channel/", 404}, {"GET", "/channel", 426},
		{"GET", "/demo/index.html", 404}, {"HEAD", "/", 200}, {"GET", "/healthz", 200}, {"GET", "/readyz", 200},
	} {
		if resp, body := r.do(tt.method, tt.path, ""); resp.StatusCode != tt.status {
			t.Errorf("%s %s: got %d %s, want %d", tt.method, tt.path, resp.StatusCode, body, tt.status)
		}
	}
}

func TestOtherPaths(t *testing.T) {
	r := start(t, Config{Paths: []string{"/push"}})
	for path, want := range map[string]int{"/push?getIP": 200, "/channel?getIP": 404} {
		if resp, _ := r.do("GET", path, ""); resp.StatusCode != want {
			t.Errorf("%s: got %d, want %d", path, resp.StatusCode, want)
		}
	}
}

func TestAnnouncement(t *testing.T) {
	r := start(t, Config{LogFormat: "json", Version: "v1.2.3"})
	r.do("GET", "/healthz", "")
	line, _, _ := strings.Cut(r.log.String(), "\n")
	var got struct{ Message, Store, Version, Listen string }
	if err := json.Unmarshal([]byte(line), &got); err != nil {
		t.Fatalf("log %q: %v", line, err)
	}
	if !strings.Contains(got.Message, r.url("/")) || got.Store != "memory://" || got.Version != "v1.2.3" {
		t.Errorf("got %+v, want the demo page's URL, the store and the version", got)
	}
}

// A sick store has no server.
type sick struct{ fullStore }

func (sick) Ping(context.Context) error { return store.ErrUnavailable }

func TestNotReadyWithoutStore(t *testing.T) {
	g, err := New(Config{Listen: []string{"127.0.0.1:0"}, LogOutput: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	g.store = sick{g.store}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	r := &running{t: t, g: g}
	if resp, body := r.do("GET", "/readyz", ""); resp.StatusCode != 503 || !strings.Contains(body, "unavailable") {
		t.Errorf("readyz: got %d %s, want 503", resp.StatusCode, body)
	}
	if resp, _ := r.do("GET", "/healthz", ""); resp.StatusCode != 200 {
		t.Errorf("healthz: got %d, want 200", resp.StatusCode)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
	http.DefaultClient.CloseIdleConnections()
}

// TestAnswersAreHeld: nothing that bounds a request's coming, or an answer's
// writing, ends the wait for a message, with whichever server a request is.
func TestAnswersAreHeld(t *testing.T) {
	t.Parallel()
	r := start(t, Config{Hold: 2 * time.Second})
	if s := r.g.server; s.WriteTimeout != 0 || s.ReadTimeout != 0 {
		t.Errorf("answers are held, but the server has a WriteTimeout of %v and a ReadTimeout of %v", s.WriteTimeout, s.ReadTimeout)
	}
	r.do("GET", "/channel?channelid=room&clientid=7", "") // finds its place
	_, body := r.do("POST", "/channel", `[{"op":"hello","clientid":"bob"},{"op":"subscribe","channel":"room"}]`, "Content-Type: application/json")
	frames, err := protocol.DecodeServerBatch([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	var both sync.WaitGroup
	begin := time.Now()
	held := func(what, got, want string) {
		if got != want {
			t.Errorf("%s: got %s, want %s", what, got, want)
		}
		if took := time.Since(begin); took < 1500*time.Millisecond {
			t.Errorf("%s: was held for %v, want about 2 s", what, took)
		}
	}
	both.Go(func() {
		_, body := r.do("GET", "/channel?channelid=room&clientid=7", "")
		held("poll", body, "[]")
	})
	both.Go(func() {
		_, body := r.do("POST", "/channel", `[{"op":"hello","clientid":"bob"},{"op":"subscribe","channel":"room","since":"`+
			string(frames[1].Cursor)+`"}]`, "Content-Type: application/json")
		held("long-poll", body, "[]")
	})
	both.Wait()
}

func TestDrain(t *testing.T) {
	entered := make(chan struct{}, 10)
	r := start(t, Config{Grace: 2 * time.Second, Hold: time.Minute}, func(g *Gateway) {
		entrance := g.routes["/channel"]
		g.routes["/channel"] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			entered <- struct{}{}
			entrance.ServeHTTP(w, r)
		})
	})
	conn := r.dial("/channel?clientid=alice")
	wantOp(t, read(t, conn), protocol.OpWelcome)

	// Two polls with nothing to tell.
	_, body := r.do("POST", "/channel", `[{"op":"hello","clientid":"bob"},{"op":"subscribe","channel":"room"}]`, "Content-Type: application/json")
	frames, err := protocol.DecodeServerBatch([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	r.do("GET", "/channel?channelid=room&clientid=7", "")
	for range 3 {
		<-entered
	}
	resume := `[{"op":"hello","clientid":"bob"},{"op":"subscribe","channel":"room","since":"` + string(frames[1].Cursor) + `"}]`
	longPoll, poll := make(chan string, 1), make(chan string, 1)
	go func() {
		defer close(longPoll)
		_, body := r.do("POST", "/channel", resume, "Content-Type: application/json")
		longPoll <- body
	}()
	go func() {
		defer close(poll)
		_, body := r.do("GET", "/channel?channelid=room&clientid=7", "")
		poll <- body
	}()
	<-entered
	<-entered

	r.stop()
	bye := read(t, conn)
	if bye.Op != protocol.OpBye || bye.Retry <= 0 {
		t.Errorf("WebSocket: got %s, want bye with some patience", bye.Append(nil))
	}
	if _, _, err := conn.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusCode(protocol.CloseDraining) {
		t.Errorf("WebSocket: got %v, want close code 4000", err)
	}
	if got := <-poll; got != "[]" {
		t.Errorf("poll: got %s, want []", got)
	}
	if got := <-longPoll; !strings.Contains(got, `"op":"bye"`) {
		t.Errorf("long-poll: got %s, want bye", got)
	}
	if err := <-r.err; err != nil {
		t.Errorf("Run: got %v, want none", err)
	}
	if _, err := net.Dial("tcp", r.g.Addr().String()); err == nil {
		t.Error("the gateway still takes connections")
	}
	if log := r.log.String(); !strings.Contains(log, "stopped") || strings.Contains(log, "cut off") {
		t.Errorf("log: %s", log)
	}
	r.g.Close() // again
}

func TestGraceEnds(t *testing.T) {
	r := start(t, Config{Grace: 200 * time.Millisecond})
	// A client that neither reads nor answers, and one in the midst of its
	// request.
	deaf := r.dial("/channel?clientid=alice")
	half, err := net.Dial("tcp", r.g.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer half.Close()
	if _, err := io.WriteString(half, "POST /channel HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\n["); err != nil {
		t.Fatal(err)
	}
	r.do("GET", "/healthz", "")
	r.stop()
	if err := <-r.err; err != nil {
		t.Errorf("Run: got %v, want none", err)
	}
	deaf.CloseNow()
}

func TestRequestsAfterCloseAreRefused(t *testing.T) {
	g, err := New(Config{Listen: []string{"127.0.0.1:0"}, LogOutput: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	addr := g.Addr().String()
	g.Close()
	if _, err := net.Dial("tcp", addr); err == nil {
		t.Error("a closed gateway takes connections")
	}
	w := new(response)
	r, err := http.NewRequest("GET", "/channel?getIP", nil)
	if err != nil {
		t.Fatal(err)
	}
	if g.Handler().ServeHTTP(w, r); w.status != 503 {
		t.Errorf("status: got %d, want 503", w.status)
	}
}

// What a request uses is there until it has ended, though its connection was
// cut off.
func TestCloseWaitsForRequests(t *testing.T) {
	entered, done := make(chan struct{}), make(chan struct{})
	r := start(t, Config{Grace: 100 * time.Millisecond}, func(g *Gateway) {
		storeClosed := make(chan struct{})
		g.closers = append([]func(){func() { close(storeClosed) }}, g.closers...) // the last
		g.routes["/stuck"] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(done)
			close(entered)
			<-r.Context().Done()
			select {
			case <-storeClosed:
				t.Error("the store was closed under a request")
			case <-time.After(100 * time.Millisecond): // long enough for a Close that does not wait
			}
		})
	})
	go func() {
		resp, err := http.Get(r.url("/stuck"))
		if err == nil {
			resp.Body.Close()
		}
	}()
	<-entered
	r.stop()
	<-done
	if err := <-r.err; err != nil {
		t.Errorf("Run: %v", err)
	}
}

type response struct {
	header http.Header
	status int
}

func (r *response) Header() http.Header {
	if r.header == nil {
		r.header = make(http.Header)
	}
	return r.header
}
func (r *response) Write(p []byte) (int, error) { return len(p), nil }
func (r *response) WriteHeader(status int)      { r.status = status }

func TestAddressInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = New(Config{Listen: []string{"127.0.0.1:0", l.Addr().String()}, LogOutput: io.Discard})
	if _, ok := errors.AsType[*net.OpError](err); !ok || ExitCode(err) != 1 {
		t.Errorf("got %v with exit code %d, want the address in use with 1", err, ExitCode(err))
	}
}

func TestPublic(t *testing.T) {
	for addr, want := range map[string]bool{"127.0.0.1:0": false, "localhost:0": false, ":0": true, "0.0.0.0:0": true} {
		g, err := New(Config{Listen: []string{addr}, LogOutput: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		if got := g.public(); got != want {
			t.Errorf("%s: got %v, want %v", addr, got, want)
		}
		if want && !strings.HasPrefix(g.demoURL(), "http://localhost:") {
			t.Errorf("%s: demo page at %s, want localhost", addr, g.demoURL())
		}
		g.Close()
	}
}
