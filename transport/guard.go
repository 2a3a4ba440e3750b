package transport

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/commchannel/gateway/protocol"
)

// GuardConfig says who may come in. The zero value lets in pages of the
// gateway's own origin and programs, by loopback names and addresses only, and
// believes nobody's X-Forwarded-For.
type GuardConfig struct {
	// Origins are patterns of the origins whose pages may talk to the
	// gateway beside its own: https://shop.example, https://*.shop.example
	// (names below it, at any depth), http://localhost:* (any port), "null"
	// (sandboxed frames, pages from files), "*" (every page there is).
	Origins []string
	// Hosts are the names the gateway is reached by, beside loopback names,
	// addresses and the hosts of Origins: push.shop.example,
	// *.shop.example, or "*".
	Hosts []string
	// TrustedProxies are those whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// Public says that the gateway can be reached from other machines. If
	// then neither Origins nor Hosts are given, any name will do: nobody has
	// said how the gateway is called.
	Public bool
}

// A Guard decides which requests may come in. It is the same for all
// entrances, and may be used from any goroutine.
type Guard struct {
	origins []originPattern
	hosts   []hostPattern
	anyHost bool
	proxies []netip.Prefix
}

// NewGuard checks cfg. Its error tells of the first pattern that can't be.
func NewGuard(cfg GuardConfig) (*Guard, error) {
	g := &Guard{
		anyHost: cfg.Public && len(cfg.Origins) == 0 && len(cfg.Hosts) == 0,
		proxies: slices.Clone(cfg.TrustedProxies),
	}
	for _, s := range cfg.Origins {
		p, err := parseOriginPattern(s)
		if err != nil {
			return nil, fmt.Errorf("transport: origin %w", err)
		}
		g.origins = append(g.origins, p)
		// A page of every origin may come in: by which name does not matter.
		g.anyHost = g.anyHost || p.any
		if !p.any && !p.null {
			g.hosts = append(g.hosts, p.host)
		}
	}
	for _, s := range cfg.Hosts {
		p, err := parseHostPattern(s)
		if err != nil {
			return nil, fmt.Errorf("transport: host %w", err)
		}
		g.hosts = append(g.hosts, p)
	}
	return g, nil
}

// Check tells why r may not come in. The error is an *protocol.Error with
// CodeForbidden, whose message says what to change.
func (g *Guard) Check(r *http.Request) error {
	if err := g.checkHost(r.Host); err != nil {
		return err
	}
	return g.checkOrigin(r)
}

// checkHost keeps out pages of a foreign name that was made to resolve to the
// gateway's address ("DNS rebinding"): for the browser they are of the same
// origin as the gateway, and only the name tells them apart. An address can't
// be re-bound.
func (g *Guard) checkHost(host string) error {
	name, _, err := splitPort(host)
	if err != nil || name == "" {
		return forbidden("the Host header is missing or can't be read")
	}
	name = canonicalHost(name)
	if isAddr(name) {
		return nil
	}
	if g.anyHost || name == "localhost" || strings.HasSuffix(name, ".localhost") ||
		slices.ContainsFunc(g.hosts, func(p hostPattern) bool { return p.match(name) }) {
		return nil
	}
	if checkHostName(name) != nil {
		return forbidden("the Host header is no host name")
	}
	return forbidden("the gateway does not know itself by the name %q; start the gateway with --host %s", name, name)
}

// isAddr spares names the error of not being one.
func isAddr(name string) bool {
	if first := name[0]; (first < '0' || first > '9') && !strings.Contains(name, ":") {
		return false
	}
	_, err := netip.ParseAddr(name)
	return err == nil
}

func (g *Guard) checkOrigin(r *http.Request) error {
	switch values := r.Header.Values("Origin"); len(values) {
	case 0:
		// Browsers leave Origin out on GET for scripts, images and links;
		// those of another site could still move a polling client's cursor.
		if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" || site == "same-site" {
			return forbidden("a page of another origin may not fetch this as a script, an image or a link")
		}
		return nil
	case 1:
		o, err := parseOrigin(values[0])
		if err != nil {
			return forbidden("%v", err)
		}
		if o.same(r.Host) || g.allows(o) {
			return nil
		}
		return forbidden("pages of the origin %q may not talk to this gateway; start the gateway with --origin %s", values[0], values[0])
	default:
		return forbidden("more than one Origin header")
	}
}

func (g *Guard) allows(o origin) bool {
	return slices.ContainsFunc(g.origins, func(p originPattern) bool { return p.match(o) })
}

// Wrap lets only requests into next that pass Check, tells browsers exactly
// which origin may read the answer, and answers their preflights.
func (g *Guard) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Origin") // refusals differ by it, too
		if err := g.Check(r); err != nil {
			WriteError(w, ErrorFrom(err))
			return
		}
		if text := r.Header.Get("Origin"); text != "" {
			if o, err := parseOrigin(text); err == nil && g.allows(o) {
				w.Header().Set("Access-Control-Allow-Origin", text)
			}
		}
		if r.Method == http.MethodOptions {
			preflight(w)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// preflight says what pages may send. Credentials are not among it: the
// gateway has no cookies.
func preflight(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Allow", allowedMethods)
	if h.Get("Access-Control-Allow-Origin") != "" {
		h.Set("Access-Control-Allow-Methods", "GET, POST")
		h.Set("Access-Control-Allow-Headers", "Content-Type, Authorization")
		h.Set("Access-Control-Max-Age", "7200") // the longest Chromium keeps it
	}
	w.WriteHeader(http.StatusNoContent)
}

func forbidden(format string, args ...any) error {
	return &protocol.Error{Code: protocol.CodeForbidden, Message: fmt.Sprintf(format, args...)}
}
