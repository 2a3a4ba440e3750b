package e2e

import (
	"io"
	"net/http"
	"testing"
	"time"
)

// upgrades is the part of nginx's location that WebSockets need, and forwards
// the other one.
const (
	upgrades = `proxy_http_version 1.1;
		proxy_set_header Upgrade $http_upgrade;
		proxy_set_header Connection $connection_upgrade;`
	forwards = `proxy_set_header Host $http_host;
		proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;`
	upgradeMap = `map $http_upgrade $connection_upgrade { default upgrade; '' ''; }`
)

// TestDoctorBehindNginx: what is missing in nginx's configuration is found, and
// nothing else.
func TestDoctorBehindNginx(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		location string // without proxy_pass
		args     []string
		want     map[string]diagnosis
	}{
		{"no Upgrade", forwards, []string{"--quick"}, map[string]diagnosis{
			"websocket-opens": {"fail", "removes the Upgrade", "proxy_set_header Upgrade $http_upgrade"},
		}},
		{"what is idle is cut after 10 s", forwards + upgrades + "proxy_read_timeout 10s;", nil, map[string]diagnosis{
			"websocket-stays": {"fail", "idle for ", "start the gateway with --ping"},
			"longpoll-held":   {"fail", "cut after 10 s: HTTP 504 by nginx", "proxy_read_timeout 75s"},
			"poll-held":       {"fail", "cut after 10 s: HTTP 504 by nginx", "start the gateway with --hold"},
		}},
		{"no X-Forwarded-For", "proxy_set_header Host $http_host;" + upgrades, []string{"--quick"}, map[string]diagnosis{
			"address": {"fail", "takes this client for 127.0.0.1", "--trusted-proxy 127.0.0.1"},
		}},
		{"no Host", "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;" + upgrades, []string{"--quick"}, map[string]diagnosis{
			"host": {"fail", "do not get in", "proxy_set_header Host $http_host"},
		}},
		{"headers stripped", forwards + upgrades + "proxy_hide_header Cache-Control; proxy_hide_header X-Content-Type-Options;", []string{"--quick"}, map[string]diagnosis{
			"headers": {"fail", `Cache-Control comes as ""`, "no proxy_hide_header"},
		}},
		{"answers compressed", forwards + upgrades + "gzip on; gzip_min_length 1; gzip_proxied any; gzip_types application/json;", []string{"--quick"}, map[string]diagnosis{
			"headers": {"warn", "compresses answers (gzip)", "gzip off"},
		}},
		{"the origin of pages hidden", forwards + upgrades + `proxy_set_header Origin "";`, []string{"--quick"}, map[string]diagnosis{
			"foreign-origin": {"fail", "does not reach the gateway", "no proxy_set_header Origin"},
			"origin":         {"fail", "no Access-Control-Allow-Origin comes", "pass Origin on"},
		}},
		{"headers for pages of its own", forwards + upgrades + `add_header Access-Control-Allow-Origin * always;`, []string{"--quick"}, map[string]diagnosis{
			"origin": {"fail", "comes more than once", "no add_header"},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			site := reserveNginx(t)
			g := startGateway(t, "--trusted-proxy", "127.0.0.1", "--origin", shopOrigin)
			site.start(t, upgradeMap, "location = /channel {\n"+tt.location+"\nproxy_pass "+g.url("")+";\n}")
			runDoctor(t, site.url, append(tt.args, "--origin", shopOrigin, "--from", otherHost)...).want(t, tt.want, originWebSocket(tt.want)...)
		})
	}
}

// originWebSocket may fail, too, where no WebSocket opens at all.
func originWebSocket(want map[string]diagnosis) []string {
	if _, ok := want["websocket-opens"]; ok {
		return []string{"origin-websocket"}
	}
	return nil
}

