package transport

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func newGuard(t *testing.T, cfg GuardConfig) *Guard {
	t.Helper()
	g, err := NewGuard(cfg)
	if err != nil {
		t.Fatalf("NewGuard: %v", err)
	}
	return g
}

func TestNewGuardRefusesPatterns(t *testing.T) {
	_, err := NewGuard(GuardConfig{Origins: []string{"https://ok.example", "shop.example"}})
	checkErr(t, err, `"shop.example" has no scheme`)
	_, err = NewGuard(GuardConfig{Hosts: []string{"a:1"}})
	checkErr(t, err, "without its port")
}

func TestGuardCheckHost(t *testing.T) {
	shop := []string{"https://shop.example", "https://*.cdn.example"}
	for _, tt := range []struct {
		name string
		cfg  GuardConfig
		host string
		want string // in the refusal; empty: let in
	}{
		{"loopback name", GuardConfig{}, "localhost:8080", ""},
		{"loopback name with final dot", GuardConfig{}, "LOCALHOST.", ""},
		{"name below localhost", GuardConfig{}, "app.localhost:8080", ""},
		{"IPv4", GuardConfig{}, "127.0.0.1:8080", ""},
		{"another IPv4", GuardConfig{}, "10.1.2.3", ""},
		{"IPv6", GuardConfig{}, "[::1]:8080", ""},
		{"IPv6 without port", GuardConfig{}, "[2001:db8::1]", ""},
		{"foreign name", GuardConfig{}, "evil.example:8080", "start the gateway with --host evil.example"},
		{"name that only begins like localhost", GuardConfig{}, "localhost.evil.example", "--host localhost.evil.example"},
		{"name that only ends like localhost", GuardConfig{}, "evillocalhost", "--host evillocalhost"},
		{"missing", GuardConfig{}, "", "missing"},
		{"not a name", GuardConfig{}, "a b", "no host name"},
		{"bad port", GuardConfig{}, "localhost:x", "can't be read"},
		{"host of an origin", GuardConfig{Origins: shop}, "shop.example", ""},
		{"host below an origin's", GuardConfig{Origins: shop}, "a.b.cdn.example:444", ""},
		{"not below", GuardConfig{Origins: shop}, "cdn.example", "--host cdn.example"},
		{"named host", GuardConfig{Hosts: []string{"push.example"}}, "Push.Example:8080", ""},
		{"host below a named one", GuardConfig{Hosts: []string{"*.example"}}, "push.example", ""},
		{"any host", GuardConfig{Hosts: []string{"*"}}, "whatever.example", ""},
		{"any origin", GuardConfig{Origins: []string{"*"}}, "whatever.example", ""},
		{"null origin names no host", GuardConfig{Origins: []string{"null"}, Public: true}, "whatever.example", "--host"},
		{"public and nothing said", GuardConfig{Public: true}, "whatever.example", ""},
		{"public and origins said", GuardConfig{Public: true, Origins: shop}, "whatever.example", "--host whatever.example"},
		{"public and hosts said", GuardConfig{Public: true, Hosts: []string{"a.example"}}, "whatever.example", "--host whatever.example"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/channel", nil)
			r.Host = tt.host
			checkErr(t, newGuard(t, tt.cfg).Check(r), tt.want)
		})
	}
}

