//go:build linux

// Command floor is what any server has to do to fan messages out, and no more:
// one thread, one epoll set, and bare system calls. It is what other servers
// are measured against.
//
// A subscriber sends "GET /<channel's number>" as a WebSocket handshake, and is
// answered without a look at the rest of it. A publisher sends "PUB\n" and then
// messages: the channel's number and the length of what follows, four bytes
// each, high ones first, and a WebSocket frame, which is handed on as it is.
// What a publisher has sent since the last look goes to each subscriber in one
// write. It listens on the address that is its argument.
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
}

// A channel is what is to be written, and to whom.
type channel struct {
	base  int64 // place of log[0]
	log   []byte
	subs  []*conn
	dirty bool
}

// A conn is a subscriber once it has a channel, or a publisher.
type conn struct {
	fd        int
	publisher bool
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
	if n > 0 && c.channel == nil { // what subscribers say answers nothing
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
	var number int
	if _, err := fmt.Sscanf(string(c.in), "GET /%d ", &number); err != nil {
		s.end(c)
		return
	}
	c.in = nil
	c.channel = s.channels[number]
	if c.channel == nil {
		c.channel = &channel{}
		s.channels[number] = c.channel
	}
	c.channel.subs = append(c.channel.subs, c)
	c.at = c.channel.base + int64(len(c.channel.log))
	if _, err := syscall.Write(c.fd, []byte(answer)); err != nil {
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
		if ch := s.channels[int(binary.BigEndian.Uint32(rest))]; ch != nil {
			ch.log = append(ch.log, rest[8:size]...)
			if !ch.dirty {
				ch.dirty = true
				s.dirty = append(s.dirty, ch)
			}
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
		if !behind {
			ch.base += int64(len(ch.log))
			ch.log = ch.log[:0]
		}
	}
	s.dirty = s.dirty[:0]
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
	subs := c.channel.subs
	for i := range subs {
		if subs[i] == c {
			subs[i] = subs[len(subs)-1]
			c.channel.subs = subs[:len(subs)-1]
			return
		}
	}
}
