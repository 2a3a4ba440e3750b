package wire

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// A CloseError is the end of a connection by a close frame.
type CloseError struct {
	Code   int // 1005: the frame had none
	Reason string
}

func (e *CloseError) Error() string { return fmt.Sprintf("closed with %d %q", e.Code, e.Reason) }

// A Conn is one end of a WebSocket. One goroutine may read while others write.
type Conn struct {
	nc     net.Conn
	r      *bufio.Reader
	masks  bool         // it is the client's end
	onPing func([]byte) // nil: pings are answered, and that is all
	onPong func([]byte) // nil: pongs are dropped

	mu sync.Mutex // of writing
}

// Dial opens a WebSocket at an http or https URL, with further headers. A
// status other than 101 is no error: then the Conn is nil. The response's body
// has been read where there is one.
func Dial(ctx context.Context, rawURL string, header http.Header) (*Conn, *http.Response, []byte, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, nil, nil, err
	}
	nc, err := Connect(ctx, u)
	if err != nil {
		return nil, nil, nil, err
	}
	conn, resp, body, err := handshake(ctx, nc, u, header)
	if conn == nil {
		nc.Close()
	}
	return conn, resp, body, err
}

// Connect opens a connection to the server of an http or https URL, with TLS
// where that says so.
func Connect(ctx context.Context, u *url.URL) (net.Conn, error) {
	port := u.Port()
	if port == "" {
		port = u.Scheme
	}
	addr := net.JoinHostPort(u.Hostname(), port)
	if u.Scheme == "https" {
		d := tls.Dialer{Config: &tls.Config{ServerName: u.Hostname(), NextProtos: []string{"http/1.1"}}}
		return d.DialContext(ctx, "tcp", addr)
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", addr)
}

func handshake(ctx context.Context, nc net.Conn, u *url.URL, header http.Header) (*Conn, *http.Response, []byte, error) {
	stop := context.AfterFunc(ctx, func() { nc.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	r, err := http.NewRequest(http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, nil, nil, err
	}
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // never fails
	key := base64.StdEncoding.EncodeToString(nonce[:])
	r.Header = http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {key},
	}
	for name, values := range header {
		if values == nil {
			r.Header.Del(name)
		} else {
			r.Header[name] = values
		}
	}
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
		r.Header.Del("Host")
	}
	if err := r.Write(nc); err != nil {
		return nil, nil, nil, err
	}
	in := bufio.NewReader(nc)
	resp, err := http.ReadResponse(in, r)
	if err != nil {
		return nil, nil, nil, err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		body, err := io.ReadAll(io.LimitReader(resp.Body, maxRead))
		resp.Body.Close()
		return nil, resp, body, err
	}
	if got := resp.Header.Get("Sec-Websocket-Accept"); got != AcceptKey(key) {
		return nil, resp, nil, fmt.Errorf("Sec-WebSocket-Accept is %q, want %q", got, AcceptKey(key))
	}
	return &Conn{nc: nc, r: in, masks: true}, resp, nil, nil
}

// AcceptKey is a server's answer to a Sec-WebSocket-Key.
func AcceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// IsUpgrade reports whether r asks for a WebSocket.
func IsUpgrade(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("Upgrade"), "websocket") && r.Header.Get("Sec-Websocket-Key") != ""
}

// Upgrade is the server's end of the WebSocket that r asks for. With an error,
// w was not written to.
func Upgrade(w http.ResponseWriter, r *http.Request) (*Conn, error) {
	if !IsUpgrade(r) {
		return nil, errors.New("no WebSocket is asked for")
	}
	nc, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, err
	}
	_ = nc.SetDeadline(time.Time{}) // the HTTP server's
	_, err = fmt.Fprintf(nc, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		AcceptKey(r.Header.Get("Sec-Websocket-Key")))
	if err != nil {
		nc.Close()
		return nil, err
	}
	return &Conn{nc: nc, r: buffered.Reader}, nil
}

// OnPing has f called, by the goroutine that reads, for each ping; the answer is
// then f's to give. It must be called before anything is read.
func (c *Conn) OnPing(f func(payload []byte)) { c.onPing = f }

// OnPong has f called, by the goroutine that reads, for each pong. It must be
// called before anything is read.
func (c *Conn) OnPong(f func(payload []byte)) { c.onPong = f }

// Write writes frames as they are, but for the mask, which is as it must be.
func (c *Conn) Write(frames ...Frame) error {
	for i := range frames {
		frames[i].Masked = c.masks
	}
	return c.WriteRaw(frames...)
}

// WriteRaw writes frames as they are.
func (c *Conn) WriteRaw(frames ...Frame) error {
	var out []byte
	for _, f := range frames {
		out = f.Append(out)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nc.SetWriteDeadline(time.Now().Add(10 * time.Second))
	_, err := c.nc.Write(out)
	return err
}

// WriteText writes a text message.
func (c *Conn) WriteText(text string) error {
	return c.Write(Frame{Op: Text, Payload: []byte(text)})
}

// WriteClose writes a close frame.
func (c *Conn) WriteClose(code int, reason string) error {
	payload := append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...)
	return c.Write(Frame{Op: Close, Payload: payload})
}

// ReadFrame reads the next frame, whatever it is, until the deadline.
func (c *Conn) ReadFrame(deadline time.Time) (Frame, error) {
	c.nc.SetReadDeadline(deadline)
	return ReadFrame(c.r)
}

// ReadText reads the next text message until the deadline. It answers pings;
// a close frame is answered and returned as a *CloseError. The error tells
// also of what a server or client may not send.
func (c *Conn) ReadText(deadline time.Time) (string, error) {
	var text []byte
	inside := false
	for {
		f, err := c.ReadFrame(deadline)
		if err != nil {
			return "", err
		}
		switch {
		case f.Masked == c.masks:
			return "", fmt.Errorf("a frame is masked: %t, want %t", f.Masked, !c.masks)
		case f.Rsv != 0:
			return "", fmt.Errorf("a frame has the reserved bits %03b", f.Rsv)
		case f.Op == Text && !inside, f.Op == Continuation && inside:
			text = append(text, f.Payload...)
			if inside = f.More; !inside {
				return string(text), nil
			}
			if len(text) > maxRead {
				return "", errors.New("a message without an end")
			}
		case f.Op == Close:
			_ = c.Write(Frame{Op: Close, Payload: f.Payload}) // it may be gone already
			return "", closeError(f.Payload)
		case f.Op == Ping:
			if err := c.pong(f.Payload); err != nil {
				return "", err
			}
		case f.Op == Pong:
			if c.onPong != nil {
				c.onPong(f.Payload)
			}
		default:
			return "", fmt.Errorf("a frame of opcode %d where there can't be one", f.Op)
		}
	}
}

func (c *Conn) pong(payload []byte) error {
	if c.onPing != nil {
		c.onPing(payload)
		return nil
	}
	return c.Write(Frame{Op: Pong, Payload: payload})
}

func closeError(payload []byte) error {
	if len(payload) < 2 {
		return &CloseError{Code: 1005}
	}
	return &CloseError{Code: int(binary.BigEndian.Uint16(payload)), Reason: string(payload[2:])}
}

// Cut ends the connection without a word.
func (c *Conn) Cut() { c.nc.Close() }