func TestGuardCheckOrigin(t *testing.T) {
	any := GuardConfig{Hosts: []string{"*"}}
	with := func(origins ...string) GuardConfig { return GuardConfig{Hosts: []string{"*"}, Origins: origins} }
	for _, tt := range []struct {
		name         string
		cfg          GuardConfig
		host, origin string
		want         string
	}{
		{"none", any, "gw.example", "", ""},
		{"same", any, "gw.example", "http://gw.example", ""},
		{"same with port", any, "gw.example:8080", "http://gw.example:8080", ""},
		{"same behind TLS", any, "gw.example", "https://gw.example", ""},
		{"same, port written out", any, "gw.example:443", "https://gw.example", ""},
		{"same IPv6", any, "[::1]:8080", "http://[::1]:8080", ""},
		{"same, other case", any, "GW.example", "http://gw.example", ""},
		{"other port", any, "gw.example:8080", "http://gw.example", "--origin http://gw.example"},
		{"other host", any, "gw.example", "https://shop.example", "start the gateway with --origin https://shop.example"},
		{"same host, scheme of an app", any, "gw.example", "app://gw.example", "--origin app://gw.example"},
		{"null", any, "gw.example", "null", "--origin null"},
		{"null allowed", with("null"), "gw.example", "null", ""},
		{"null where all others are allowed by name", with("https://*.example"), "gw.example", "null", "--origin null"},
		{"allowed", with("https://shop.example"), "gw.example", "https://shop.example", ""},
		{"allowed, second pattern", with("https://a.example", "https://shop.example"), "gw.example", "https://shop.example", ""},
		{"scheme differs", with("https://shop.example"), "gw.example", "http://shop.example", "--origin http://shop.example"},
		{"port differs", with("https://shop.example"), "gw.example", "https://shop.example:444", "--origin"},
		{"any port", with("http://localhost:*"), "gw.example", "http://localhost:3000", ""},
		{"below", with("https://*.shop.example"), "gw.example", "https://a.b.shop.example", ""},
		{"not below", with("https://*.shop.example"), "gw.example", "https://shop.example", "--origin"},
		{"ends alike", with("https://*.shop.example"), "gw.example", "https://evilshop.example", "--origin"},
		{"begins alike", with("https://shop.example"), "gw.example", "https://shop.example.evil.example", "--origin"},
		{"any", with("*"), "gw.example", "https://whoever.example", ""},
		{"any, null", with("*"), "gw.example", "null", ""},
		{"not an origin", with("*"), "gw.example", "https://shop.example/path", "no origin"},
		{"garbage", with("*"), "gw.example", "shop.example", "no origin"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/channel", nil)
			r.Host = tt.host
			if tt.origin != "" {
				r.Header.Set("Origin", tt.origin)
			}
			checkErr(t, newGuard(t, tt.cfg).Check(r), tt.want)
		})
	}
}

func TestGuardCheckHeaders(t *testing.T) {
	for _, tt := range []struct {
		name   string
		header http.Header
		want   string
	}{
		{"two origins", http.Header{"Origin": {"http://localhost", "http://localhost"}}, "more than one Origin"},
		{"an image on another site", http.Header{"Sec-Fetch-Site": {"cross-site"}}, "another origin"},
		{"a script on a sibling", http.Header{"Sec-Fetch-Site": {"same-site"}}, "another origin"},
		{"own page", http.Header{"Sec-Fetch-Site": {"same-origin"}}, ""},
		{"address bar", http.Header{"Sec-Fetch-Site": {"none"}}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/channel", nil)
			r.Host, r.Header = "localhost", tt.header
			checkErr(t, newGuard(t, GuardConfig{}).Check(r), tt.want)
		})
	}
}

func TestGuardWrapCORS(t *testing.T) {
	ok := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("in")) })
	h := newGuard(t, GuardConfig{Origins: []string{"https://shop.example", "https://*.b.example"}}).Wrap(ok)
	for _, tt := range []struct {
		name, method, origin string
		status               int
		allow                string // Access-Control-Allow-Origin
		methods              string // Access-Control-Allow-Methods
	}{
		{"no origin", "GET", "", 200, "", ""},
		{"own origin needs no CORS", "GET", "http://localhost", 200, "", ""},
		{"allowed", "POST", "https://shop.example", 200, "https://shop.example", ""},
		{"allowed by wildcard", "GET", "https://a.b.example", 200, "https://a.b.example", ""},
		{"refused", "GET", "https://evil.example", 403, "", ""},
		{"preflight", "OPTIONS", "https://shop.example", 204, "https://shop.example", "GET, POST"},
		{"preflight of an own page", "OPTIONS", "http://localhost", 204, "", ""},
		{"preflight refused", "OPTIONS", "https://evil.example", 403, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(tt.method, "/channel", nil)
			r.Host = "localhost"
			if tt.origin != "" {
				r.Header.Set("Origin", tt.origin)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != tt.status {
				t.Errorf("status: got %d, want %d: %s", w.Code, tt.status, w.Body)
			}
			for name, want := range map[string]string{
				"Access-Control-Allow-Origin":      tt.allow,
				"Access-Control-Allow-Methods":     tt.methods,
				"Access-Control-Allow-Credentials": "",
				"Vary":                             "Origin",
			} {
				if got := w.Header().Get(name); got != want {
					t.Errorf("%s: got %q, want %q", name, got, want)
				}
			}
		})
	}
}

func TestGuardWrapRefusesInJSON(t *testing.T) {
	h := newGuard(t, GuardConfig{}).Wrap(http.NotFoundHandler())
	r := httptest.NewRequest(http.MethodGet, "/channel", nil)
	r.Host = "localhost"
	r.Header.Set("Origin", "https://shop.example")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var body struct{ Code, Message string }
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatalf("body %q: %v", w.Body, err)
	}
	if w.Code != 403 || body.Code != "forbidden" || !strings.Contains(body.Message, "--origin https://shop.example") {
		t.Errorf("got %d %+v, want 403, forbidden and what to change", w.Code, body)
	}
}

