package e2e

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A rendered is a site whose page PHP renders, as client-js/README.md shows it.
type rendered struct {
	url    string
	php    string // where its scripts are
	rows   string // the file that the page shows
	http   *http.Client
	served atomic.Int32 // how often the page was

	// beforeScript is called when a page has been rendered, and its script has
	// not been loaded yet, with how often that happened before.
	beforeScript func(times int32) error
	loaded       atomic.Int32
	failed       journal[error]
}

// heardRows is what comes before the page's own script: a list of the rows
// that its WebSocket brings.
const heardRows = `<!doctype html><meta charset="utf-8"><title>Rows</title>
<script>
  var heard = [];
  WebSocket = class extends WebSocket {
    constructor(url) {
      super(url);
      this.addEventListener("message", ({ data }) => {
        const { op, payload } = JSON.parse(data);
        if (op === "message") heard.push(payload.text);
      });
    }
  };
</script>
`

func startRendered(t *testing.T, g *gateway, store, at string) *rendered {
	t.Helper()
	folder := t.TempDir()
	s := &rendered{rows: filepath.Join(folder, "rows"), http: newHTTP(t)}
	prelude, err := filepath.Abs("php/bootstrap.php")
	if err != nil {
		t.Fatal(err)
	}
	require := "<?php require " + fmt.Sprintf("'%s'", prelude) + "; ?>\n"
	page := readExamples(t, "../client-js/README.md", "html", "js", "php")["since"].text
	const line = "$backend = new MemcacheCommStore('127.0.0.1', '11211', 'room');"
	if !strings.Contains(page, line) {
		t.Fatalf("the README's page is another one, without %s", line)
	}
	for name, text := range map[string]string{
		"page.php": require + heardRows + strings.Replace(page, line, "$backend = store();", 1),
		"add.php":  require + "<?php add_row($_GET['text']);",
		"rows":     "",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.php = servePHP(t, folder, "STORE="+store, "AT="+at, "ROWS="+s.rows)
	s.url = serve(t, s.routes(t, g))
	return s
}

func (s *rendered) routes(t *testing.T, g *gateway) http.Handler {
	t.Helper()
	toPHP, toGateway := proxyTo(t, s.php), proxyTo(t, g.url(""))
	mux := http.NewServeMux()
	mux.Handle("/", toGateway)
	mux.HandleFunc("/page.php", func(w http.ResponseWriter, r *http.Request) {
		s.served.Add(1)
		toPHP.ServeHTTP(w, r)
	})
	mux.HandleFunc("/channelclient.mjs", func(w http.ResponseWriter, r *http.Request) {
		if err := s.beforeScript(s.loaded.Add(1) - 1); err != nil {
			s.failed.add(err)
		}
		toGateway.ServeHTTP(w, r)
	})
	return mux
}

// add has the site add a row, of which it tells the channel.
func (s *rendered) add(text string) error {
	r, err := http.NewRequest(http.MethodGet, s.php+"/add.php?text="+url.QueryEscape(text), http.NoBody)
	if err != nil {
		return err
	}
	status, body, err := do(s.http, r)
	if err == nil && (status != http.StatusOK || len(body) > 0) {
		err = fmt.Errorf("adding %s: got %d %s", text, status, body)
	}
	return err
}

func (s *rendered) mustAdd(t *testing.T, text string) {
	t.Helper()
	if err := s.add(text); err != nil {
		t.Fatal(err)
	}
}

func (s *rendered) wantServed(t *testing.T, want int32) {
	t.Helper()
	for _, err := range s.failed.all() {
		t.Error(err)
	}
	if got := s.served.Load(); got != want {
		t.Errorf("the page was rendered %d times, want %d", got, want)
	}
}

// TestPageBootstrap: a page goes on from the place from which PHP rendered it,
// whatever was sent before its script has connected.
func TestPageBootstrap(t *testing.T) {
	browser := startChromium(t)
	for _, tt := range []struct {
		name   string
		store  string   // of PHP
		before []string // rows that are in the channel before the page is asked for
		start  func(t *testing.T) (g *gateway, at string)
	}{
		{"empty channel", "memcache", nil, bootMemcache},
		{"channel in use", "memcache", []string{"first", "second"}, bootMemcache},
		{"empty log", "log", nil, bootLog},
		{"log in use", "log", []string{"first", "second"}, bootLog},
		{"through the gateway", "gateway", []string{"first", "second"}, bootGateway},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, at := tt.start(t)
			s := startRendered(t, g, tt.store, at)
			for _, text := range tt.before {
				s.mustAdd(t, text)
			}
			s.beforeScript = func(int32) error { return s.add("before the script") }
			w := browser.open(t, tt.name, s.url+"/page.php")
			w.awaitShown(t, "#rows li", "before the script")
			s.mustAdd(t, "live")
			w.awaitShown(t, "#rows li", "live")

			rendering := fmt.Sprintf("while rendering %d", len(tt.before))
			w.wantShown(t, "#rows li", append(tt.before, rendering, "before the script", "live")...)
			wantTexts(t, "the page", w.strings(t, "heard"), []string{rendering, "before the script", "live"})
			s.wantServed(t, 1)
		})
	}
}

func bootMemcache(t *testing.T) (*gateway, string) {
	m := startMemcached(t)
	return onMemcached(t, m.Addr), m.Addr
}

func bootLog(t *testing.T) (*gateway, string) {
	m := startMemcached(t)
	return startGateway(t, "--store", "memcache://"+m.Addr+"?layout=log"), m.Addr
}

func bootGateway(t *testing.T) (*gateway, string) {
	g := startGateway(t)
	return g, g.url("/channel")
}

// TestPageBootstrapTooLate: between a page's rendering and its script, all
// messages go, and with them what happened meanwhile. The page is told, and
// loads itself anew.
func TestPageBootstrapTooLate(t *testing.T) {
	g, addr := bootMemcache(t)
	s := startRendered(t, g, "memcache", addr)
	s.mustAdd(t, "first")
	s.beforeScript = func(times int32) error {
		if times > 0 {
			return nil
		}
		if err := s.add("lost"); err != nil {
			return err
		}
		return flushAll(addr)
	}
	w := startChromium(t).open(t, "late", s.url+"/page.php")
	w.await(t, `performance.getEntriesByType("navigation")[0].type === "reload" && !!document.querySelector("#rows")`)
	w.awaitShown(t, "#rows li", "while rendering 3")
	s.mustAdd(t, "live")
	w.awaitShown(t, "#rows li", "live")
	w.wantShown(t, "#rows li", "first", "while rendering 1", "lost", "while rendering 3", "live")
	wantTexts(t, "the page", w.strings(t, "heard"), []string{"while rendering 3", "live"})
	s.wantServed(t, 2)
}

// flushAll empties a memcached.
func flushAll(addr string) error {
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := conn.Write([]byte("flush_all\r\n")); err != nil {
		return err
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && answer != "OK\r\n" {
		err = fmt.Errorf("flush_all: got %q", answer)
	}
	return err
}
