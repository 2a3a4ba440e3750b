package transport

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// ClientAddr is the address r came from: the peer's, or, where the peer is a
// trusted proxy, the first address in X-Forwarded-For, from its right end,
// that is not one. It is never IPv4 in IPv6 clothes and has no zone. The zero
// Addr stands for a client that a trusted proxy did not tell; it may read no
// channel of an address.
func (g *Guard) ClientAddr(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr := plain(peer.Addr())
	if !g.trusts(addr) {
		return addr
	}
	// Several headers are one list; a client may have begun it with lies,
	// but cannot write behind what the proxies append.
	list := strings.Join(r.Header.Values("X-Forwarded-For"), ",")
	for list != "" && g.trusts(addr) {
		var last string
		if i := strings.LastIndexByte(list, ','); i >= 0 {
			list, last = list[:i], list[i+1:]
		} else {
			list, last = "", list
		}
		if last = strings.TrimSpace(last); last == "" {
			continue
		}
		if addr = parseForwarded(last); !addr.IsValid() {
			return addr
		}
	}
	return addr
}

func (g *Guard) trusts(addr netip.Addr) bool {
	return slices.ContainsFunc(g.proxies, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// parseForwarded reads one element of X-Forwarded-For; some proxies append
// the port.
func parseForwarded(s string) netip.Addr {
	if addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")); err == nil {
		return plain(addr)
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return plain(ap.Addr())
	}
	return netip.Addr{}
}

func plain(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }

// MayRead tells why a client at addr may not read channel: a name that begins
// with an address and "_" is readable from that address alone, however the
// address is spelled. Anybody may send to it. The error is an *protocol.Error
// with CodeForbidden. Check the name first (protocol.CheckChannel).
func MayRead(channel string, addr netip.Addr) error {
	prefix, _, ok := strings.Cut(channel, "_")
	if !ok {
		return nil
	}
	owner, restricted := ownerOf(prefix)
	if !restricted || owner.IsValid() && owner == plain(addr) {
		return nil
	}
	return forbidden("this channel is readable from the address in its name alone")
}

// ownerOf reads the address that prefix is, if it is one. What only looks like
// an IPv4 address, 999.1.1.1, is nobody's: the seed, too, let nobody read it.
func ownerOf(prefix string) (owner netip.Addr, restricted bool) {
	if looksLikeIPv4(prefix) {
		owner, _ = netip.ParseAddr(withoutLeadingZeros(prefix))
		return owner, true
	}
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(prefix, "["), "]"))
	if err != nil {
		return netip.Addr{}, false
	}
	return plain(addr), true
}

// looksLikeIPv4 is the seed's own test: four groups of one to three digits.
func looksLikeIPv4(s string) bool {
	groups := 0
	for group := range strings.SplitSeq(s, ".") {
		if groups++; groups > 4 || len(group) > 3 || !isPort(group) {
			return false
		}
	}
	return groups == 4
}

func withoutLeadingZeros(ipv4 string) string {
	groups := strings.Split(ipv4, ".")
	for i, g := range groups {
		if groups[i] = strings.TrimLeft(g, "0"); groups[i] == "" {
			groups[i] = "0"
		}
	}
	return strings.Join(groups, ".")
}
