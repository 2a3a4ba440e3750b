package doctor

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/commchannel/gateway/protocol"
)

const (
	maxAnswer = 1 << 20 // bytes of an answer that are read
	maxQuote  = 160     // bytes of foreign words that are shown
)

// An answer is what came of a request.
type answer struct {
	err    error // there is none, or not all of it
	status int
	header http.Header
	body   []byte // uncompressed
	began  time.Time
	took   time.Duration
}

// A request is what is asked of the URL.
type request struct {
	method string
	query  string // further parameters
	body   []byte // JSON
	origin string
	header http.Header // further fields
	within time.Duration
}

// ask never follows a redirect.
func (x *exam) ask(ctx context.Context, q request) (a answer) {
	within := q.within
	if within == 0 {
		within = answerIn
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	a.began = time.Now()
	defer func() { a.took = time.Since(a.began) }()
	r, err := http.NewRequestWithContext(ctx, q.method, x.target(q.query), bytes.NewReader(q.body))
	if err != nil {
		a.err = err
		return a
	}
	r.Header.Set("Accept-Encoding", "gzip") // as browsers do
	if q.body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if q.origin != "" {
		r.Header.Set("Origin", q.origin)
	}
	for name, values := range q.header {
		r.Header[name] = values
	}
	resp, err := x.http.Do(r)
	if err != nil {
		a.err = err
		return a
	}
	defer resp.Body.Close()
	a.status, a.header = resp.StatusCode, resp.Header
	a.body, a.err = readBody(resp)
	return a
}

// target is the URL with further parameters, which go as they are: the
// original script's client escapes nothing either.
func (x *exam) target(query string) string {
	u := *x.url
	if u.RawQuery != "" && query != "" {
		query = "&" + query
	}
	u.RawQuery += query
	return u.String()
}

func readBody(resp *http.Response) ([]byte, error) {
	body := io.Reader(resp.Body)
	if resp.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(body)
		if err != nil {
			return nil, err
		}
		body = unpacked
	}
	return io.ReadAll(io.LimitReader(body, maxAnswer))
}

// exchange posts frames behind a hello. The frames are nil where the answer
// holds none.
func (x *exam) exchange(ctx context.Context, client, origin string, within time.Duration, frames ...protocol.ClientFrame) (answer, []protocol.ServerFrame) {
	hello := protocol.ClientFrame{Op: protocol.OpHello, ClientID: client}
	body := hello.Append([]byte{'['})
	for i := range frames {
		body = frames[i].Append(append(body, ','))
	}
	a := x.ask(ctx, request{method: http.MethodPost, body: append(body, ']'), origin: origin, within: within})
	if a.err != nil || a.status != http.StatusOK {
		return a, nil
	}
	got, err := protocol.DecodeServerBatch(a.body)
	if err != nil {
		return a, nil
	}
	return a, append([]protocol.ServerFrame{}, got...)
}

// refusal is the gateway's own error in an answer, nil where somebody else
// wrote it.
func (a answer) refusal() *protocol.Error {
	var told struct {
		Code    protocol.Code
		Message string
	}
	if a.err == nil && json.Unmarshal(a.body, &told) == nil && told.Code != "" && told.Message != "" {
		return &protocol.Error{Code: told.Code, Message: told.Message}
	}
	return nil
}

// by names who answered, where they say so. A gateway does not.
func (a answer) by() string {
	for _, name := range []string{"Server", "Via"} {
		if who := a.header.Get(name); who != "" {
			return " by " + quote(who)
		}
	}
	return ""
}

// isHTML reports whether the answer is a page for people.
func (a answer) isHTML() bool {
	return strings.HasPrefix(a.header.Get("Content-Type"), "text/html") ||
		bytes.HasPrefix(bytes.ToLower(bytes.TrimSpace(a.body)), []byte("<!doctype html"))
}

func quote(s string) string {
	if len(s) > maxQuote {
		s = strings.ToValidUTF8(s[:maxQuote], "") + "..."
	}
	return s
}

// explain says in plain words why there is no answer.
func explain(err error) string {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the connection was refused: nothing listens there"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), isTimeout(err):
		return "nothing came in time"
	case errors.Is(err, syscall.ECONNRESET):
		return "the connection was reset"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "there is no way to that address from here"
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err // the rest repeats the URL
	}
	return quote(err.Error())
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

// mistaken tells what is there instead of a gateway, or what lies before it.
func (x *exam) mistaken(a answer) finding {
	text, change := x.whatElse(a)
	return finding{Fail, text, change}
}

func (x *exam) whatElse(a answer) (text, change string) {
	if a.err != nil {
		return explain(a.err), "look at what lies between, and at the gateway's log"
	}
	if e := a.refusal(); e != nil {
		return refused(a.status, e)
	}
	what := fmt.Sprintf("HTTP %d%s", a.status, a.by())
	switch s := a.status; {
	case s == http.StatusBadRequest && x.url.Scheme == "http" && bytes.Contains(a.body, []byte("HTTPS")):
		return what + ": this port speaks TLS", "write https:// in the URL"
	case s >= 300 && s < 400:
		return fmt.Sprintf("%s: it sends clients on to %s", what, quote(a.header.Get("Location"))),
			"give clients the URL it sends to; WebSockets and POSTs do not follow"
	case s == http.StatusUnauthorized, s == http.StatusProxyAuthRequired:
		return what + ": something before the gateway asks for a login", "let clients through to the gateway's location without one"
	case s == http.StatusForbidden:
		return what + ": something before the gateway lets this request not in", "look for rules for POST, JSON or this path in the proxy or firewall"
	case s == http.StatusNotFound:
		return what + ": nothing is at " + x.url.Path, "give the URL that clients have, such as one that ends with /channel or /channel.php; in the proxy, point that location at the gateway"
	case s == http.StatusBadGateway, s == http.StatusServiceUnavailable, s == http.StatusGatewayTimeout:
		return what + ": a proxy answers, which does not reach the gateway behind it", "start the gateway, and look whether the proxy has its address (nginx: proxy_pass)"
	case a.isHTML():
		return what + ": an ordinary web page answers, no gateway", "give the URL that clients have; in the proxy, point that location at the gateway"
	}
	return fmt.Sprintf("%s: something else than a gateway answers: %s", what, quote(string(a.body))),
		"give the URL that clients have; in the proxy, point that location at the gateway"
}

// refused explains the gateway's own errors.
func refused(status int, e *protocol.Error) (text, change string) {
	text = fmt.Sprintf("the gateway refuses with HTTP %d, %s: %s", status, e.Code, quote(e.Message))
	switch {
	case status == http.StatusNotFound:
		return text, "give the URL with the gateway's path, which is /channel or /channel.php unless --path says otherwise"
	case status == http.StatusUnsupportedMediaType:
		return text, "the proxy has to pass Content-Type on as it is"
	case e.Code == protocol.CodeUnavailable:
		return text, "the gateway is stopping, or can't reach its store; look at its log, and ask again"
	case e.Code == protocol.CodeForbidden:
		return text, "do as the gateway says, or have the proxy pass Host and Origin on as they are (nginx: proxy_set_header Host $http_host;)"
	}
	return text, "the gateway's log may tell more"
}
