package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// pollers are readers that share the subscribers out, each with an epoll set
// of its own.
type pollers struct {
	all     []*poller
	running sync.WaitGroup
}

// newPollers makes the subscribers and pollers. It connects once, to learn
// which of the server's addresses is the one.
func newPollers(ctx context.Context, r *run) (readers, error) {
	nc, err := dial(ctx, r.target)
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	remote, ok := nc.RemoteAddr().(*net.TCPAddr)
	nc.Close()
	if !ok {
		return nil, fmt.Errorf("bench: %s is no address of TCP", r.target.addr)
	}
	server := remote.AddrPort()
	ps := &pollers{}
	for range r.opts.Readers {
		p, err := newPoller(r, peer{netip.AddrPortFrom(server.Addr().Unmap(), server.Port())})
		if err != nil {
			ps.close()
			return nil, err
		}
		ps.all = append(ps.all, p)
	}
	for i := range r.opts.Subscribers {
		p := ps.all[i%len(ps.all)]
		s := newSubscriber(r, i, p.tally)
		r.subs = append(r.subs, s)
		p.subs = append(p.subs, &polled{subscriber: s, fd: -1})
	}
	return ps, nil
}

func (ps *pollers) start() {
	for _, p := range ps.all {
		ps.running.Go(p.loop)
	}
}

func (ps *pollers) stop() {
	for _, p := range ps.all {
		_, _ = syscall.Write(p.wake[1], []byte{0}) // its room is never used up
	}
	ps.running.Wait()
	ps.close()
}

func (ps *pollers) close() {
	for _, p := range ps.all {
		p.close()
	}
}

// A poller opens and reads its subscribers' connections in one goroutine.
type poller struct {
	// static
	run  *run
	peer peer
	set  int    // the epoll set
	wake [2]int // a pipe, to end loop

	// owned by loop
	subs    []*polled // an event holds the place here
	next    int       // of those, whose connection is opened next
	opening int
	later   []later // what is to be said, soonest first
	buf     []byte
	tally   *tally
}

// A polled is a subscriber, and its socket.
type polled struct {
	*subscriber
	fd  int    // -1: none yet, or no longer
	out []byte // what the socket did not take yet
}

// A later is something to be said after a pause.
type later struct {
	at   time.Time
	sub  int
	said []byte
}

// wakeEvent is the event of the pipe.
const wakeEvent = -1

func newPoller(r *run, peer peer) (*poller, error) {
	p := &poller{run: r, peer: peer, buf: make([]byte, 256<<10), tally: r.newTally(), set: -1, wake: [2]int{-1, -1}}
	var err error
	if p.set, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("bench: epoll: %w", err)
	}
	if err = syscall.Pipe2(p.wake[:], syscall.O_CLOEXEC|syscall.O_NONBLOCK); err == nil {
		err = syscall.EpollCtl(p.set, syscall.EPOLL_CTL_ADD, p.wake[0], &syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: wakeEvent})
	}
	if err != nil {
		p.close()
		return nil, fmt.Errorf("bench: epoll: %w", err)
	}
	return p, nil
}

func (p *poller) close() {
	for _, fd := range []int{p.set, p.wake[0], p.wake[1]} {
		if fd >= 0 {
			_ = syscall.Close(fd)
		}
	}
	for _, s := range p.subs {
		if s.fd >= 0 {
			_ = syscall.Close(s.fd)
		}
	}
}

// loop runs until stop.
func (p *poller) loop() {
	events := make([]syscall.EpollEvent, 256)
	for {
		p.connect()
		p.speak()
		n, err := syscall.EpollWait(p.set, events, p.patience())
		if err != nil && !errors.Is(err, syscall.EINTR) {
			p.run.fail(fmt.Errorf("bench: epoll: %w", err))
			return
		}
		for _, e := range events[:max(n, 0)] {
			if e.Fd == wakeEvent {
				return
			}
			p.handle(int(e.Fd), e.Events)
		}
		p.run.deliver(p.tally)
	}
}

