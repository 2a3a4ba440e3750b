package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/commchannel/gateway/internal/memcachedtest"
)

// shadowed is what gateway shadow prints for programs.
type shadowed struct {
	Channel     string
	Same        bool
	Seconds     float64
	Both        int
	OnlyLegacy  int     `json:"only_legacy"`
	OnlyNew     int     `json:"only_new"`
	OutOfOrder  int     `json:"out_of_order"`
	Gaps        int     `json:"gaps"`
	FailedPolls int     `json:"failed_polls"`
	P50         float64 `json:"sooner_p50_ms"`
	P99         float64 `json:"sooner_p99_ms"`
	Differences []struct {
		Kind, From, Type, Payload string
	}
}

// shadow runs gateway shadow, and wants an exit code.
func shadow(t *testing.T, g *gateway, code int, legacy, channel string, more ...string) shadowed {
	t.Helper()
	r := gatewayRan(t, append([]string{
		"shadow", "--legacy", legacy, channel, "--url", g.url("/channel"), "-o", "json", "--settle", "3s",
	}, more...)...)
	r.want(t, code)
	var s shadowed
	if err := json.Unmarshal([]byte(r.stdout), &s); err != nil {
		t.Fatalf("got %+v: %v", r, err)
	}
	t.Logf("%+v", s)
	if s.Same != (code == 0) || s.Channel != channel {
		t.Errorf("got %+v, want a verdict that goes with exit code %d", s, code)
	}
	return s
}

// A sited is a channel that PHP keeps busy, with the seed's script and a gateway
// in front of it.
type sited struct {
	memcached *memcachedtest.Server
	gateway   *gateway
	script    string // URL
}

func startSited(t *testing.T) *sited {
	t.Helper()
	m := startMemcached(t)
	_, port, _ := strings.Cut(m.Addr, ":")
	return &sited{m, onMemcached(t, m.Addr), startChannelPHP(t, port)}
}

// TestShadowOfBusyChannel: PHP sends before, all the time and behind.
func TestShadowOfBusyChannel(t *testing.T) {
	const channel = "busy"
	site := startSited(t)
	php := startSteady(t, site.memcached, channel)
	php.awaitMore(t, 5)
	for _, tt := range []struct {
		name, legacy string
		more         []string
	}{
		{"the seed's script", site.script, nil},
		{"the seed's script, and long-poll", site.script, []string{"--transport", "longpoll"}},
		{"the gateway's polls", site.gateway.url("/channel.php"), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := shadow(t, site.gateway, 0, tt.legacy, channel, append(tt.more, "--duration", "6s")...)
			if s.Both < 20 || s.OnlyLegacy+s.OnlyNew+s.OutOfOrder+s.FailedPolls+len(s.Differences) > 0 || s.Seconds < 6 {
				t.Errorf("got %+v, want many messages that came to both", s)
			}
			if s.P50 <= 0 || s.P99 < s.P50 {
				t.Errorf("sooner by %v and %v ms, want more than nothing: an old page polls twice a second", s.P50, s.P99)
			}
		})
	}
	php.end(t)
}

// tampered is a proxy to a script that changes the texts of each answer.
func tampered(t *testing.T, script string, change func(texts []string) []string) (url string) {
	t.Helper()
	base, path, _ := strings.Cut(script, "/channel.php")
	proxy := proxyTo(t, base).(*httputil.ReverseProxy)
	proxy.ModifyResponse = func(r *http.Response) error {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		var texts []string
		if err := json.Unmarshal(body, &texts); err != nil {
			return fmt.Errorf("%s: %w", body, err)
		}
		if body, err = json.Marshal(append([]string{}, change(texts)...)); err != nil {
			return err
		}
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		r.Header.Del("Content-Length")
		return nil
	}
	return serve(t, proxy) + "/channel.php" + path
}

