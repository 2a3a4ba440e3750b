package http1_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A twin is two servers with the same handler: a Server, and net/http alone.
type twin struct{ ours, plain string }

func newTwin(t testing.TB) twin {
	t.Helper()
	h := http.HandlerFunc(tellAll)
	srv := plainServer(h)
	srv.ErrorLog = log.New(io.Discard, "", 0)
	l := listen(t)
	go srv.Serve(l)
	t.Cleanup(func() { srv.Close() })
	f := serve(t, h, nil)
	return twin{f.addr, l.Addr().String()}
}

// tellAll answers with what the request is, by its path in one of several ways.
func tellAll(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	h := w.Header()
	h.Set("Content-Type", "text/plain")
	if err != nil {
		io.WriteString(w, err.Error())
		return
	}
	switch r.URL.Path {
	case "/close":
		h.Set("Connection", "close")
	case "/close-list":
		h.Set("Connection", "Keep-Alive, Close")
	case "/upgrade":
		h.Set("Connection", "Upgrade")
		w.WriteHeader(http.StatusUpgradeRequired)
	case "/abort":
		panic(http.ErrAbortHandler)
	case "/empty":
		return
	case "/204":
		w.WriteHeader(http.StatusNoContent)
		return
	case "/304":
		h.Del("Content-Type")
		w.WriteHeader(http.StatusNotModified)
		return
	case "/204-body":
		w.WriteHeader(http.StatusNoContent)
	case "/404":
		w.WriteHeader(http.StatusNotFound)
	case "/299":
		w.WriteHeader(299)
	case "/twice":
		w.WriteHeader(http.StatusAccepted)
		w.WriteHeader(http.StatusTeapot)
	case "/length":
		h.Set("Content-Length", "5")
		io.WriteString(w, "12345")
		return
	}
	names := make([]string, 0, len(r.Header))
	for name := range r.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	fmt.Fprintf(w, "%s %s %s host=%q length=%d te=%v close=%v uri=%q path=%q query=%q body=%q\n",
		r.Method, r.Proto, r.Form, r.Host, r.ContentLength, r.TransferEncoding, r.Close, r.RequestURI, r.URL.Path, r.URL.RawQuery, body)
	for _, name := range names {
		fmt.Fprintf(w, "%s: %q\n", name, r.Header[name])
	}
}

// An outcome is what came of one request.
type outcome struct {
	status int
	head   string // what of the head matters
	body   string
}

func (o outcome) String() string { return fmt.Sprintf("%d %s %q", o.status, o.head, o.body) }

// outcomes says input in pieces that end at the cuts, and then no more, and
// returns all answers.
func outcomes(t testing.TB, addr, input string, cuts ...int) (all []outcome) {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(patience))
	go func() {
		from := 0
		for _, to := range append(cuts, len(input)) {
			if to = min(to, len(input)); to > from {
				if _, err := io.WriteString(nc, input[from:to]); err != nil {
					break // it has ended already
				}
				from = to
			}
		}
		_ = nc.(*net.TCPConn).CloseWrite() // it may have ended already
	}()
	r := bufio.NewReader(nc)
	var asked *http.Request
	if strings.HasPrefix(input, http.MethodHead) {
		asked = &http.Request{Method: http.MethodHead}
	}
	for {
		resp, err := http.ReadResponse(r, asked)
		if err != nil {
			if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
				t.Fatalf("%q: the connection does not end", input)
			}
			return all
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil && (!errors.Is(err, syscall.ECONNRESET) || resp.ContentLength >= 0) { // else the end, for who writes on
			t.Fatalf("%q: answer %d: %v", input, len(all), err)
		}
		length := resp.ContentLength
		if length > 2000 && len(body) > 0 {
			length = -1 // in chunks, as net/http does it from some size on
		}
		head := fmt.Sprintf("%s length=%d close=%v type=%q connection=%q",
			resp.Proto, length, resp.Close, resp.Header["Content-Type"], resp.Header["Connection"])
		if resp.Header.Get("Date") == "" && resp.StatusCode >= 200 && resp.StatusCode != http.StatusBadRequest {
			head += " without Date"
		}
		all = append(all, outcome{resp.StatusCode, head, string(body)})
	}
}

