package transport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// An originPattern is one --origin: an origin, or one with a wildcard.
type originPattern struct {
	any    bool // "*": every origin, "null" included
	null   bool // "null": sandboxed frames and pages from files
	scheme string
	host   hostPattern
	port   string // "*": any
}

// A hostPattern is a host name, or all names below one.
type hostPattern struct {
	any   bool   // "*"
	below bool   // "*.": names below name, at any depth, but not name itself
	name  string // lower case, no brackets
}

// CheckOrigin tells why pattern can't be one of GuardConfig.Origins.
func CheckOrigin(pattern string) error {
	_, err := parseOriginPattern(pattern)
	return err
}

// CheckHost tells why pattern can't be one of GuardConfig.Hosts.
func CheckHost(pattern string) error {
	_, err := parseHostPattern(pattern)
	return err
}

func parseOriginPattern(s string) (originPattern, error) {
	switch s {
	case "*":
		return originPattern{any: true}, nil
	case "null":
		return originPattern{null: true}, nil
	}
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		return originPattern{}, fmt.Errorf("%q has no scheme; an origin is written like https://shop.example", s)
	}
	scheme = strings.ToLower(scheme)
	if !validScheme(scheme) {
		return originPattern{}, fmt.Errorf("%q: the scheme can't be %q", s, scheme)
	}
	if strings.ContainsAny(rest, "/?#@") {
		return originPattern{}, fmt.Errorf("%q: an origin ends with its host and port, without path, query or user", s)
	}
	host, port, err := splitPort(rest)
	if err != nil {
		return originPattern{}, fmt.Errorf("%q: %w", s, err)
	}
	if host == "*" {
		return originPattern{}, fmt.Errorf(`%q: every host is too many; name one, or its sub-domains as in https://*.shop.example (the origin "*" alone allows everybody)`, s)
	}
	h, err := parseHostName(host)
	if err != nil {
		return originPattern{}, fmt.Errorf("%q: %w", s, err)
	}
	if port == "" {
		port = defaultPort(scheme)
	}
	return originPattern{scheme: scheme, host: h, port: port}, nil
}

func parseHostPattern(s string) (hostPattern, error) {
	if s == "*" {
		return hostPattern{any: true}, nil
	}
	if strings.Contains(s, "/") {
		return hostPattern{}, fmt.Errorf("%q: a host is a name without scheme or path, like push.shop.example", s)
	}
	if _, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return hostPattern{}, fmt.Errorf("%q: addresses are allowed anyway", s)
	}
	if strings.Contains(s, ":") {
		return hostPattern{}, fmt.Errorf("%q: a host is written without its port", s)
	}
	h, err := parseHostName(s)
	if err != nil {
		return hostPattern{}, fmt.Errorf("%q: %w", s, err)
	}
	return h, nil
}

// parseHostName reads a name or an address in brackets, with "*." in front of
// a name standing for everything below it.
func parseHostName(s string) (hostPattern, error) {
	if inner, ok := strings.CutPrefix(s, "["); ok {
		addr, err := netip.ParseAddr(strings.TrimSuffix(inner, "]"))
		if err != nil {
			return hostPattern{}, fmt.Errorf("%q is no address", s)
		}
		return hostPattern{name: addr.String()}, nil
	}
	name, below := strings.CutPrefix(strings.ToLower(s), "*.")
	if err := checkHostName(name); err != nil {
		return hostPattern{}, err
	}
	return hostPattern{below: below, name: name}, nil
}

// checkHostName wants what a browser puts into Origin and Host: dots, and
// labels of ASCII letters, digits, "-" and "_".
func checkHostName(name string) error {
	if name == "" {
		return errors.New("the host is missing")
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return fmt.Errorf("%q is no host name", name)
		}
		for _, c := range label {
			switch {
			case c > 0x7f:
				return fmt.Errorf("%q: browsers send international names in their xn-- form; write it so", name)
			case c == '*':
				return fmt.Errorf(`%q: "*" stands only for all of a name's sub-domains, as in *.shop.example`, name)
			case !isLetterOrDigit(c) && c != '-' && c != '_':
				return fmt.Errorf("%q is no host name", name)
			}
		}
	}
	return nil
}

func (p originPattern) match(o origin) bool {
	switch {
	case p.any:
		return true
	case p.null || o.null:
		return p.null && o.null
	}
	return p.scheme == o.scheme && (p.port == "*" || p.port == o.port) && p.host.match(o.host)
}

func (p hostPattern) match(name string) bool {
	switch {
	case p.any:
		return true
	case p.below:
		sub, ok := strings.CutSuffix(name, "."+p.name)
		return ok && sub != ""
	}
	return p.name == name
}

// An origin is what an Origin header says.
type origin struct {
	null               bool
	scheme, host, port string // port: the scheme's own where none is written
}

func parseOrigin(s string) (origin, error) {
	if s == "null" {
		return origin{null: true}, nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return origin{}, errors.New("the Origin header is no origin")
	}
	o := origin{scheme: strings.ToLower(u.Scheme), host: canonicalHost(u.Hostname()), port: u.Port()}
	if o.port == "" {
		o.port = defaultPort(o.scheme)
	}
	return o, nil
}

// same reports whether o is where host (a Host header) would be reached by
// o's scheme. The scheme itself can't be compared: behind a proxy that ends
// TLS, the gateway does not see it.
func (o origin) same(host string) bool {
	if o.null || o.scheme != "http" && o.scheme != "https" {
		return false
	}
	name, port, err := splitPort(host)
	if err != nil {
		return false
	}
	if port == "" {
		port = defaultPort(o.scheme)
	}
	return o.host == canonicalHost(name) && o.port == port
}

func defaultPort(scheme string) string {
	switch scheme {
	case "http":
		return "80"
	case "https":
		return "443"
	}
	return ""
}

// splitPort cuts a port off, where there is one. The port is a number or "*".
func splitPort(s string) (host, port string, err error) {
	if !strings.Contains(s, ":") || strings.HasSuffix(s, "]") {
		return s, "", nil
	}
	host, port, err = net.SplitHostPort(s)
	if err != nil {
		return "", "", errors.New("can't be told apart into host and port")
	}
	if port != "*" && !isPort(port) {
		return "", "", fmt.Errorf("the port can't be %q", port)
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host, port, nil
}

// canonicalHost is a name as patterns hold it: lower case, no brackets, no
// final dot; an address in its shortest spelling.
func canonicalHost(s string) string {
	s = strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
	if addr, err := netip.ParseAddr(s); err == nil {
		return addr.String()
	}
	return strings.ToLower(strings.TrimSuffix(s, "."))
}

func isPort(s string) bool {
	if s == "" || len(s) > 5 {
		return false
	}
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

func validScheme(s string) bool {
	for i, c := range s {
		if !isLetterOrDigit(c) && (i == 0 || c != '+' && c != '-' && c != '.') {
			return false
		}
	}
	return s != "" && (s[0] < '0' || s[0] > '9')
}

func isLetterOrDigit(c rune) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