// TestShadowNoticesALoss: the old side loses one message of a busy channel, has
// one that nobody has sent, or swaps two.
func TestShadowNoticesALoss(t *testing.T) {
	const channel = "lossy"
	site := startSited(t)
	php := startSteady(t, site.memcached, channel)
	php.awaitMore(t, 5)
	for _, tt := range []struct {
		name   string
		change func(texts []string) []string // of the first answer after a while with enough texts
		kind   string
		want   func(s shadowed) bool
	}{
		{"lost", func(texts []string) []string { return append(texts[:1:1], texts[2:]...) }, "only_new",
			func(s shadowed) bool { return s.OnlyNew == 1 && s.OnlyLegacy == 0 && s.OutOfOrder == 0 }},
		{"made up", func(texts []string) []string { return append(texts, `{"type":"msg","msg":"made up","from":"steady"}`) }, "only_legacy",
			func(s shadowed) bool { return s.OnlyNew == 0 && s.OnlyLegacy == 1 && s.OutOfOrder == 0 }},
		{"swapped", func(texts []string) []string { texts[0], texts[1] = texts[1], texts[0]; return texts }, "out_of_order",
			func(s shadowed) bool { return s.OnlyNew == 0 && s.OnlyLegacy == 0 && s.OutOfOrder == 1 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var changed atomic.Bool
			begin := time.Now()
			old := tampered(t, site.script, func(texts []string) []string {
				if len(texts) < 3 || time.Since(begin) < 2*time.Second || !changed.CompareAndSwap(false, true) {
					return texts
				}
				return tt.change(texts)
			})
			s := shadow(t, site.gateway, 1, old, channel, "--duration", "7s")
			if !changed.Load() || !tt.want(s) || len(s.Differences) != 1 {
				t.Fatalf("got %+v (changed: %t), want one message that is %s", s, changed.Load(), tt.kind)
			}
			if d := s.Differences[0]; d.Kind != tt.kind || d.From != "steady" || d.Type != "msg" || s.Both < 20 {
				t.Errorf("got %+v, want a message of steady that is %s, and many others", s, tt.kind)
			}
		})
	}
	php.end(t)
}

// TestShadowInterrupted: an interrupt is the end, and there is a verdict on what
// has come.
func TestShadowInterrupted(t *testing.T) {
	const channel = "busy"
	site := startSited(t)
	php := startSteady(t, site.memcached, channel)
	var polled atomic.Int32
	old := tampered(t, site.script, func(texts []string) []string { polled.Add(int32(len(texts))); return texts })
	c := spawn(t, "gateway shadow", gatewayCommand(t, "shadow", "--legacy", old, channel, "--duration", "0", "--settle", "1s", "--url", site.gateway.url("/channel")), nil)
	for deadline := time.Now().Add(patience); polled.Load() < 50; pause(t.Context(), phpPause) {
		if time.Now().After(deadline) {
			t.Fatal("the old client gets nothing")
		}
	}
	if code := c.interrupt(t); code != 0 {
		t.Errorf("exit code: got %d, want 0", code)
	}
	c.started(t, says("came to both  "))
	c.started(t, says("verdict       no difference"))
	php.end(t)
}

// TestShadowOfNothing: where nothing comes, and where the old URL is none, there
// is nothing to trust in.
func TestShadowOfNothing(t *testing.T) {
	site := startSited(t)
	r := gatewayRan(t, "shadow", "--legacy", site.script, "empty", "--duration", "1s", "--url", site.gateway.url("/channel"))
	if want := "gateway shadow: no message came to both, so that nothing is shown\n"; r.code != 1 || r.stderr != want {
		t.Errorf("a silent channel: got %+v, want 1 and %q", r, want)
	}
	r = gatewayRan(t, "shadow", "--legacy", site.gateway.url("/nothing"), "empty", "--duration", "1s", "--url", site.gateway.url("/channel"))
	if want := "gateway shadow: the old client's first poll: HTTP status 404"; r.code != 1 || !strings.HasPrefix(r.stderr, want) {
		t.Errorf("no such script: got %+v, want 1 and %q", r, want)
	}
}

// shadowHelp are the examples of shadow.
func shadowHelp() map[string]helpTest {
	test := func(want string, oldNew ...string) helpTest {
		return func(t *testing.T, l helpLine) {
			const channel = "room"
			site := startSited(t)
			site.gateway.named(t)
			startSteady(t, site.memcached, channel)
			for i := range oldNew {
				oldNew[i] = strings.ReplaceAll(oldNew[i], "GATEWAY", site.gateway.url("/channel"))
			}
			l.run(t, t.TempDir(), append(oldNew, "http://shop.example/channel.php", site.script)...).want(t, 0, want)
		}
	}
	return map[string]helpTest{
		"gateway shadow --legacy http://shop.example/channel.php --url https://push.shop.example/channel room": test("verdict       no difference",
			"https://push.shop.example/channel room", "GATEWAY room --duration 3s --settle 1s"),
		"gateway shadow --legacy http://shop.example/channel.php room --duration 1h -o json": test(`"same":true`,
			"1h", "3s --settle 1s"),
	}
}