// compare wants both servers to do the same, but for the part of a request
// that a client may end with: to that, each has an answer where the other may
// have none.
func (w twin) compare(t testing.TB, input string, cuts ...int) []outcome {
	t.Helper()
	want := outcomes(t, w.plain, input, cuts...)
	got := outcomes(t, w.ours, input, cuts...)
	if !slices.Equal(got, want) && !slices.Equal(whole(got), whole(want)) {
		t.Fatalf("%.500q in pieces %v:\n got %.1000v\nwant %.1000v", input, cuts, got, want)
	}
	return got
}

// whole is all without an answer to a part of a request at the end.
func whole(all []outcome) []outcome {
	if n := len(all) - 1; n >= 0 && (strings.HasPrefix(all[n].body, "400 Bad Request") || strings.Contains(all[n].body, "unexpected EOF")) {
		return all[:n]
	}
	return all
}

// requests are streams of requests, and how many answers there are.
var requests = []struct {
	name, text string
	answers    int
}{
	{"POST", post("/a?b=c", "body"), 1},
	{"POST without body", post("/", ""), 1},
	{"three at once", post("/1", "one") + post("/2", "two") + post("/3", "three"), 3},
	{"GET", get("/"), 1},
	{"GET and POST", get("/") + post("/", "x") + get("/"), 3},
	{"POST and GET", post("/", "x") + get("/") + post("/", "x"), 3},
	{"handshake", head("GET / HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket") + post("/", "x"), 2},
	{"handshake with body", head("GET / HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket", "Content-Length: 3") + "abc" + post("/", "x"), 2},
	{"handshake of something else", head("GET / HTTP/1.1", "Connection: Upgrade", "Upgrade: h2c") + post("/", "x"), 2},
	{"handshake with Connection: close", head("GET / HTTP/1.1", "Connection: Upgrade, close", "Upgrade: websocket") + post("/", "x"), 1},
	{"refused handshake", head("GET /upgrade HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket") + post("/", "x"), 2},
	{"HEAD", head("HEAD / HTTP/1.1"), 1},
	{"OPTIONS", head("OPTIONS / HTTP/1.1") + post("/", "x"), 2},
	{"OPTIONS *", head("OPTIONS * HTTP/1.1") + post("/", "x"), 2},
	{"PUT", head("PUT / HTTP/1.1", "Content-Length: 1") + "x" + post("/", "x"), 2},
	{"lower-case method", head("post / HTTP/1.1", "Content-Length: 1") + "x" + post("/", "x"), 2},
	{"method that begins so", head("POSTER / HTTP/1.1", "Content-Length: 1") + "x", 1},
	{"HTTP/1.0", head("POST / HTTP/1.0", "Content-Length: 1") + "x" + post("/", "x"), 1},
	{"HTTP/1.0 keep-alive", head("POST / HTTP/1.0", "Connection: keep-alive", "Content-Length: 1") + "x" + post("/", "x"), 2},
	{"HTTP/1.2", head("POST / HTTP/1.2", "Content-Length: 1") + "x", 1},
	{"HTTP/2.0", head("POST / HTTP/2.0", "Content-Length: 1") + "x", 1},
	{"preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 1},
	{"no version", "POST /\r\n\r\n", 1},
	{"two spaces", head("POST  / HTTP/1.1", "Content-Length: 1") + "x", 1},
	{"Connection: close", head("POST / HTTP/1.1", "Connection: close", "Content-Length: 1") + "x" + post("/", "x"), 1},
	{"Connection: close in a list", head("POST / HTTP/1.1", "Connection: foo, CLOSE", "Content-Length: 1") + "x" + post("/", "x"), 1},
	{"Connection: close in a broken list", head("POST / HTTP/1.1", "Connection: foo CLOSE", "Content-Length: 1") + "x" + post("/", "x"), 1},
	{"Connection: keep-alive", head("POST / HTTP/1.1", "Connection: keep-alive", "Content-Length: 1") + "x" + post("/", "x"), 2},
	{"chunked", head("POST / HTTP/1.1", "Transfer-Encoding: chunked") + "3\r\nabc\r\n0\r\n\r\n" + post("/", "x"), 2},
	{"chunked and length", head("POST / HTTP/1.1", "Transfer-Encoding: chunked", "Content-Length: 3") + "3\r\nabc\r\n0\r\n\r\n" + post("/", "x"), 2},
	{"length and chunked", head("POST / HTTP/1.1", "Content-Length: 3", "Transfer-Encoding: chunked") + "3\r\nabc\r\n0\r\n\r\n" + post("/", "x"), 2},
	{"other encoding", head("POST / HTTP/1.1", "Transfer-Encoding: gzip", "Content-Length: 3") + "abc", 1},
	{"encoding with a space before the colon", head("POST / HTTP/1.1", "Transfer-Encoding : chunked", "Content-Length: 3") + "abc", 1},
	{"encoding with a tab before the colon", head("POST / HTTP/1.1", "Transfer-Encoding\t: chunked", "Content-Length: 3") + "abc", 1},
	{"length with a space before the colon", head("POST / HTTP/1.1", "Content-Length : 5", "Content-Length: 3") + "abc", 1},
	{"Expect: 100-continue", head("POST / HTTP/1.1", "Expect: 100-continue", "Content-Length: 1") + "x" + post("/", "x"), 2},
	{"Expect something else", head("POST / HTTP/1.1", "Expect: the-spanish-inquisition", "Content-Length: 1") + "x", 1},
	{"no length", head("POST / HTTP/1.1") + post("/", "x"), 2},
	{"length twice", head("POST / HTTP/1.1", "Content-Length: 1", "Content-Length: 1") + "x" + post("/", "x"), 2},
	{"two lengths", head("POST / HTTP/1.1", "Content-Length: 1", "Content-Length: 2") + "xy", 1},
	{"list of lengths", head("POST / HTTP/1.1", "Content-Length: 1, 1") + "x", 1},
	{"negative length", head("POST / HTTP/1.1", "Content-Length: -1"), 1},
	{"length with sign", head("POST / HTTP/1.1", "Content-Length: +1") + "x", 1},
	{"empty length", head("POST / HTTP/1.1", "Content-Length:") + "x", 1},
	{"hexadecimal length", head("POST / HTTP/1.1", "Content-Length: 0x1") + "x", 1},
	{"huge length", head("POST / HTTP/1.1", "Content-Length: 99999999999999999999"), 1},
	{"long body", post("/404", strings.Repeat("b", 64<<10+1)) + post("/", "x"), 2},
	{"two hosts", "POST / HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 1\r\n\r\nx", 1},
	{"no host", "POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\nx", 1},
	{"empty host", "POST / HTTP/1.1\r\nHost:\r\nContent-Length: 1\r\n\r\nx" + post("/", "x"), 2},
	{"host with a space", "POST / HTTP/1.1\r\nHost: a b\r\nContent-Length: 1\r\n\r\nx", 1},
	{"host with a slash", "POST / HTTP/1.1\r\nHost: a/b\r\nContent-Length: 1\r\n\r\nx", 1},
	{"host with a quote", "POST / HTTP/1.1\r\nHost: \"a\"\r\nContent-Length: 1\r\n\r\nx", 1},
	{"host beyond ASCII", "POST / HTTP/1.1\r\nHost: ü\r\nContent-Length: 1\r\n\r\nx", 1},
	{"host with a port", "POST / HTTP/1.1\r\nHost: a.example:8080\r\nContent-Length: 1\r\n\r\nx" + post("/", "x"), 2},
	{"host that is an address", "POST / HTTP/1.1\r\nHost: [::1%25lo]:8080\r\nContent-Length: 1\r\n\r\nx" + post("/", "x"), 2},
	{"host after a space", "POST / HTTP/1.1\r\n Host: a\r\nContent-Length: 1\r\n\r\nx", 1},
	{"space before the host's colon", "POST / HTTP/1.1\r\nHost : a\r\nContent-Length: 1\r\n\r\nx", 1},
	{"two hosts, one with a space", "POST / HTTP/1.1\r\nHost : a\r\nHost: b\r\nContent-Length: 1\r\n\r\nx", 1},
	{"lower-case names", "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\nx-other: y\r\n\r\nx" + post("/", "x"), 2},
	{"shouted names", "POST / HTTP/1.1\r\nHOST: a\r\nCONTENT-LENGTH: 1\r\n\r\nx" + post("/", "x"), 2},
	{"folded line", head("POST / HTTP/1.1", "X-Long: a", " b", "Content-Length: 1") + "x" + post("/", "x"), 2},
	{"folded with a tab", head("POST / HTTP/1.1", "X-Long: a", "\tb", "Content-Length: 1") + "x" + post("/", "x"), 2},
	{"LF alone", "POST / HTTP/1.1\nHost: a\nContent-Length: 1\n\nx" + post("/", "x"), 2},
	{"LF alone in the middle", "POST / HTTP/1.1\r\nHost: a\nContent-Length: 1\r\n\r\nx" + post("/", "x"), 2},
	{"LF alone at the end", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\nx" + post("/", "x"), 2},
	{"LF twice in a head", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\n" + post("/", "x"), 2},
	{"CR alone", "POST / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\nContent-Length: 1\r\n\r\nx", 1},
	{"CR twice", "POST / HTTP/1.1\r\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", 1},
	{"NUL in a value", head("POST / HTTP/1.1", "X: a\x00b", "Content-Length: 1") + "x", 1},
	{"bell in a value", head("POST / HTTP/1.1", "X: a\ab", "Content-Length: 1") + "x", 1},
	{"DEL in a value", head("POST / HTTP/1.1", "X: a\x7fb", "Content-Length: 1") + "x", 1},
	{"tab in a value", head("POST / HTTP/1.1", "X: a\tb", "Content-Length: 1") + "x" + post("/", "x"), 2},
	{"spaces around a value", head("POST / HTTP/1.1", "X: \t a  ", "Content-Length:   1  ") + "x" + post("/", "x"), 2},
	{"value beyond ASCII", head("POST / HTTP/1.1", "X: ü\xff", "Content-Length: 1") + "x" + post("/", "x"), 2},
	{"name beyond ASCII", head("POST / HTTP/1.1", "Xü: a", "Content-Length: 1") + "x", 1},
	{"name with a space", head("POST / HTTP/1.1", "X Y: a", "Content-Length: 1") + "x", 1},
	{"name with a slash", head("POST / HTTP/1.1", "X/Y: a", "Content-Length: 1") + "x", 1},
	{"name with all that may be", head("POST / HTTP/1.1", "!#$%&'*+-.^_`|~09azAZ: a", "Content-Length: 1") + "x" + post("/", "x"), 2},
	{"no name", head("POST / HTTP/1.1", ": a", "Content-Length: 1") + "x", 1},
	{"no colon", head("POST / HTTP/1.1", "X", "Content-Length: 1") + "x", 1},
	{"absolute URI", head("POST http://other.example/path HTTP/1.1", "Content-Length: 1") + "x" + post("/", "x"), 2},
	{"absolute URI of GET", head("GET http://other.example/path HTTP/1.1") + post("/", "x"), 2},
	{"path that looks like a host", head("POST //other.example/path HTTP/1.1", "Content-Length: 1") + "x" + post("/", "x"), 2},
	{"path with escapes", head("POST /a%2Fb%20c?d=%zz&e;f#g HTTP/1.1", "Content-Length: 1") + "x" + post("/", "x"), 2},
	{"path with a broken escape", head("POST /a%zz HTTP/1.1", "Content-Length: 1") + "x", 1},
	{"path with a control character", head("POST /a\x01 HTTP/1.1", "Content-Length: 1") + "x", 1},
	{"path with a tab", head("POST /a\tb HTTP/1.1", "Content-Length: 1") + "x", 1},
	{"path beyond ASCII", head("POST /ü\xff HTTP/1.1", "Content-Length: 1") + "x" + post("/", "x"), 2},
	{"Pragma", head("POST / HTTP/1.1", "Pragma: no-cache", "Content-Length: 1") + "x" + post("/", "x"), 2},
	{"Trailer", head("POST / HTTP/1.1", "Trailer: X", "Content-Length: 1") + "x" + post("/", "x"), 2},
	{"Upgrade on POST", head("POST / HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket", "Content-Length: 1") + "x" + post("/", "x"), 2},
	{"same name twice", head("POST / HTTP/1.1", "X: a", "x: b", "Content-Length: 1") + "x" + post("/", "x"), 2},
	{"same head, other body", post("/", "ab") + post("/", "cd") + post("/", "ef"), 3},
	{"long head", head("POST / HTTP/1.1", "X: "+strings.Repeat("x", 12<<10), "Content-Length: 1") + "x" + post("/", "x"), 2},
	{"head of about the limit", head("POST /404 HTTP/1.1", "X: "+strings.Repeat("x", 17<<10), "Content-Length: 1") + "x" + post("/", "x"), 2},
	{"head beyond the limit", head("POST / HTTP/1.1", "X: "+strings.Repeat("x", 22<<10), "Content-Length: 1") + "x", 1},
	{"head far beyond the limit", head("POST / HTTP/1.1", "X: "+strings.Repeat("x", 60<<10), "Content-Length: 1") + "x", 1},
	{"second head beyond the limit", post("/", "x") + head("POST / HTTP/1.1", "X: "+strings.Repeat("x", 60<<10), "Content-Length: 1") + "x", 2},
	{"empty line before", "\r\n" + post("/", "x"), 1},
	{"empty line between", post("/", "x") + "\r\n" + post("/", "x"), 2},
	{"two empty lines between", post("/", "x") + "\r\n\r\n" + post("/", "x"), 2},
	{"three empty lines between", post("/", "x") + "\r\n\r\n\r\n" + post("/", "x"), 2},
	{"line feeds between", post("/", "x") + "\n\n\n\n" + get("/"), 2},
	{"empty line at the end", post("/", "x") + "\r\n", 1},
	{"empty line after GET", get("/") + "\r\n" + get("/"), 2},
	{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 1},
	{"noise", "\x00\xff\x00\xff", 1},
	{"nothing", "", 0},
	{"part of a method", "PO", 0},
	{"part of a head", "POST / HTTP/1.1\r\nHost: a\r\nCont", 0},
	{"part of a body", post("/", "x") + strings.TrimSuffix(post("/", "body"), "y"), 1},
	{"answer says close", post("/close", "x") + post("/", "x"), 1},
	{"answer says close in a list", post("/close-list", "x") + post("/", "x"), 2},
	{"handler gives up", post("/", "x") + post("/abort", "x") + post("/", "x"), 1},
	{"empty answer", post("/empty", "x") + post("/", "x"), 2},
	{"204", post("/204", "x") + post("/", "x"), 2},
	{"204 with a body", post("/204-body", "x") + post("/", "x"), 2},
	{"304", post("/304", "x") + post("/", "x"), 2},
	{"404", post("/404", "x") + post("/", "x"), 2},
	{"status without a name", post("/299", "x") + post("/", "x"), 2},
	{"two statuses", post("/twice", "x") + post("/", "x"), 2},
	{"length by the handler", post("/length", "x") + post("/", "x"), 2},
}

// head is a request's head with a Host.
func head(line string, headers ...string) string {
	return strings.Join(append([]string{line, "Host: localhost"}, headers...), "\r\n") + "\r\n\r\n"
}

// TestAsNetHTTP: whatever is said, and in whatever pieces, the answers are
// those of net/http alone.
func TestAsNetHTTP(t *testing.T) {
	w := newTwin(t)
	for _, tt := range requests {
		t.Run(tt.name, func(t *testing.T) {
			got := w.compare(t, tt.text)
			final := 0
			for _, o := range got {
				if o.status >= 200 {
					final++
				}
			}
			if final != tt.answers {
				t.Errorf("got %d answers, want %d: %v", final, tt.answers, got)
			}
			n := len(tt.text)
			for _, cut := range []int{1, n / 3, n / 2, n - 2, n - 1, strings.Index(tt.text, "\r\n\r\n") + 2} {
				if cut > 0 {
					w.compare(t, tt.text, cut)
				}
			}
			if n < 1000 {
				cuts := make([]int, n)
				for i := range cuts {
					cuts[i] = i
				}
				w.compare(t, tt.text, cuts...)
			}
		})
	}
}

// FuzzAsNetHTTP: the same of anything.
func FuzzAsNetHTTP(f *testing.F) {
	for _, tt := range requests {
		if len(tt.text) < 4<<10 {
			f.Add(tt.text, uint16(len(tt.text)/2))
		}
	}
	w := newTwin(f)
	f.Fuzz(func(t *testing.T, text string, cut uint16) {
		if strings.Contains(strings.ToUpper(text), "HEAD") { // its answer is read in another way
			t.Skip()
		}
		w.compare(t, text, int(cut))
	})
}
