package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// A route is how a connection was made, as far as it was. It is filled in by
// the goroutines of an http.Transport.
type route struct {
	mu sync.Mutex

	name            string // that was looked up; "": none was
	lookup          time.Duration
	addresses       []string
	lookupErr       error
	dialled         string // the address of the last attempt
	dial            time.Duration
	dialErr         error // of the last attempt that failed
	open            bool
	ours, theirs    netip.Addr
	handshake       time.Duration
	secure          *tls.ConnectionState
	secureErr       error
	begun, begunTLS time.Time
}

func (r *route) trace() *httptrace.ClientTrace {
	locked := func(f func()) {
		r.mu.Lock()
		defer r.mu.Unlock()
		f()
	}
	return &httptrace.ClientTrace{
		DNSStart: func(i httptrace.DNSStartInfo) { locked(func() { r.name, r.begun = i.Host, time.Now() }) },
		DNSDone: func(i httptrace.DNSDoneInfo) {
			locked(func() {
				r.lookup, r.lookupErr = time.Since(r.begun), i.Err
				for _, addr := range i.Addrs {
					r.addresses = append(r.addresses, addr.String())
				}
			})
		},
		ConnectStart: func(_, addr string) { locked(func() { r.dialled, r.begun = addr, time.Now() }) },
		ConnectDone: func(_, addr string, err error) {
			locked(func() {
				if err != nil {
					r.dialErr = err
					return
				}
				r.open, r.dialled, r.dial = true, addr, time.Since(r.begun)
			})
		},
		TLSHandshakeStart: func() { locked(func() { r.begunTLS = time.Now() }) },
		TLSHandshakeDone: func(s tls.ConnectionState, err error) {
			locked(func() { r.secure, r.secureErr, r.handshake = &s, err, time.Since(r.begunTLS) })
		},
		GotConn: func(i httptrace.GotConnInfo) {
			locked(func() {
				r.ours, r.theirs = addrOf(i.Conn.LocalAddr().String()), addrOf(i.Conn.RemoteAddr().String())
			})
		},
	}
}

func addrOf(hostPort string) netip.Addr {
	ap, _ := netip.ParseAddrPort(hostPort)
	return ap.Addr().Unmap().WithZone("")
}

// reach makes the first connection, by asking for the client's address. It
// reports whether something has answered.
func (x *exam) reach(ctx context.Context) bool {
	r := &x.route
	x.address = x.ask(httptrace.WithClientTrace(ctx, r.trace()), request{method: http.MethodGet, query: "getIP"})
	r.mu.Lock()
	defer r.mu.Unlock()
	if !x.judgeLookup(r) || !x.judgeDial(r) || !x.judgeTLS(r) {
		return false
	}
	if x.address.err != nil {
		x.fail(Gateway, "look at what listens there, and at what lies between", "%s answers nothing that is HTTP: %s", r.dialled, explain(x.address.err))
		return false
	}
	return true
}

func (x *exam) judgeLookup(r *route) bool {
	switch {
	case r.lookupErr != nil:
		x.fail(DNS, "mend the name, or its entry in the DNS", "%s has no address: %s", r.name, explain(r.lookupErr))
		return false
	case r.name == "":
		x.skip(DNS, "there is no name to look up")
	default:
		x.okIn(DNS, r.lookup, "%s is %s, found", r.name, quote(strings.Join(r.addresses, " and ")))
	}
	return true
}

func (x *exam) judgeDial(r *route) bool {
	if !r.open {
		err := r.dialErr
		if err == nil {
			err = x.address.err
		}
		x.fail(TCP, "start the gateway, or the proxy in front of it; look at its --listen, at the port in the URL, and at firewalls", "%s: %s", r.dialled, explain(err))
		return false
	}
	x.okIn(TCP, r.dial, "connected to %s", r.dialled)
	return true
}

func (x *exam) judgeTLS(r *route) bool {
	switch {
	case x.url.Scheme != "https":
		x.skip(TLS, "the URL is http://; proxies of networks meddle less with https://")
	case r.secure == nil:
		x.fail(TLS, "look at what lies between", "no TLS handshake: %s", explain(x.address.err))
		return false
	case r.secureErr != nil:
		text, change := explainTLS(r.secureErr)
		x.fail(TLS, change, "%s", text)
		return false
	default:
		f := judgeCertificate(r.secure.PeerCertificates, time.Now())
		f.text = fmt.Sprintf("%s in %s, %s", tls.VersionName(r.secure.Version), brief(r.handshake), f.text)
		x.find(TLS, f)
	}
	return true
}

func explainTLS(err error) (text, change string) {
	const renew = "renew the certificate, and have the proxy load it"
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		if e.Reason == x509.Expired {
			return fmt.Sprintf("the certificate is good from %s to %s, which is not now", day(e.Cert.NotBefore), day(e.Cert.NotAfter)), renew + "; or set this machine's clock"
		}
		return "the certificate is not valid: " + e.Error(), renew
	}
	if e, ok := errors.AsType[x509.HostnameError](err); ok {
		return "the certificate is another host's: " + quote(e.Error()), "get one for this name, or use the name it is for"
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "the certificate is of no authority that this machine knows", "have the proxy send the whole chain; an authority of one's own has to be known to every client"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "the port does not speak TLS", "write http:// in the URL, or the port of https"
	}
	return "the TLS handshake failed: " + explain(err), "look at the proxy's settings of TLS"
}

// soonEnds is when a certificate should have been renewed: those of automatic
// renewal are by then.
const soonEnds = 14 * 24 * time.Hour

// judgeCertificate looks at a chain that was accepted.
func judgeCertificate(chain []*x509.Certificate, now time.Time) finding {
	if len(chain) == 0 {
		return finding{OK, "without a certificate", ""}
	}
	for _, c := range chain[1:] { // the first to end counts
		if c.NotAfter.Before(chain[0].NotAfter) {
			chain[0] = c
		}
	}
	left := chain[0].NotAfter.Sub(now)
	text := fmt.Sprintf("the certificate is good until %s", day(chain[0].NotAfter))
	if left < soonEnds {
		return finding{Warn, fmt.Sprintf("%s, for %d more days", text, int(left.Hours()/24)), "renew it, and see why that does not happen by itself"}
	}
	return finding{OK, text, ""}
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
