package http1_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/commchannel/gateway/transport"
	"github.com/commchannel/gateway/transport/http1"
	"github.com/commchannel/gateway/transport/netpoll"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what has to come.
const patience = 30 * time.Second

// A front is a Server with all it needs, serving one port.
type front struct {
	t      testing.TB
	addr   string
	server *http1.Server
	http   *http.Server
	poller *netpoll.Poller
	log    *logged
	served chan error      // what Serve returned
	greet  func(c *client) // called first; may be nil
}

// serve serves h. Timeouts are long, unless change makes them shorter.
func serve(t testing.TB, h http.Handler, change func(*http1.Config)) *front {
	t.Helper()
	return serveOn(t, listen(t), h, change)
}

func serveOn(t testing.TB, l net.Listener, h http.Handler, change func(*http1.Config)) *front {
	t.Helper()
	f := &front{t: t, addr: l.Addr().String(), log: &logged{}, served: make(chan error, 1)}
	f.http = plainServer(h)
	f.http.ErrorLog = stdlog.New(io.Discard, "", 0)
	cfg := http1.Config{HTTP: f.http, WriteTimeout: time.Minute, Log: zerolog.New(f.log)}
	if change != nil {
		change(&cfg)
	}
	if cfg.Poller == nil {
		cfg.Poller = newPoller(t)
	}
	f.poller = cfg.Poller
	f.server = http1.New(cfg)
	go func() { f.served <- f.server.Serve(l) }()
	t.Cleanup(func() {
		f.server.Close()
		f.http.Close()
		f.poller.Close()
	})
	return f
}

// newPoller makes a Poller that works, or skips the test: net/http serves all
// then. It is closed with the Server it is for.
func newPoller(t testing.TB) *netpoll.Poller {
	t.Helper()
	p := netpoll.New(zerolog.Nop())
	if !p.Works() {
		t.Skip("connections can't be watched on this system")
	}
	return p
}

func plainServer(h http.Handler) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: time.Minute, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// logged is what was logged.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// A client says HTTP by hand.
type client struct {
	t  testing.TB
	nc *net.TCPConn
	r  *bufio.Reader
}

func dial(t testing.TB, addr string) *client {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(patience))
	return &client{t, nc.(*net.TCPConn), bufio.NewReader(nc)}
}

func (f *front) dial() *client {
	f.t.Helper()
	c := dial(f.t, f.addr)
	if f.greet != nil {
		f.greet(c)
	}
	return c
}

func (c *client) say(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.nc, text); err != nil {
		c.t.Fatalf("say: %v", err)
	}
}

// want wants an answer with status 200 and body.
func (c *client) want(body string) *http.Response {
	c.t.Helper()
	resp, got, err := c.answer()
	if err != nil {
		c.t.Fatalf("want %.80q: %v", body, err)
	}
	if resp.StatusCode != http.StatusOK || got != body {
		c.t.Fatalf("got %d %.80q (%d bytes), want 200 %.80q (%d bytes)", resp.StatusCode, got, len(got), body, len(body))
	}
	return resp
}

func (c *client) answer() (*http.Response, string, error) {
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return nil, "", err
	}
	body, err := io.ReadAll(resp.Body)
	return resp, string(body), err
}

// wantEnd wants the connection to end, with nothing more to read.
func (c *client) wantEnd() {
	c.t.Helper()
	if b, err := c.r.ReadByte(); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		c.t.Fatalf("got byte %q, error %v, want the end", b, err)
	}
}

// post is a request that is served without net/http.
func post(path, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
}

// get is a request that is net/http's.
func get(path string) string { return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n" }

// echo answers with the body.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	w.Write(body)
}

func receive[T any](t testing.TB, from <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(patience):
		t.Fatalf("%s: it did not come about", what)
	}
	return v
}

func TestRequestsOfOneConnection(t *testing.T) {
	f := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s ", r.RemoteAddr)
		echo(w, r)
	}), nil)
	c := f.dial()
	from := c.nc.LocalAddr().String() + " "
	for i := range 3 {
		c.say(post("/", fmt.Sprint(i)))
		c.want(from + fmt.Sprint(i))
	}
	for _, b := range []byte(post("/", "byte by byte")) {
		c.say(string(b))
	}
	c.want(from + "byte by byte")
	c.say(post("/", "one") + post("/", "") + post("/other", "three"))
	for _, body := range []string{"one", "", "three"} {
		c.want(from + body)
	}
	c.say(post("/", "whole") + post("/", "split")[:40])
	c.want(from + "whole")
	c.say(post("/", "split")[40:])
	c.want(from + "split")
	c.say(get("/"))
	c.want(from)
	c.say(post("/", "net/http has it now"))
	c.want(from + "net/http has it now")
}

func TestBodySizes(t *testing.T) {
	f := serve(t, http.HandlerFunc(echo), nil)
	for _, size := range []int{0, 1, 8 << 10, 64 << 10, 64<<10 + 1, 300 << 10} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			c := dial(t, f.addr)
			body := strings.Repeat("b", size)
			for range 2 {
				c.say(post("/", body))
				c.want(body)
			}
		})
	}
}

