package http1

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/commchannel/gateway/transport"
)

var (
	_ transport.Holder = (*response)(nil)
	_ http.Hijacker    = (*response)(nil)
)

// A response collects what a handler answers.
type response struct {
	conn   *conn
	known  *known      // of a request that repeats, if nothing was added to its header; or else nil
	base   http.Header // what header has before it was asked for
	header http.Header
	lines  *lines // in place of header, until that is asked for
	status int
	body   []byte
	shared *transport.Shared // in place of body, until something is added to that
	out    bytes.Buffer      // head and body
	close  bool              // the connection ends with the answer
	held   transport.Held
	atMost time.Duration
}

// mostKept is how large a buffer may be that is used again, in bytes.
const mostKept = 64 << 10

// newResponse makes a response to r, or, where r is nil, to what was held. It
// wants free.
func (c *conn) newResponse(r *http.Request) *response {
	w := c.server.responses.Get().(*response)
	w.conn = c
	w.close = r != nil && r.Close
	return w
}

// free lets w be used again.
func (w *response) free() {
	s := w.conn.server
	if cap(w.body) > mostKept || w.out.Cap() > mostKept {
		w.body, w.out = nil, bytes.Buffer{}
	}
	clear(w.header)
	w.out.Reset()
	w.conn, w.known, w.base, w.lines, w.status, w.body, w.shared, w.held = nil, nil, nil, nil, 0, w.body[:0], nil, nil
	s.responses.Put(w)
}

func (w *response) Header() http.Header {
	maps.Copy(w.header, w.base)
	if w.lines != nil {
		transport.SetAnswerHeader(w.header, w.lines.contentType)
	}
	w.known, w.base, w.lines = nil, nil, nil
	return w.header
}

func (w *response) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *response) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.shared != nil {
		w.body = append(w.body, w.shared.Body...)
		w.shared = nil
	}
	w.body = append(w.body, p...)
	return len(p), nil
}

// FlushError is for http.ResponseController: the answer is written when the
// handler returns.
func (*response) FlushError() error { return nil }

// SetReadDeadline is for http.ResponseController: all has been read.
func (*response) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline is for http.ResponseController: Config.WriteTimeout holds.
func (*response) SetWriteDeadline(time.Time) error { return nil }

// bytes is the whole answer. It is not to be changed.
func (w *response) bytes(closing bool) []byte {
	w.WriteHeader(http.StatusOK)
	if w.shared == nil || w.lines == nil || closing || w.status != http.StatusOK {
		return w.make(closing)
	}
	date := w.conn.server.date.Load()
	before, ok := w.shared.Made.Load().(*made)
	if ok && before.date == date && bytes.Equal(before.lines, w.lines.text) {
		return before.answer
	}
	answer := w.make(false)
	if !ok || before.date != date {
		answer = bytes.Clone(answer)
		w.shared.Made.Store(&made{date, w.lines.text, answer})
	}
	return answer
}

// A made is a whole answer, and what it has besides the body.
type made struct {
	date   *string
	lines  []byte
	answer []byte
}

// make makes the whole answer, in w's own memory.
func (w *response) make(closing bool) []byte {
	body := w.body
	if w.shared != nil {
		body = w.shared.Body
	}
	out := &w.out
	out.WriteString("HTTP/1.1 ")
	out.WriteString(strconv.Itoa(w.status))
	out.WriteByte(' ')
	out.WriteString(http.StatusText(w.status))
	out.WriteString("\r\nDate: ")
	out.WriteString(*w.conn.server.date.Load())
	if w.status == http.StatusNoContent || w.status == http.StatusNotModified {
		body = nil
	} else {
		out.WriteString("\r\nContent-Length: ")
		out.WriteString(strconv.Itoa(len(body)))
	}
	out.WriteString("\r\n")
	if w.lines != nil && !closing {
		out.Write(w.lines.text)
	} else {
		_ = w.written(closing).Write(out) // to memory
	}
	out.WriteString("\r\n")
	out.Write(body)
	return out.Bytes()
}

// Repeat is transport.Holder's.
func (w *response) Repeat(h http.Handler) {
	k := w.conn.known
	if k.request.Method != http.MethodPost {
		return
	}
	if k.repeat == nil {
		k.header = w.header.Clone()
		w.known = k
	}
	k.repeat = h
	k.trier, _ = h.(transport.Trier)
}

// lines are a header as it is written, for answers of one content type.
type lines struct {
	contentType string
	text        []byte
}

// Answer is transport.Holder's.
func (w *response) Answer(contentType string, body []byte) {
	w.answers(contentType)
	_, _ = w.Write(body) // to memory
}

// Share is transport.Holder's.
func (w *response) Share(s *transport.Shared) {
	w.answers(s.ContentType)
	if len(w.body) > 0 {
		_, _ = w.Write(s.Body) // as above
		return
	}
	w.shared = s
}

// answers sets the header of an answer.
func (w *response) answers(contentType string) {
	if k := w.known; k == nil {
		transport.SetAnswerHeader(w.Header(), contentType)
	} else {
		if k.lines.contentType != contentType {
			h := k.header.Clone()
			transport.SetAnswerHeader(h, contentType)
			var text bytes.Buffer
			_ = h.Write(&text) // to memory
			k.lines = lines{contentType, text.Bytes()}
		}
		w.lines = &k.lines
	}
}

// written is the header as it is written, but for what bytes adds to it.
func (w *response) written(closing bool) http.Header {
	h := w.Header()
	delete(h, "Content-Length")
	if closing {
		h.Set("Connection", "close")
	}
	return h
}

// Waker is transport.Holder's.
func (w *response) Waker() func() {
	c := w.conn
	if c.waker == nil {
		c.waker = c.wake
	}
	return c.waker
}

// Hold is transport.Holder's.
func (w *response) Hold(h transport.Held, atMost time.Duration) { w.held, w.atMost = h, atMost }

// Hijack is http.Hijacker's. The reader holds what came behind the request.
func (w *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c := w.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != serving {
		return nil, nil, errors.New("http1: hijack: the handler has no connection")
	}
	nc, err := c.away()
	if err != nil {
		return nil, nil, fmt.Errorf("http1: hijack: %w", err)
	}
	rest := c.in
	c.state, c.in = ended, nil // the Poller may go on with it under its next owner
	c.server.forget(c)
	r := bufio.NewReaderSize(&prefixed{Conn: nc, ahead: rest}, len(rest))
	if len(rest) > 0 {
		_, _ = r.Peek(len(rest)) // from memory
	}
	return nc, bufio.NewReadWriter(r, bufio.NewWriterSize(nc, 1)), nil
}