// TestDoctorBehindFaults: what networks do to WebSockets and answers is told
// from one another.
func TestDoctorBehindFaults(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		now  faults
		want map[string]diagnosis
		may  []string // be found, too, on a machine without any time left
	}{
		{"WebSockets forbidden", faults{sockets: refused(http.StatusForbidden)}, map[string]diagnosis{
			"websocket-opens": {"fail", "HTTP 403: something on the way forbids WebSockets", "https://"},
		}, nil},
		{"WebSockets reset", faults{sockets: resetAtOnce}, map[string]diagnosis{
			"websocket-opens": {"fail", "the connection was", "https://"},
		}, nil},
		{"WebSockets fail in a proxy", faults{sockets: refused(http.StatusBadGateway)}, map[string]diagnosis{
			"websocket-opens": {"fail", "HTTP 502", "proxy_http_version 1.1"},
		}, nil},
		{"WebSockets without Upgrade", faults{sockets: withoutUpgrade}, map[string]diagnosis{
			"websocket-opens": {"fail", "removes the Upgrade", "proxy_set_header Upgrade"},
		}, nil},
		{"WebSockets swallowed", faults{sockets: neverAnswered(true)}, map[string]diagnosis{
			"websocket-answers": {"fail", "swallows or collects frames", "buffering"},
		}, nil},
		{"WebSockets killed after 1 s", faults{sockets: killedAfter(time.Second)}, map[string]diagnosis{
			"websocket-stays": {"fail", "though it is busy", "find the proxy or firewall"},
		}, []string{"send-websocket", "receive-websocket"}},
		{"frames and answers held back", faults{sockets: neverAnswered(false), posts: late(2500 * time.Millisecond)}, map[string]diagnosis{
			"longpoll":          {"warn", "only after", "holds requests or answers back"},
			"websocket-answers": {"fail", "collects frames", "buffering"},
			"send-longpoll":     {"fail", "told only after", "holds"},
			"send-poll":         {"fail", "told only after", "holds"},
			"receive-longpoll":  {"fail", "from long-poll only after", "proxy_buffering off"},
			"receive-poll":      {"fail", "from polling only after", "proxy_buffering off"},
		}, nil},
		{"POST forbidden", faults{posts: withoutPOST}, map[string]diagnosis{
			"longpoll": {"fail", "HTTP 403: something before the gateway", "rules"},
			// The page's own sends are POSTs, too.
			"send-poll": {"fail", "not taken", ""},
		}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := startFaultProxy(t, startGateway(t), tt.now)
			runDoctor(t, p.url, "--quick").want(t, tt.want, tt.may...)
		})
	}
}

// late gives answers, whole as they are, only after a while.
func late(by time.Duration) fault {
	return func(p *faultProxy, w http.ResponseWriter, r *http.Request) {
		resp, err := p.ask(r)
		if err != nil {
			refused(http.StatusBadGateway)(p, w, r)
			return
		}
		defer resp.Body.Close()
		pause(r.Context(), by)
		copyHead(w, resp)
		_, _ = io.Copy(w, resp.Body)
	}
}

func withoutPOST(p *faultProxy, w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		refused(http.StatusForbidden)(p, w, r)
		return
	}
	pass(p, w, r)
}

// TestDoctorOfOrigins: a page that is not let in is told of, with the flag that
// lets it in; and that everybody is let in.
func TestDoctorOfOrigins(t *testing.T) {
	t.Parallel()
	t.Run("wrong", func(t *testing.T) {
		t.Parallel()
		g := startGateway(t, "--origin", "https://other.example")
		runDoctor(t, g.url(""), "--quick", "--origin", shopOrigin).want(t, map[string]diagnosis{
			"origin":           {"fail", "pages of https://shop.example do not get in", "start the gateway with --origin https://shop.example"},
			"origin-websocket": {"fail", "pages of https://shop.example do not get in", "start the gateway with --origin https://shop.example"},
		})
	})
	t.Run("any", func(t *testing.T) {
		t.Parallel()
		g := startGateway(t, "--origin", "*")
		runDoctor(t, g.url(""), "--quick", "--origin", shopOrigin).want(t, map[string]diagnosis{
			"foreign-origin": {"warn", "every site", "name your pages' origins"},
		})
	})
}

// TestDoctorWithoutGateway: what is there instead is called by its name.
func TestDoctorWithoutGateway(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		url  func(t *testing.T) string
		id   string
		want diagnosis
	}{
		{"nothing", func(t *testing.T) string { return reserveNginx(t).url }, "tcp", diagnosis{"fail", "nothing listens there", "start the gateway"}},
		{"a web page", func(t *testing.T) string {
			site := reserveNginx(t)
			site.start(t, "", "")
			return site.url + "/index.html"
		}, "gateway", diagnosis{"fail", "by nginx/1.", "point that location at the gateway"}},
		{"no such path at a web server", func(t *testing.T) string {
			site := reserveNginx(t)
			site.start(t, "", "")
			return site.url
		}, "gateway", diagnosis{"fail", "nothing is at /channel", "give the URL"}},
		{"no such path at a gateway", func(t *testing.T) string { return startGateway(t).url("/elsewhere") }, "gateway",
			diagnosis{"fail", "the gateway refuses with HTTP 404", "--path"}},
		{"a proxy without a gateway", func(t *testing.T) string {
			site := reserveNginx(t)
			site.start(t, "", "location = /channel { proxy_pass "+reserveNginx(t).url+"; }")
			return site.url
		}, "gateway", diagnosis{"fail", "HTTP 502 by nginx", "start the gateway"}},
		{"the original script", func(t *testing.T) string {
			return startChannelPHP(t, "1")
		}, "gateway", diagnosis{"fail", "the original library's script answers", "point this location"}},
		{"another page", func(t *testing.T) string {
			return serve(t, http.RedirectHandler("https://www.shop.example/", http.StatusMovedPermanently))
		}, "gateway", diagnosis{"fail", "sends clients on to https://www.shop.example/", "give clients the URL"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			runDoctor(t, tt.url(t), "--quick").want(t, map[string]diagnosis{tt.id: tt.want})
		})
	}
}