// A listener whose sockets take little at once.
type smallBuffers struct{ net.Listener }

func (l smallBuffers) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err == nil {
		err = nc.(*net.TCPConn).SetWriteBuffer(256 << 10)
	}
	return nc, err
}

func TestLargeAnswers(t *testing.T) {
	large := strings.Repeat("0123456789abcdef", 512<<10) // 8 MiB
	f := serveOn(t, smallBuffers{listen(t)}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/close" {
			w.Header().Set("Connection", "close")
		}
		io.WriteString(w, large)
	}), nil)
	c := f.dial()
	c.say(post("/", ""))
	c.want(large)
	c.say(post("/", "") + post("/", "") + post("/close", "") + post("/", "nobody reads it"))
	for range 3 {
		c.want(large)
	}
	c.wantEnd()
}

func TestWriteTimeout(t *testing.T) {
	answered := make(chan struct{}, 1)
	f := serveOn(t, smallBuffers{listen(t)}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Write(make([]byte, 64<<20))
		answered <- struct{}{}
	}), func(c *http1.Config) { c.WriteTimeout = 50 * time.Millisecond })
	c := f.dial()
	c.nc.SetReadBuffer(4 << 10)
	c.say(post("/", ""))
	receive(t, answered, "the handler")
	// Nobody reads, and the connection ends all the same.
	f.shutdown(t)
}

// shutdown shuts f down and wants it to be done.
func (f *front) shutdown(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := f.server.Shutdown(ctx); err != nil {
		t.Fatalf("shutdown: %v", err)
	}
}

func TestTimeoutsOfRequests(t *testing.T) {
	short := func(c *http1.Config) { c.HTTP.ReadHeaderTimeout, c.HTTP.IdleTimeout = 50*time.Millisecond, time.Minute }
	for _, tt := range []struct {
		name, say string
		change    func(*http1.Config)
		answers   int
	}{
		{"nothing said", "", short, 0},
		{"part of a head", post("/", "")[:30], short, 0},
		{"part of a second head", post("/", "x") + "POST", short, 1},
		{"idle", post("/", "x"), func(c *http1.Config) { c.HTTP.IdleTimeout = 50 * time.Millisecond }, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := serve(t, http.HandlerFunc(echo), tt.change).dial()
			c.say(tt.say)
			for range tt.answers {
				c.want("x")
			}
			c.wantEnd()
		})
	}
}

// TestBodyThatComesLate: its handler waits for it, for as long as it likes.
func TestBodyThatComesLate(t *testing.T) {
	entered := make(chan struct{}, 3)
	f := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		entered <- struct{}{}
		wait := patience
		if r.URL.Path == "/brief" {
			wait = 10 * time.Millisecond
		}
		if body, ok := transport.ReadBody(w, r, 1000, wait); ok {
			w.Write(body)
		}
	}), func(c *http1.Config) { c.HTTP.ReadHeaderTimeout = 50 * time.Millisecond })
	late, never := f.dial(), f.dial()
	late.say(strings.TrimSuffix(post("/", "body"), "dy"))
	never.say(strings.TrimSuffix(post("/brief", "body"), "dy"))
	receive(t, entered, "the handler")
	receive(t, entered, "the handler")
	late.say("dy")
	late.want("body")
	if resp, _, err := never.answer(); err != nil || resp.StatusCode != http.StatusRequestTimeout {
		t.Errorf("got %v %v, want status 408", resp, err)
	}
	never.wantEnd()
}

func TestHandlersThatPanic(t *testing.T) {
	f := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/panic":
			panic("out of order")
		case "/abort":
			panic(http.ErrAbortHandler)
		}
		echo(w, r)
	}), nil)
	other := f.dial()
	for _, path := range []string{"/abort", "/panic"} {
		if text := f.log.String(); text != "" {
			t.Errorf("logged %s", text)
		}
		c := f.dial()
		c.say(post(path, ""))
		c.wantEnd()
	}
	if text := f.log.String(); !strings.Contains(text, "out of order") || !strings.Contains(text, "/panic") || !strings.Contains(text, "server_test.go") {
		t.Errorf("logged %s", text)
	}
	other.say(post("/", "alive"))
	other.want("alive")
}

func TestShutdown(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	f := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			entered <- struct{}{}
			<-leave
		}
		echo(w, r)
	}), nil)
	idle, busy, fresh := f.dial(), f.dial(), f.dial()
	idle.say(post("/", "a"))
	idle.want("a")
	busy.say(post("/slow", "b"))
	receive(t, entered, "the handler")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.server.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("while a handler is at work: got %v, want %v", err, context.Canceled)
	}
	idle.wantEnd()
	fresh.wantEnd()
	if err := receive(t, f.served, "Serve's return"); !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("Serve: got %v, want %v", err, http.ErrServerClosed)
	}
	if nc, err := net.Dial("tcp", f.addr); err == nil {
		nc.Close()
		t.Error("the port is still open")
	}

	done := make(chan error, 1)
	go func() { done <- f.server.Shutdown(t.Context()) }()
	close(leave)
	if resp := busy.want("b"); !resp.Close {
		t.Error("the answer does not say that it is the last")
	}
	busy.wantEnd()
	if err := receive(t, done, "Shutdown's return"); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	l := listen(t)
	defer l.Close()
	if err := f.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("Serve again: got %v, want %v", err, http.ErrServerClosed)
	}
}

