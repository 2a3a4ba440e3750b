package transport

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/commchannel/gateway/protocol"
)

// WriteError answers with e's status in the table and {"code","message"}.
func WriteError(w http.ResponseWriter, e *protocol.Error) {
	status, _ := Answer(e.Code)
	writeStatus(w, status, e)
}

// NotFound answers a path that is no entrance's.
func NotFound(w http.ResponseWriter, _ *http.Request) {
	refuse(w, http.StatusNotFound, "nothing is served here; is the gateway's --path another one?")
}

// MethodNotAllowed answers a request with another method than those allowed.
func MethodNotAllowed(w http.ResponseWriter, allowed string) {
	w.Header().Set("Allow", allowed)
	refuse(w, http.StatusMethodNotAllowed, "the methods served here are "+allowed)
}

// refuse answers a request that is none of the protocol's with a status of
// its own.
func refuse(w http.ResponseWriter, status int, message string) {
	writeStatus(w, status, &protocol.Error{Code: protocol.CodeBadFrame, Message: message})
}

func writeStatus(w http.ResponseWriter, status int, e *protocol.Error) {
	body := append([]byte(`{"code":`), protocol.AppendString(nil, string(e.Code))...)
	body = protocol.AppendString(append(body, `,"message":`...), e.Message)
	body = append(body, '}', '\n')
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	SetAnswerHeader(w.Header(), "application/json; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	w.Write(body) // the client went away: nobody is left to tell
}

// WriteAnswer writes a whole answer with status 200 within timeout, and
// returns once the operating system has all of it, or, with a Holder, at once.
// Proxies are asked neither to keep nor to delay nor to change it.
func WriteAnswer(w http.ResponseWriter, contentType string, body []byte, timeout time.Duration) error {
	if holder, ok := w.(Holder); ok {
		holder.Answer(contentType, body) // and its server does the rest
		return nil
	}
	SetAnswerHeader(w.Header(), contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	rc := http.NewResponseController(w)
	if err := ignoreUnsupported(rc.SetWriteDeadline(time.Now().Add(timeout))); err != nil {
		return fmt.Errorf("transport: write deadline: %w", err)
	}
	if _, err := w.Write(body); err != nil {
		return fmt.Errorf("transport: write answer: %w", err)
	}
	if err := ignoreUnsupported(rc.Flush()); err != nil {
		return fmt.Errorf("transport: flush answer: %w", err)
	}
	return nil // net/http takes the deadline off for the next request
}

// WriteShared is WriteAnswer for many requests.
func WriteShared(w http.ResponseWriter, s *Shared, timeout time.Duration) error {
	if holder, ok := w.(Holder); ok {
		holder.Share(s)
		return nil
	}
	return WriteAnswer(w, s.ContentType, s.Body, timeout)
}

// SetAnswerHeader sets what all answers of the entrances have, but for their
// length.
func SetAnswerHeader(h http.Header, contentType string) {
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("X-Accel-Buffering", "no")
	h.Set("X-Content-Type-Options", "nosniff")
}

// A ReadAhead is a request's body that has come already.
type ReadAhead interface {
	io.ReadCloser
	// Bytes is all of it. It may be used until the handler returns.
	Bytes() []byte
}

// ReadBody reads r's body of at most most bytes within timeout. If it can't,
// it answers (408, 413, 415) and returns false. The body may be used until the
// handler returns.
func ReadBody(w http.ResponseWriter, r *http.Request, most int, timeout time.Duration) ([]byte, bool) {
	if enc := r.Header.Get("Content-Encoding"); enc != "" && enc != "identity" {
		refuse(w, http.StatusUnsupportedMediaType, "the body may not be compressed")
		return nil, false
	}
	if r.ContentLength > int64(most) {
		w.Header().Set("Connection", "close") // its body won't be read
		writeStatus(w, http.StatusRequestEntityTooLarge, bodyTooLarge(most))
		return nil, false
	}
	if body, ok := r.Body.(ReadAhead); ok {
		return body.Bytes(), true
	}
	rc := http.NewResponseController(w)
	if err := ignoreUnsupported(rc.SetReadDeadline(time.Now().Add(timeout))); err != nil {
		return nil, false // no connection any more
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(most)))
	if err != nil {
		refuseBody(w, err, most)
		return nil, false
	}
	// Or it would end a request without a body while its answer is held:
	// net/http is reading on by now.
	if err := ignoreUnsupported(rc.SetReadDeadline(time.Time{})); err != nil {
		return nil, false
	}
	return body, true
}

func refuseBody(w http.ResponseWriter, err error, most int) {
	w.Header().Set("Connection", "close")
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		writeStatus(w, http.StatusRequestEntityTooLarge, bodyTooLarge(most))
		return
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		refuse(w, http.StatusRequestTimeout, "the body did not come in time")
		return
	}
	refuse(w, http.StatusBadRequest, "the body could not be read to its end")
}

func bodyTooLarge(most int) *protocol.Error {
	return &protocol.Error{
		Code:    protocol.CodeTooLarge,
		Message: fmt.Sprintf("the body has more than %d bytes", most),
	}
}

// ignoreUnsupported lets handlers run on ResponseWriters without deadlines,
// such as a recorder's.
func ignoreUnsupported(err error) error {
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}

// IsJSON reports whether r says that its body is JSON.
func IsJSON(r *http.Request) bool {
	const json = "application/json"
	given := r.Header.Get("Content-Type")
	if given == json {
		return true
	}
	t, _, err := mime.ParseMediaType(given)
	return err == nil && t == json
}

// QueryValue is the last value of key in r's query, and whether there is one.
// The seed's client puts its ids there as they are, so this reads them as PHP
// does where that loses nothing: "%" without two hexadecimal digits, and ";",
// stand for themselves. "+" does, too: PHP would make it a space, which no
// name may hold.
func QueryValue(r *http.Request, key string) (value string, ok bool) {
	for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
		k, v, _ := strings.Cut(pair, "=")
		if unescape(k) == key {
			value, ok = unescape(v), true
		}
	}
	return value, ok
}

func unescape(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b = append(b, byte(n))
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}
