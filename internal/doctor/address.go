package doctor

import (
	"fmt"
	"net/netip"
	"strings"
)

// seenAddress judges what the gateway answered to ?getIP.
func (x *exam) seenAddress() {
	a := x.address
	seen, err := netip.ParseAddr(strings.TrimSpace(string(a.body)))
	if a.status != 200 || err != nil {
		f := x.mistaken(a)
		if e := a.refusal(); e != nil { // it was told to trust the proxy, who says nothing
			f.change = forwardFor
		}
		x.fail(Address, f.change, "the gateway can't tell this client's address: %s", f.text)
		return
	}
	x.find(Address, judgeAddress(seen.Unmap(), x.route.ours, x.route.theirs))
}

const forwardFor = "have the proxy tell addresses (nginx: proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;)"

// judgeAddress compares the address the gateway sees with the two ends of the
// connection to it, or to whatever stands before it.
func judgeAddress(seen, ours, theirs netip.Addr) finding {
	proxy := func(s Status, why string) finding {
		return finding{s, fmt.Sprintf("the gateway takes this client for %s%s", seen, why),
			fmt.Sprintf("%s, and start the gateway with --trusted-proxy %s", forwardFor, seen)}
	}
	switch {
	case seen == ours && ours.IsLoopback():
		return finding{OK, fmt.Sprintf("the gateway sees %s, as it is; of the same machine: from another one a proxy would show", seen), ""}
	case seen == ours:
		return finding{OK, fmt.Sprintf("the gateway sees %s, as it is", seen), ""}
	case seen.IsLoopback(), seen == theirs:
		return proxy(Fail, fmt.Sprintf(", which is a proxy's; it is %s: all clients share one address, and may read its channels", ours))
	case !isPublic(seen) && isPublic(theirs):
		return proxy(Fail, ", which is an address inside the site: that of a proxy, which all clients share")
	case isPublic(seen) && !isPublic(ours):
		return finding{OK, fmt.Sprintf("the gateway sees %s; from here it is %s, translated on the way (NAT)", seen, ours), ""}
	}
	return proxy(Warn, fmt.Sprintf(", and it is %s here: translated on the way, or a proxy's that all clients share; if it is a proxy of the site", ours))
}

// isPublic reports whether an address is one on the Internet.
func isPublic(a netip.Addr) bool {
	shared := netip.MustParsePrefix("100.64.0.0/10") // between carriers and customers
	return a.IsGlobalUnicast() && !a.IsPrivate() && !shared.Contains(a)
}