// TestShutdownWhileAnAnswerIsWritten: the connection ends with the answer,
// though that did not say so.
func TestShutdownWhileAnAnswerIsWritten(t *testing.T) {
	large := strings.Repeat("x", 8<<20)
	f := serveOn(t, smallBuffers{listen(t)}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, large)
	}), nil)
	c := f.dial()
	c.say(post("/", ""))
	if _, err := c.r.Peek(1); err != nil { // it is being written
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.server.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	c.want(large)
	c.wantEnd()
	f.shutdown(t)
}

func TestCloseWaitsForHandlers(t *testing.T) {
	entered, leave, left := make(chan struct{}), make(chan struct{}), make(chan struct{})
	f := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
		<-leave
		close(left)
	}), nil)
	idle, part, busy := f.dial(), f.dial(), f.dial()
	part.say("POST / HT")
	busy.say(post("/", ""))
	receive(t, entered, "the handler")
	closed := make(chan struct{})
	go func() { f.server.Close(); close(closed) }()
	for _, c := range []*client{idle, part, busy} {
		c.wantEnd()
	}
	select {
	case <-closed:
		t.Error("Close did not wait for the handler")
	default:
	}
	close(leave)
	receive(t, closed, "Close's return")
	receive(t, left, "the handler's return")
	f.server.Close()
}

// A failing listener fails so many times with err.
type failing struct {
	net.Listener
	mu    sync.Mutex
	times int
	err   error
}

func (l *failing) Accept() (net.Conn, error) {
	l.mu.Lock()
	fails := l.times > 0
	l.times--
	l.mu.Unlock()
	if fails {
		return nil, l.err
	}
	return l.Listener.Accept()
}

func TestAcceptErrorsThatPass(t *testing.T) {
	l := &failing{Listener: listen(t), times: 3, err: &net.OpError{Op: "accept", Net: "tcp", Err: syscall.EMFILE}}
	f := serveOn(t, l, http.HandlerFunc(echo), nil)
	c := f.dial()
	c.say(post("/", "in"))
	c.want("in")
	if got := strings.Count(f.log.String(), "too many open files"); got != 3 {
		t.Errorf("got %d warnings, want 3: %s", got, f.log)
	}
}

func TestAcceptErrorsThatStay(t *testing.T) {
	broken := errors.New("broken")
	l := &failing{Listener: listen(t), times: 1, err: broken}
	f := serveOn(t, l, http.HandlerFunc(echo), nil)
	if err := receive(t, f.served, "Serve's return"); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
	l.Close()
}

// TestWithoutPoller: net/http serves all.
func TestWithoutPoller(t *testing.T) {
	f := serve(t, http.HandlerFunc(echo), func(c *http1.Config) { c.Poller = netpoll.None() })
	c := f.dial()
	c.say(post("/", "a") + post("/", "b"))
	c.want("a")
	c.want("b")
	f.http.Close()
	if err := receive(t, f.served, "Serve's return"); !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("got %v, want %v", err, http.ErrServerClosed)
	}
}

// TestHandedOverAfterTheEnd: who is handed to a net/http.Server that has
// closed is closed, and keeps nobody waiting.
func TestHandedOverAfterTheEnd(t *testing.T) {
	f := serve(t, http.HandlerFunc(echo), nil)
	c := f.dial()
	c.say(post("/", "a"))
	c.want("a")
	f.http.Close()
	c.say(get("/"))
	c.wantEnd()
	f.shutdown(t)
}

func TestHijack(t *testing.T) {
	f := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		nc, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Errorf("hijack: %v", err)
			return
		}
		if _, _, err := http.NewResponseController(w).Hijack(); err == nil {
			t.Error("hijacked twice")
		}
		go func() { // the handler returns, and its connection goes on
			defer nc.Close()
			line, err := rw.ReadString('\n')
			if err != nil {
				t.Errorf("read: %v", err)
			}
			fmt.Fprintf(nc, "%s of %s", line, r.Header.Get("Upgrade"))
		}()
	}), nil)
	for _, behind := range []string{"", "a", "all of it\n"} {
		c := f.dial()
		line := "all of it\n"
		c.say("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + line[:len(behind)])
		c.say(line[len(behind):])
		if got, err := io.ReadAll(c.r); err != nil || string(got) != line+" of websocket" {
			t.Errorf("with %d bytes behind the request: got %q %v", len(behind), got, err)
		}
	}
	f.shutdown(t) // the Server knows of them no more
}
