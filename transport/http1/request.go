package http1

import (
	"bufio"
	"bytes"
	"errors"
	"net/http"
	"strings"

	"github.com/commchannel/gateway/transport"
)

const (
	readSize = 8 << 10 // bytes read at a time
	// mostBody bounds the body of a request that is served here, in bytes.
	mostBody = 64 << 10
)

var (
	errPart  = errors.New("http1: the request has not come to its end")
	errOther = errors.New("http1: a request for net/http")
)

// A known is the head of a request and what was read in it. A client that polls
// says the same each time, but for the body.
type known struct {
	head    []byte
	request *http.Request
	body    body // of the latest

	repeat http.Handler    // what serves the next; nil: Config.HTTP's handler
	trier  transport.Trier // the same, if it is one
	again  bool            // it has come more than once
	header http.Header     // what answers have before repeat is called
	lines  lines           // of such an answer
}

// parse reads the request that p begins with, and tells how long it is. The
// request's body is a piece of p. The errors are errPart and errOther; with
// the latter, what was used is nobody's.
func (c *conn) parse(p []byte) (r *http.Request, used int, err error) {
	if c.known != nil && c.known.request.Method == http.MethodPost {
		used = blank(p)
		p = p[used:]
	}
	if c.known == nil || !bytes.HasPrefix(p, c.known.head) {
		if err := c.learn(p); err != nil {
			return nil, used, err
		}
	}
	end := len(c.known.head)
	length := int(c.known.request.ContentLength)
	if len(p)-end < length {
		return nil, 0, errPart
	}
	return c.known.with(p[end : end+length]), used + end + length, nil
}

// with is the request with a body of its own. It is the same one each time: a
// handler keeps nothing of it.
func (k *known) with(text []byte) *http.Request {
	k.body.all = text
	k.body.Reset(text)
	k.request.Body = &k.body
	k.request.Form, k.request.PostForm, k.request.MultipartForm = nil, nil, nil
	return k.request
}

// blank tells how much of p is what some clients put behind a POST. It is as
// much as net/http lets pass.
func blank(p []byte) int {
	n := 0
	for n < min(len(p), 4) && (p[n] == '\r' || p[n] == '\n') {
		n++
	}
	return n
}

// A body is there before its request is served.
type body struct {
	bytes.Reader
	all []byte
}

var _ transport.ReadAhead = (*body)(nil)

func (b *body) Bytes() []byte { return b.all }
func (b *body) Close() error  { return nil }

// learn reads the head that p begins with. The errors are as parse's.
func (c *conn) learn(p []byte) error {
	if !begins(p, "GET /") && !begins(p, "POST /") {
		return errOther
	}
	end := bytes.Index(p, []byte("\r\n\r\n"))
	if end < 0 {
		if len(p) > c.server.cfg.HTTP.MaxHeaderBytes || bytes.Count(p, []byte("\n")) > bytes.Count(p, []byte("\r\n")) {
			return errOther // or it may have ended in LF alone
		}
		return errPart
	}
	end += len("\r\n\r\n")
	if end > c.server.cfg.HTTP.MaxHeaderBytes || !plain(p[:end]) {
		return errOther
	}
	r, err := c.server.readHead(p[:end])
	if err != nil || !ours(r) {
		return errOther // whose errors are known to clients
	}
	if c.remote == "" {
		c.remote = c.nc.RemoteAddr().String()
	}
	r.RemoteAddr = c.remote
	c.known = &known{head: p[:end], request: r.WithContext(c.server.ctx)}
	if r.Method == http.MethodPost { // others come once
		c.known.head = bytes.Clone(p[:end])
	}
	return nil
}

// A headReader is what net/http reads a head with.
type headReader struct {
	head   bytes.Reader
	buffer *bufio.Reader // of head
}

func newHeadReader() any {
	h := &headReader{}
	h.buffer = bufio.NewReaderSize(&h.head, 1<<10)
	return h
}

// readHead reads a request without its body.
func (s *Server) readHead(p []byte) (*http.Request, error) {
	h := s.heads.Get().(*headReader)
	defer s.heads.Put(h)
	h.head.Reset(p)
	h.buffer.Reset(&h.head)
	return http.ReadRequest(h.buffer)
}

// served lets go of what the latest request came in.
func (c *conn) served() {
	if c.known.request.Method == http.MethodPost {
		c.known.body = body{}
	} else {
		c.known = nil
	}
}

// begins reports whether p begins with prefix, or may so once there is more.
func begins(p []byte, prefix string) bool {
	n := min(len(p), len(prefix))
	return string(p[:n]) == prefix[:n]
}

// plain reports whether a request's head, with the empty line at its end, is
// one that nobody can read in two ways: lines that end in CR and LF, none
// folded, names that are tokens, no control characters, and one Host.
func plain(head []byte) bool {
	hosts := 0
	for first := true; len(head) > 0; first = false {
		i := bytes.IndexByte(head, '\n')
		if i < 1 || head[i-1] != '\r' {
			return false
		}
		line := head[:i-1]
		head = head[i+1:]
		if len(line) == 0 {
			return len(head) == 0 && hosts == 1
		}
		if name, value, _ := bytes.Cut(line, []byte(":")); !first {
			if !consists(name, "!#$%&'*+-.^_`|~") {
				return false
			}
			if strings.EqualFold(string(name), "Host") {
				if hosts++; !consists(bytes.Trim(value, " \t"), "-.:[]_%") {
					return false
				}
			}
		}
		for _, b := range line {
			if b < ' ' && b != '\t' || b == 0x7f {
				return false
			}
		}
	}
	return false
}

// consists reports whether p is letters, digits and others alone, and not
// empty.
func consists(p []byte, others string) bool {
	for _, b := range p {
		letter := 'a' <= b|0x20 && b|0x20 <= 'z'
		if digit := '0' <= b && b <= '9'; !letter && !digit && strings.IndexByte(others, b) < 0 {
			return false
		}
	}
	return len(p) > 0
}

// ours reports whether r is what this package serves.
func ours(r *http.Request) bool {
	h := r.Header
	if r.ProtoMajor != 1 || r.ProtoMinor != 1 || r.Host == "" || len(r.TransferEncoding) > 0 || h["Expect"] != nil {
		return false
	}
	if !r.Close && strings.Contains(strings.ToLower(strings.Join(h["Connection"], ",")), "close") {
		return false // net/http may close all the same
	}
	if r.Method == http.MethodGet {
		return r.ContentLength == 0 && len(h["Upgrade"]) == 1 && strings.EqualFold(h["Upgrade"][0], "websocket")
	}
	return !r.Close && h["Upgrade"] == nil && h["Content-Length"] != nil && 0 <= r.ContentLength && r.ContentLength <= mostBody
}
