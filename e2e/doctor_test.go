package e2e

import (
	"bufio"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/commchannel/gateway/internal/memcachedtest"
)

// otherHost is an address of this machine beside the one that everything else
// here has, so that a proxy's address is not the client's.
const otherHost = "127.0.0.2"

const shopOrigin = "https://shop.example"

// A checkup is what the doctor tells programs.
type checkup struct {
	URL    string
	Fine   bool
	Checks []struct{ ID, Status, Text, Change string }
}

// runDoctor runs the doctor to its end, and holds it to what it says of exit
// codes and errors.
func runDoctor(t *testing.T, url string, args ...string) checkup {
	t.Helper()
	c := spawn(t, "gateway doctor", gatewayCommand(t, append([]string{"doctor", url, "-o", "json"}, args...)...), nil)
	select {
	case <-c.ended:
	case <-time.After(3 * patience): // answers may be held back one after the other
		t.Fatal("the doctor does not come to an end")
	}
	return readCheckup(t, ran{c.cmd.ProcessState.ExitCode(), strings.Join(c.said.all(), "\n"), ""})
}

func readCheckup(t *testing.T, r ran) checkup {
	t.Helper()
	var up checkup
	if err := json.Unmarshal([]byte(r.stdout), &up); err != nil {
		t.Fatalf("%v: %q", err, r.stdout)
	}
	if wantFine := !slices.ContainsFunc(up.ids("fail"), func(string) bool { return true }); up.Fine != wantFine {
		t.Errorf("fine: got %t, want %t", up.Fine, wantFine)
	}
	if wantCode := map[bool]int{true: 0, false: 1}[up.Fine]; r.code != wantCode {
		t.Errorf("exit code: got %d, want %d", r.code, wantCode)
	}
	return up
}

