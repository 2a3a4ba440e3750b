package shadow

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPoller(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		answer string
		want   []string
		fault  string
	}{
		{"nothing", 200, `[]`, []string{}, ""},
		{"texts", 200, `["{\"type\":\"msg\"}","ü"]`, []string{`{"type":"msg"}`, "ü"}, ""},
		{"what is no text", 200, `[null,{"type":"msg"}]`, []string{"null", `{"type":"msg"}`}, ""},
		{"the seed's refusal", 200, `{err: "Unauthorised client"}`, nil, "no JSON array"},
		{"nothing at all", 200, ``, nil, "no JSON array"},
		{"null", 200, `null`, nil, "no JSON array"},
		{"a gateway's refusal", 403, `{"err":"Unauthorised client"}`, nil, "403"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var asked []string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				q := r.URL.Query()
				asked = []string{r.Method, r.URL.Path, q.Get("channelid"), q.Get("more"), q.Get("clientid")}
				w.WriteHeader(tt.status)
				w.Write([]byte(tt.answer))
			}))
			defer server.Close()
			p, err := NewPoller(server.URL+"/channel.php?more=1", "a+b%ü")
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			got, err := p.Poll(t.Context())
			if tt.fault == "" && err != nil || tt.fault != "" && (err == nil || !strings.Contains(err.Error(), tt.fault)) {
				t.Errorf("error: got %v, want %q", err, tt.fault)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("texts (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{"GET", "/channel.php", "a+b%ü", "1"}, asked[:4]); diff != "" || asked[4] == "" {
				t.Errorf("asked with client id %q (-want +got):\n%s", asked[4], diff)
			}
		})
	}
}

func TestPollerOfNoURL(t *testing.T) {
	for _, url := range []string{"", "shop.example/channel.php", "ws://shop.example/", "http://", "://"} {
		if _, err := NewPoller(url, "room"); err == nil {
			t.Errorf("%q: got no error", url)
		}
	}
}

func TestPollerCannotConnect(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	p, err := NewPoller(server.URL, "room")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Poll(t.Context()); err == nil || strings.Contains(err.Error(), "clientid") {
		t.Errorf("got %v, want an error without the URL", err)
	}
}