func TestClientAddr(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}
	for _, tt := range []struct {
		name      string
		peer      string
		forwarded []string
		want      string
	}{
		{"peer alone", "192.0.2.1:1234", nil, "192.0.2.1"},
		{"untrusted peer's word", "192.0.2.1:1234", []string{"1.1.1.1"}, "192.0.2.1"},
		{"IPv4 in IPv6", "[::ffff:192.0.2.1]:1", nil, "192.0.2.1"},
		{"zone", "[fe80::1%eth0]:1", nil, "fe80::1"},
		{"trusted peer", "10.0.0.1:1", []string{"192.0.2.7"}, "192.0.2.7"},
		{"trusted peer in IPv6 clothes", "[::ffff:10.0.0.1]:1", []string{"192.0.2.7"}, "192.0.2.7"},
		{"trusted IPv6 peer", "[2001:db8::5]:1", []string{"192.0.2.7"}, "192.0.2.7"},
		{"lies in front", "10.0.0.1:1", []string{"1.1.1.1, 192.0.2.7"}, "192.0.2.7"},
		{"two proxies", "10.0.0.1:1", []string{"1.1.1.1, 192.0.2.7, 10.0.0.2"}, "192.0.2.7"},
		{"two headers are one list", "10.0.0.1:1", []string{"1.1.1.1", "192.0.2.7,10.0.0.2"}, "192.0.2.7"},
		{"all trusted", "10.0.0.1:1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"no header", "10.0.0.1:1", nil, "10.0.0.1"},
		{"empty elements", "10.0.0.1:1", []string{", 192.0.2.7 , ,"}, "192.0.2.7"},
		{"with port", "10.0.0.1:1", []string{"192.0.2.7:5555"}, "192.0.2.7"},
		{"IPv6 with port", "10.0.0.1:1", []string{"[2001:db9::7]:5555"}, "2001:db9::7"},
		{"IPv6 in brackets", "10.0.0.1:1", []string{"[2001:db9::7]"}, "2001:db9::7"},
		{"unknown", "10.0.0.1:1", []string{"192.0.2.7, unknown"}, "invalid IP"},
		{"no address of a peer", "@", nil, "invalid IP"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = tt.peer
			r.Header["X-Forwarded-For"] = tt.forwarded
			got := newGuard(t, GuardConfig{TrustedProxies: proxies}).ClientAddr(r)
			if got.String() != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestMayRead(t *testing.T) {
	for _, tt := range []struct {
		channel, addr string
		want          bool
	}{
		{"room", "192.0.2.1", true},
		{"room_192.0.2.1", "192.0.2.7", true},
		{"192.0.2.1", "192.0.2.7", true}, // no "_"
		{"192.0.2.1_x", "192.0.2.1", true},
		{"192.0.2.1_", "192.0.2.1", true},
		{"192.0.2.1_x", "::ffff:192.0.2.1", true},
		{"::ffff:192.0.2.1_x", "192.0.2.1", true},
		{"192.0.2.1_x", "192.0.2.10", false},
		{"192.0.2.1_x", "2001:db8::1", false},
		{"192.000.002.001_x", "192.0.2.1", true},
		{"192.000.002.001_x", "192.0.2.2", false},
		{"999.0.2.1_x", "192.0.2.1", false},
		{"1192.0.2.1_x", "10.0.0.1", true}, // not an address
		{"192.0.2_x", "10.0.0.1", true},
		{"192.0.2.1.5_x", "10.0.0.1", true},
		{"pre_192.0.2.1_x", "10.0.0.1", true}, // does not begin with one
		{"2001:db8::1_x", "2001:db8::1", true},
		{"2001:0DB8:0:0:0:0:0:1_x", "2001:db8::1", true},
		{"2001:db8::1_x", "2001:db8::2", false},
		{"[2001:db8::1]_x", "2001:db8::1", true},
		{"[2001:db8::1]_x", "2001:db8::2", false},
		{"fe80::1%eth_0_x", "fe80::1%eth1", true},
		{"fe80::1%eth0_x", "fe80::2", false},
		{"::_x", "::1", false},
		{"face_x", "10.0.0.1", true},
	} {
		t.Run(tt.channel+" from "+tt.addr, func(t *testing.T) {
			err := MayRead(tt.channel, netip.MustParseAddr(tt.addr))
			if got := err == nil; got != tt.want {
				t.Errorf("got %v (%v), want %v", got, err, tt.want)
			}
		})
	}
	if MayRead("192.0.2.1_x", netip.Addr{}) == nil || MayRead("999.0.2.1_x", netip.Addr{}) == nil {
		t.Error("an unknown client may read a channel of an address")
	}
}