// connect begins to open connections, as many as may be under way.
func (p *poller) connect() {
	for most := max(1, p.run.opts.Connecting/p.run.opts.Readers); p.opening < most && p.next < len(p.subs); p.next++ {
		s := p.subs[p.next]
		p.opening++
		s.began = time.Now()
		var err error
		if s.fd, err = p.peer.connect(s.follower.number); err == nil {
			s.out = s.open() // once it is connected
			err = p.control(syscall.EPOLL_CTL_ADD, p.next, syscall.EPOLLIN|syscall.EPOLLOUT)
		}
		if err != nil {
			p.end(s, err)
		}
	}
}

func (p *poller) control(op, i int, events uint32) error {
	return syscall.EpollCtl(p.set, op, p.subs[i].fd, &syscall.EpollEvent{Events: events, Fd: int32(i)})
}

// handle handles a connection's event.
func (p *poller) handle(i int, events uint32) {
	s := p.subs[i]
	if s.fd < 0 {
		return
	}
	var err error
	if events&syscall.EPOLLOUT != 0 {
		if err = p.flush(s); err == nil && len(s.out) == 0 {
			err = p.control(syscall.EPOLL_CTL_MOD, i, syscall.EPOLLIN)
			p.noteReady(s)
		}
	}
	if err == nil && events&^syscall.EPOLLOUT != 0 {
		err = p.receive(i)
	}
	if err != nil {
		p.end(s, err)
	}
}

func (p *poller) receive(i int) error {
	s := p.subs[i]
	var err error
	p.buf, err = s.receive(p.buf, func(buf []byte) (int, error) {
		n, err := syscall.Read(s.fd, buf)
		return max(n, 0), err
	})
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR) {
		return nil
	}
	if err != nil {
		return err
	}
	said, after := s.said()
	if after > 0 {
		p.later = append(p.later, later{time.Now().Add(after), i, append([]byte(nil), said...)})
	} else if len(said) > 0 {
		err = p.say(i, said)
	}
	p.noteReady(s)
	return errors.Join(err, s.follower.strange)
}

// say writes, behind what waits to be written.
func (p *poller) say(i int, said []byte) error {
	s := p.subs[i]
	waits := len(s.out) > 0
	s.out = append(s.out, said...)
	if waits {
		return nil
	}
	if err := p.flush(s); err != nil || len(s.out) == 0 {
		return err
	}
	return p.control(syscall.EPOLL_CTL_MOD, i, syscall.EPOLLIN|syscall.EPOLLOUT)
}

// flush writes what the socket takes.
func (p *poller) flush(s *polled) error {
	for len(s.out) > 0 {
		n, err := syscall.Write(s.fd, s.out)
		switch {
		case errors.Is(err, syscall.EAGAIN):
			return nil
		case err != nil:
			return err
		}
		s.out = append(s.out[:0], s.out[n:]...)
	}
	return nil
}

func (p *poller) noteReady(s *polled) {
	if s.becomesReady() {
		p.opening--
		p.run.ready()
	}
}

// end closes a connection that has failed.
func (p *poller) end(s *polled, err error) {
	if s.fd >= 0 {
		_ = syscall.Close(s.fd)
		s.fd = -1
	}
	if !s.ready {
		p.opening--
	}
	s.err = err
	p.run.ended(s.subscriber)
}

// speak says what is due.
func (p *poller) speak() {
	for len(p.later) > 0 && !time.Now().Before(p.later[0].at) {
		l := p.later[0]
		p.later = p.later[1:]
		if s := p.subs[l.sub]; s.fd >= 0 {
			if err := p.say(l.sub, l.said); err != nil {
				p.end(s, err)
			}
		}
	}
}

// patience is how long to wait for events, in milliseconds; -1: until there is
// one.
func (p *poller) patience() int {
	if len(p.later) == 0 {
		return -1
	}
	const ms = time.Millisecond
	return int(max(0, time.Until(p.later[0].at)+ms-1) / ms)
}
