//go:build linux

// Command floor is what any server has to do to fan messages out, and no more:
// one thread, one epoll set, and bare system calls. It is what other servers
// are measured against.
//
// A subscriber sends "GET /<channel's number>" as a WebSocket handshake, and is
// answered without a look at the rest of it. One that polls sends "GET /<channel's
// number>/<place>", again and again over one connection; the answer has what
// follows in the channel, once that is something, and the place behind it. A
// publisher sends "PUB\n" and then messages: the channel's number and the length
// of what follows, four bytes each, high ones first, and a WebSocket frame, which
// is handed on as it is. What a publisher has sent since the last look goes to
// each subscriber in one write. It listens on the address that is its argument.
package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"log"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"unsafe"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("floor: ")
	if len(os.Args) != 2 {
		log.Fatal("its argument is an address")
	}
	runtime.LockOSThread()
	s := &server{channels: make(map[int]*channel), buf: make([]byte, 256<<10)}
	if err := s.listen(os.Args[1]); err != nil {
		log.Fatal(err)
	}
	log.Fatal(s.serve())
}

// A server is owned by its one thread.
type server struct {
	set, listener int
	conns         []*conn // by descriptor
	channels      map[int]*channel
	dirty         []*channel // have something new
	buf           []byte     // for reading
	answer        []byte     // to a poll
}

// A channel is what is to be written, and to whom.
type channel struct {
	base  int64 // place of log[0]
	log   []byte
	subs  []*conn
	polls []*conn // that wait for something new
	dirty bool
}

// keptForPolls is how much of a log those find who poll, in bytes.
const keptForPolls = 1 << 20

// A conn is a subscriber once it has a channel, or a publisher.
type conn struct {
	fd        int
	publisher bool
	polls     bool
	waiting   bool // for the socket to take more
	in        []byte
	channel   *channel
	at        int64 // place in the channel's log
}

func (s *server) listen(address string) error {
	addr, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if s.set, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC); err != nil {
		return err
	}
	if s.listener, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0); err != nil {
		return err
	}
	if err := syscall.SetsockoptInt(s.listener, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		return err
	}
	if err := syscall.Bind(s.listener, &syscall.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}); err != nil {
		return err
	}
	if err := syscall.Listen(s.listener, 4096); err != nil {
		return err
	}
	return s.control(syscall.EPOLL_CTL_ADD, s.listener, syscall.EPOLLIN)
}

func (s *server) control(op, fd int, events uint32) error {
	return syscall.EpollCtl(s.set, op, fd, &syscall.EpollEvent{Events: events, Fd: int32(fd)})
}

func (s *server) serve() error {
	events := make([]syscall.EpollEvent, 256)
	for {
		n, err := syscall.EpollWait(s.set, events, -1)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return fmt.Errorf("epoll: %w", err)
		}
		for _, e := range events[:max(n, 0)] {
			if int(e.Fd) != s.listener {
				s.handle(s.conns[e.Fd], e.Events)
			} else if err := s.accept(); err != nil {
				return err
			}
		}
		s.sweep()
	}
}

func (s *server) accept() error {
	for {
		fd, _, err := syscall.Accept4(s.listener, syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC)
		switch {
		case errors.Is(err, syscall.EAGAIN):
			return nil
		case errors.Is(err, syscall.ECONNABORTED), errors.Is(err, syscall.EINTR):
			continue
		case err != nil:
			return fmt.Errorf("accept: %w", err)
		}
		if err := syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1); err != nil {
			return fmt.Errorf("no delay: %w", err)
		}
		for len(s.conns) <= fd {
			s.conns = append(s.conns, nil)
		}
		s.conns[fd] = &conn{fd: fd}
		if err := s.control(syscall.EPOLL_CTL_ADD, fd, syscall.EPOLLIN); err != nil {
			return fmt.Errorf("epoll: %w", err)
		}
	}
}

func (s *server) handle(c *conn, events uint32) {
	if events&syscall.EPOLLOUT != 0 && !s.flush(c) {
		s.end(c)
		return
	}
	if events&^syscall.EPOLLOUT == 0 {
		return
	}
	n, err := syscall.Read(c.fd, s.buf)
	again := errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR)
	if n <= 0 && !again {
		s.end(c) // however it has ended
	}
	if n > 0 && (c.channel == nil || c.polls) { // what other subscribers say answers nothing
		c.in = append(c.in, s.buf[:n]...)
		s.take(c)
	}
}

const answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI=\r\n\r\n" // to the key AAAAAAAAAAAAAAAAAAAAAA==

// take looks at what a client said who is no subscriber yet.
func (s *server) take(c *conn) {
	if !c.publisher && bytes.HasPrefix(c.in, []byte("PUB\n")) {
		c.publisher = true
		c.in = c.in[4:]
	}
	if c.publisher {
		s.publish(c)
		return
	}
	if !bytes.HasSuffix(c.in, []byte("\r\n\r\n")) {
		return
	}
	number, place, polls := target(c.in)
	if number < 0 {
		s.end(c)
		return
	}
	c.in = c.in[:0]
	if c.channel == nil {
		c.channel = s.channel(number)
	}
	if polls {
		c.polls, c.at = true, place
		s.poll(c)
		return
	}
	c.in = nil
	c.channel.subs = append(c.channel.subs, c)
	c.at = c.channel.base + int64(len(c.channel.log))
	if _, err := syscall.Write(c.fd, []byte(answer)); err != nil {
		s.end(c)
	}
}

