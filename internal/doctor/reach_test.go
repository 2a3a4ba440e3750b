package doctor

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func startTLS(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(page))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes are to fail
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// A TLS connection is told of up to where it comes.
func TestReach(t *testing.T) {
	secure := startTLS(t)
	plain := serve(t, page)
	known := x509.NewCertPool()
	known.AddCert(secure.Certificate())
	closing, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := closing.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	t.Cleanup(func() { closing.Close(); <-done })
	for _, tt := range []struct {
		name   string
		url    string
		config *tls.Config
		id     ID
		status Status
		text   string
	}{
		{"an authority that is not known", secure.URL, nil, TLS, Fail, "no authority"},
		{"another host's certificate", strings.Replace(secure.URL, "127.0.0.1", "localhost", 1), &tls.Config{RootCAs: known}, TLS, Fail, "another host's"},
		{"a certificate that has ended", secure.URL, &tls.Config{RootCAs: known, Time: func() time.Time { return time.Now().AddDate(200, 0, 0) }}, TLS, Fail, "which is not now"},
		{"a good certificate", secure.URL, &tls.Config{RootCAs: known}, TLS, OK, "good until 20"},
		{"https where there is http", strings.Replace(plain, "http:", "https:", 1), nil, TLS, Fail, "does not speak TLS"},
		{"http where there is https", strings.Replace(secure.URL, "https:", "http:", 1), nil, Gateway, Fail, "speaks TLS"},
		{"nobody who speaks", "http://" + closing.Addr().String(), nil, Gateway, Fail, "answers nothing that is HTTP"},
		{"a name", strings.Replace(plain, "127.0.0.1", "localhost", 1), nil, DNS, OK, "127.0.0.1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := Examine(t.Context(), Options{URL: tt.url, Quick: true, TLS: tt.config})
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range r.Verdicts {
				if v.ID == tt.id && (v.Status != tt.status || !strings.Contains(v.Text, tt.text)) {
					t.Errorf("got %+v, want %s with %q", v, tt.status, tt.text)
				}
			}
		})
	}
}

func TestJudgeCertificate(t *testing.T) {
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	until := func(days int) *x509.Certificate { return &x509.Certificate{NotAfter: now.AddDate(0, 0, days)} }
	for _, tt := range []struct {
		name  string
		chain []*x509.Certificate
		want  Status
		text  string
	}{
		{"months", []*x509.Certificate{until(60), until(900)}, OK, "2026-06-30"},
		{"days", []*x509.Certificate{until(3), until(900)}, Warn, "for 3 more days"},
		{"the authority's ends before", []*x509.Certificate{until(60), until(5)}, Warn, "2026-05-06"},
		{"none", nil, OK, "without"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := judgeCertificate(tt.chain, now); got.status != tt.want || !strings.Contains(got.text, tt.text) {
				t.Errorf("got %+v, want %s with %q", got, tt.want, tt.text)
			}
		})
	}
}

func TestJudgeAddress(t *testing.T) {
	const proxied = "--trusted-proxy"
	for _, tt := range []struct {
		name               string
		seen, ours, theirs string
		want               Status
		change             string
	}{
		{"itself", "192.0.2.7", "192.0.2.7", "203.0.113.5", OK, ""},
		{"itself, on one machine", "127.0.0.1", "127.0.0.1", "127.0.0.1", OK, ""},
		{"a proxy of the gateway's machine", "127.0.0.1", "192.0.2.7", "203.0.113.5", Fail, proxied + " 127.0.0.1"},
		{"the proxy that it connected to", "203.0.113.5", "192.0.2.7", "203.0.113.5", Fail, proxied + " 203.0.113.5"},
		{"a proxy inside the site", "10.0.0.9", "192.168.1.20", "203.0.113.5", Fail, proxied + " 10.0.0.9"},
		{"a carrier's translation", "198.51.100.3", "100.64.3.4", "203.0.113.5", OK, ""},
		{"a home's translation", "198.51.100.3", "192.168.1.20", "203.0.113.5", OK, ""},
		{"inside one network", "10.0.0.9", "10.1.2.3", "10.0.0.1", Warn, proxied},
		{"two public ones", "198.51.100.3", "192.0.2.7", "203.0.113.5", Warn, proxied},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := judgeAddress(netip.MustParseAddr(tt.seen), netip.MustParseAddr(tt.ours), netip.MustParseAddr(tt.theirs))
			if got.status != tt.want || !strings.Contains(got.change, tt.change) || tt.change == "" && got.change != "" {
				t.Errorf("got %+v, want %s with the change %q", got, tt.want, tt.change)
			}
		})
	}
}
