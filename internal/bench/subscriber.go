package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// A subscriber reads one channel.
type subscriber struct {
	nc     net.Conn
	r      *bufio.Reader
	credit *credit

	// owned by read
	next     int // the number of the message to come
	received int
	doubled  int
	latency  Latency
}

// subscribe opens a connection and waits for "subscribed".
func subscribe(ctx context.Context, target *url.URL, i int, channel string, c *credit) (*subscriber, error) {
	nc, err := (&net.Dialer{}).DialContext(ctx, "tcp", target.Host)
	if err != nil {
		return nil, fmt.Errorf("bench: subscriber %d: %w", i, err)
	}
	s := &subscriber{nc: nc, r: bufio.NewReaderSize(nc, 16<<10), credit: c}
	if err := s.handshake(target, i, channel); err != nil {
		nc.Close()
		return nil, fmt.Errorf("bench: subscriber %d: %w", i, err)
	}
	return s, nil
}

func (s *subscriber) handshake(target *url.URL, i int, channel string) error {
	request := "GET " + target.EscapedPath() + "?clientid=bench-s" + strconv.Itoa(i) + " HTTP/1.1\r\nHost: " + target.Host +
		"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
	s.nc.SetDeadline(time.Now().Add(30 * time.Second))
	defer s.nc.SetDeadline(time.Time{})
	if _, err := io.WriteString(s.nc, request); err != nil {
		return err
	}
	resp, err := http.ReadResponse(s.r, nil)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("the gateway answered %s", resp.Status)
	}
	if _, err := s.nc.Write(textFrame(nil, `{"op":"subscribe","ref":1,"channel":"`+channel+`"}`)); err != nil {
		return err
	}
	for {
		frame, err := s.frame()
		if err != nil {
			return err
		}
		if bytes.HasPrefix(frame, []byte(`{"op":"subscribed"`)) {
			return nil
		}
		if isPing := len(frame) == 0; !isPing && !bytes.HasPrefix(frame, []byte(`{"op":"welcome"`)) {
			return fmt.Errorf("the gateway said %s", frame)
		}
	}
}

// read counts messages until the connection ends. Pings stay unanswered: a
// run is shorter than their time-out.
func (s *subscriber) read() {
	for {
		frame, err := s.frame()
		if err != nil {
			return
		}
		if n, due, ok := readPayload(frame); ok {
			s.take(n, due)
		}
	}
}

func (s *subscriber) take(n int, due int64) {
	s.credit.delivered(1)
	if n < s.next {
		s.doubled++
		return
	}
	s.next = n + 1
	s.received++
	s.latency.record(time.Duration(time.Now().UnixNano() - due))
}

// frame reads one frame; its bytes are good until the next call.
func (s *subscriber) frame() ([]byte, error) {
	head, err := s.r.Peek(2)
	if err != nil {
		return nil, err
	}
	size, header := int(head[1]), 2
	switch size {
	case 126:
		if head, err = s.r.Peek(4); err != nil {
			return nil, err
		}
		size, header = int(binary.BigEndian.Uint16(head[2:])), 4
	case 127:
		if head, err = s.r.Peek(10); err != nil {
			return nil, err
		}
		size, header = int(binary.BigEndian.Uint64(head[2:])), 10
	}
	if _, err := s.r.Discard(header); err != nil {
		return nil, err
	}
	if size <= s.r.Size() {
		frame, err := s.r.Peek(size)
		if err != nil {
			return nil, err
		}
		_, err = s.r.Discard(size) // the bytes stay until the next read
		return frame, err
	}
	frame := make([]byte, size)
	_, err = io.ReadFull(s.r, frame)
	return frame, err
}

// textFrame appends text to dst as a client's frame, masked with zeros.
func textFrame(dst []byte, text string) []byte {
	dst = append(dst, 0x81)
	switch {
	case len(text) < 126:
		dst = append(dst, 0x80|byte(len(text)))
	case len(text) < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, 0x80|126), uint16(len(text)))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, 0x80|127), uint64(len(text)))
	}
	return append(append(dst, 0, 0, 0, 0), text...)
}