func (up checkup) ids(statuses ...string) (ids []string) {
	for _, c := range up.Checks {
		if slices.Contains(statuses, c.Status) {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// A diagnosis is what of a verdict counts.
type diagnosis struct{ status, text, change string } // pieces of text and change

// want fails t unless these are the warnings and failures, and no others but
// those that may be.
func (up checkup) want(t *testing.T, want map[string]diagnosis, may ...string) {
	t.Helper()
	for _, c := range up.Checks {
		w, wanted := want[c.ID]
		switch {
		case wanted && (c.Status != w.status || !strings.Contains(c.Text, w.text) || !strings.Contains(c.Change, w.change)):
			t.Errorf("%s: want %s with %q and the change %q", c.ID, w.status, w.text, w.change)
		case !wanted && (c.Status == "warn" || c.Status == "fail") && !slices.Contains(may, c.ID):
			t.Errorf("%s: want no finding", c.ID)
		}
	}
	if t.Failed() {
		for _, c := range up.Checks {
			t.Logf("%-7s %s: %s -> %s", c.Status, c.ID, c.Text, c.Change)
		}
	}
}

// wantHealthy fails t unless these were skipped alone, and all else is well.
func (up checkup) wantHealthy(t *testing.T, skipped ...string) {
	t.Helper()
	up.want(t, nil)
	wantTexts(t, "the doctor, of what it skips", up.ids("skipped"), skipped)
}

// readmeNginx is what the README tells to write into nginx's location and http
// block.
func readmeNginx(t *testing.T, g *gateway) (http, location string) {
	t.Helper()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	location = regexp.MustCompile(`(?ms)^    location = /channel\.php \{.*?^    \}$`).FindString(string(text))
	http = regexp.MustCompile(`(?m)^    map \$http_upgrade .*$`).FindString(string(text))
	if !strings.Contains(location, "http://127.0.0.1:8080;") || http == "" {
		t.Fatalf("the README's configuration is not there any more: %q %q", location, http)
	}
	return http, strings.Replace(location, "http://127.0.0.1:8080;", g.url("")+";", 1)
}

const memoryStore = "store store-same store-watch store-item-size store-memory store-cas store-ttl store-channels php"

// TestDoctorOfTheHealthy: where nothing is wrong, nothing is found.
func TestDoctorOfTheHealthy(t *testing.T) {
	t.Parallel()
	soon := []string{"--ping", "5s", "--hold", "2s"}
	t.Run("direct, on memcached", func(t *testing.T) {
		t.Parallel()
		need(t, "php")
		m := startMemcached(t)
		g := onMemcached(t, m.Addr, soon...)
		up := runDoctor(t, g.url(""), "--store", "memcache://"+m.Addr)
		up.wantHealthy(t, "dns", "tls", "origin", "origin-websocket")
		if want := g.url("/channel"); up.URL != want {
			t.Errorf("URL: got %s, want %s", up.URL, want)
		}
	})
	t.Run("on two memcached in the log layout", func(t *testing.T) {
		t.Parallel()
		need(t, "php")
		store := "memcache://" + startMemcached(t).Addr + "," + startMemcached(t).Addr + "?layout=log"
		g := startGateway(t, "--store", store)
		runDoctor(t, g.url(""), "--quick", "--store", store).wantHealthy(t, "dns", "tls", "origin", "origin-websocket")
	})
	t.Run("behind nginx as the README has it", func(t *testing.T) {
		t.Parallel()
		site := reserveNginx(t)
		g := startGateway(t, append(soon, "--trusted-proxy", "127.0.0.1", "--origin", site.url)...)
		http, location := readmeNginx(t, g)
		site.start(t, http, location)
		up := runDoctor(t, site.url+"/channel.php", "--origin", site.url, "--from", otherHost)
		up.wantHealthy(t, append([]string{"dns", "tls"}, strings.Fields(memoryStore)...)...)
	})
}

// TestDoctorOfStores: a memcached that is not fit is found, and a store that is
// not the gateway's.
func TestDoctorOfStores(t *testing.T) {
	t.Parallel()
	need(t, "php")
	need(t, "memcached")
	m := memcachedtest.Start(t, "-I", "512k", "-C").Addr
	other := startMemcached(t)
	g := onMemcached(t, other.Addr)
	runDoctor(t, g.url(""), "--quick", "--store", "memcache://"+m).want(t, map[string]diagnosis{
		"store-same":      {"fail", "not in this store", "name the gateway's own --store"},
		"store-item-size": {"fail", "an item may have 512 KiB", "-I 1024k"},
		"store-cas":       {"fail", "without CAS", "without -C"},
	})
	missing := reserveNginx(t).addr
	log := runDoctor(t, g.url(""), "--quick", "--store", "memcache://"+other.Addr+","+missing+"?layout=log")
	log.want(t, map[string]diagnosis{
		"store":      {"fail", missing + ": the connection was refused", "start it"},
		"store-same": {"fail", "not in this store", "layout"},
	})
}

// TestDoctorWhileDraining: a gateway that stops while it is watched is not
// taken for a network's fault.
func TestDoctorWhileDraining(t *testing.T) {
	t.Parallel()
	g := startGateway(t, "--grace", "2s")
	doctor := spawn(t, "gateway doctor", gatewayCommand(t, "doctor", g.url("")), nil)
	doctor.started(t, func(line string) bool { return strings.HasPrefix(line, "...") })
	g.askToEnd(t)
	if code := doctor.leave(t); code != 1 {
		t.Errorf("exit code: got %d, want 1", code)
	}
	said := strings.Join(doctor.all.all(), "\n")
	if !regexp.MustCompile(`(?m)^fail +websocket-stays +the gateway is stopping`).MatchString(said) {
		t.Errorf("got nothing of a gateway that is stopping")
	}
}

// What the doctor tells people is one line for each check, what to change
// behind it, and a summary.
func TestDoctorForPeople(t *testing.T) {
	t.Parallel()
	r := gatewayRan(t, "doctor", startGateway(t).url(""), "--quick", "--origin", shopOrigin)
	r.want(t, 1, "\nfail     origin ", "-> start the gateway with --origin "+shopOrigin, " 2 fail, ")
	if want := "doctor: to be mended: origin origin-websocket\n"; r.stderr != want {
		t.Errorf("stderr: got %q, want %q", r.stderr, want)
	}
	lines := bufio.NewScanner(strings.NewReader(r.stdout))
	checks := 0
	for lines.Scan() {
		if regexp.MustCompile(`^(ok|warn|fail|skipped) +[a-z-]+ +\S`).MatchString(lines.Text()) {
			checks++
		}
	}
	if up := runDoctor(t, startGateway(t).url(""), "--quick"); checks != len(up.Checks) {
		t.Errorf("lines of checks: got %d, want %d", checks, len(up.Checks))
	}
}

func TestDoctorUsage(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"no URL":                {},
		"two URLs":              {"http://a", "http://b"},
		"not a gateway's":       {"ftp://a"},
		"a pattern":             {"http://a", "--origin", "https://*.shop.example"},
		"a store that isn't":    {"http://a", "--store", "mysql://a"},
		"an address that isn't": {"http://a", "--from", "here"},
		"an unknown flag":       {"http://a", "--slow"},
	} {
		t.Run(name, func(t *testing.T) {
			r := gatewayRan(t, append([]string{"doctor"}, args...)...)
			if r.want(t, 2); r.stdout != "" || strings.Count(r.stderr, "\n") != 1 {
				t.Errorf("got %q and %q, want one line of stderr alone", r.stdout, r.stderr)
			}
		})
	}
}

// doctorHelp runs the examples of gateway doctor --help.
func doctorHelp() map[string]helpTest {
	return map[string]helpTest{
		"gateway doctor https://shop.example/channel.php --origin https://shop.example": func(t *testing.T, l helpLine) {
			g := startGateway(t, "--origin", shopOrigin, "--ping", "5s", "--hold", "2s")
			l.run(t, t.TempDir(), "https://shop.example/channel.php", g.url("/channel.php")).
				want(t, 0, "ok       origin-websocket ", "ok       longpoll-held ", "skipped  store ")
		},
		"gateway doctor http://127.0.0.1:8080 --store memcache://127.0.0.1:11211": func(t *testing.T, l helpLine) {
			m := startMemcached(t)
			g := onMemcached(t, m.Addr, "--ping", "5s", "--hold", "2s")
			l.run(t, t.TempDir(), "http://127.0.0.1:8080", g.url(""), "127.0.0.1:11211", m.Addr).
				want(t, 0, "ok       store-same ", "ok       store-ttl ")
		},
		"gateway doctor http://127.0.0.1:8080 --quick -o json": func(t *testing.T, l helpLine) {
			g := startGateway(t)
			r := l.run(t, t.TempDir(), "http://127.0.0.1:8080", g.url(""))
			readCheckup(t, r).wantHealthy(t, append([]string{"dns", "tls", "origin", "origin-websocket"}, strings.Fields(memoryStore)...)...)
		},
	}
}