// target is what a request asks for. The number is -1 where that can't be told.
func target(request []byte) (number int, place int64, polls bool) {
	path, _, _ := bytes.Cut(bytes.TrimPrefix(request, []byte("GET /")), []byte{' '})
	first, second, polls := bytes.Cut(path, []byte{'/'})
	number, err := strconv.Atoi(string(first))
	if err == nil && polls {
		place, err = strconv.ParseInt(string(second), 10, 64)
	}
	if err != nil {
		return -1, 0, false
	}
	return number, place, polls
}

func (s *server) channel(number int) *channel {
	ch := s.channels[number]
	if ch == nil {
		ch = &channel{}
		s.channels[number] = ch
	}
	return ch
}

// poll answers c, or has it wait. A place that is not there is the end.
func (s *server) poll(c *conn) {
	ch := c.channel
	end := ch.base + int64(len(ch.log))
	if c.at < ch.base || c.at > end {
		c.at = end
	}
	if c.at == end {
		ch.polls = append(ch.polls, c)
		return
	}
	out := append(s.answer[:0], "HTTP/1.1 200 OK\r\nPlace: "...)
	out = append(strconv.AppendInt(out, end, 10), "\r\nContent-Length: "...)
	out = append(strconv.AppendInt(out, end-c.at, 10), "\r\n\r\n"...)
	out = append(out, ch.log[c.at-ch.base:]...)
	s.answer = out
	// An answer that does not go at once is more than this is for.
	n, _, errno := syscall.RawSyscall(syscall.SYS_WRITE, uintptr(c.fd), uintptr(unsafe.Pointer(&out[0])), uintptr(len(out)))
	if errno != 0 || int(n) < len(out) {
		s.end(c)
	}
}

// publish appends the messages that are all there to their channels.
func (s *server) publish(c *conn) {
	rest := c.in
	for len(rest) >= 8 {
		size := int(binary.BigEndian.Uint32(rest[4:])) + 8
		if len(rest) < size {
			break
		}
		ch := s.channel(int(binary.BigEndian.Uint32(rest)))
		ch.log = append(ch.log, rest[8:size]...)
		if !ch.dirty {
			ch.dirty = true
			s.dirty = append(s.dirty, ch)
		}
		rest = rest[size:]
	}
	c.in = append(c.in[:0], rest...)
}

// sweep writes what is new to everybody.
func (s *server) sweep() {
	for _, ch := range s.dirty {
		ch.dirty = false
		behind := false
		for i := 0; i < len(ch.subs); i++ {
			c := ch.subs[i]
			if !c.waiting && !s.flush(c) {
				s.end(c) // another one is at its place now
				i--
				continue
			}
			behind = behind || c.waiting
		}
		if !behind && ch.polls == nil {
			ch.base += int64(len(ch.log))
			ch.log = ch.log[:0]
		}
		s.answerAll(ch)
	}
	s.dirty = s.dirty[:0]
}

// answerAll answers those that wait for something new.
func (s *server) answerAll(ch *channel) {
	polls := ch.polls
	ch.polls = ch.polls[:0] // of those who are answered none comes back meanwhile
	for _, c := range polls {
		s.poll(c)
	}
	if len(ch.log) > 2*keptForPolls {
		ch.base += int64(len(ch.log) - keptForPolls)
		ch.log = append(ch.log[:0], ch.log[len(ch.log)-keptForPolls:]...)
	}
}

// flush writes what c has not got. It reports whether the connection is good.
func (s *server) flush(c *conn) bool {
	p := c.channel.log[c.at-c.channel.base:]
	if len(p) == 0 {
		return s.wait(c, false)
	}
	n, _, errno := syscall.RawSyscall(syscall.SYS_WRITE, uintptr(c.fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
	switch errno {
	case 0:
		c.at += int64(n)
	case syscall.EAGAIN:
		n = 0
	default:
		return false
	}
	return s.wait(c, int(n) < len(p))
}

// wait has c called when its socket takes more, or no longer.
func (s *server) wait(c *conn, waiting bool) bool {
	if waiting == c.waiting {
		return true
	}
	c.waiting = waiting
	events := uint32(syscall.EPOLLIN)
	if waiting {
		events |= syscall.EPOLLOUT
	}
	return s.control(syscall.EPOLL_CTL_MOD, c.fd, events) == nil
}

func (s *server) end(c *conn) {
	_ = syscall.Close(c.fd)
	s.conns[c.fd] = nil
	if c.channel == nil {
		return
	}
	c.channel.subs = without(c.channel.subs, c)
	c.channel.polls = without(c.channel.polls, c)
}

func without(conns []*conn, c *conn) []*conn {
	if i := slices.Index(conns, c); i >= 0 {
		last := len(conns) - 1
		conns[i] = conns[last]
		return conns[:last]
	}
	return conns
}
