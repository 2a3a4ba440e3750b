package bench

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
)

// A peer is where sockets connect to.
type peer struct{ netip.AddrPort }

const (
	// perSource is how many connections come from one address of ours: a
	// port is taken for each, and about 28000 are there by default.
	perSource = 20_000
	// bindNoPort is IP_BIND_ADDRESS_NO_PORT: connect chooses the port, not bind.
	bindNoPort = 24
)

// connect makes a socket that connects to the peer and does not wait, for
// subscriber i. Over the loopback network it has addresses enough.
func (p peer) connect(i int) (fd int, err error) {
	family, remote := p.sockaddr()
	fd, err = syscall.Socket(family, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	if source := i / perSource; source > 0 && p.Addr().Is4() && p.Addr().IsLoopback() {
		// Where the option is not known, a port is taken at once: that does, too.
		_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_IP, bindNoPort, 1)
		host := 1 + source
		local := &syscall.SockaddrInet4{Addr: [4]byte{127, 0, byte(host >> 8), byte(host)}}
		if err = syscall.Bind(fd, local); err != nil {
			err = fmt.Errorf("bind: %w", err)
		}
	}
	if err == nil {
		err = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	}
	if err == nil {
		if err = syscall.Connect(fd, remote); errors.Is(err, syscall.EINPROGRESS) {
			err = nil
		}
	}
	if err != nil {
		_ = syscall.Close(fd)
		return -1, err
	}
	return fd, nil
}

func (p peer) sockaddr() (family int, sa syscall.Sockaddr) {
	if p.Addr().Is4() {
		return syscall.AF_INET, &syscall.SockaddrInet4{Port: int(p.Port()), Addr: p.Addr().As4()}
	}
	return syscall.AF_INET6, &syscall.SockaddrInet6{Port: int(p.Port()), Addr: p.Addr().As16()}
}
