package doctor

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// page is an ordinary web page, for every request.
func page(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html")
	_, _ = w.Write([]byte("<h1>Shop</h1>"))
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// A report has a verdict on each check, in the order of the table, and they
// are told one by one in that order.
func TestReportIsComplete(t *testing.T) {
	var want, told, got []ID
	for _, c := range Checks() {
		if want = append(want, c.ID); c.What == "" {
			t.Errorf("%s: the table does not tell what is looked at", c.ID)
		}
	}
	r, err := Examine(t.Context(), Options{
		URL: serve(t, page), Quick: true, Told: func(v Verdict) { told = append(told, v.ID) },
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range r.Verdicts {
		got = append(got, v.ID)
		if v.Text == "" || (v.Status == Warn || v.Status == Fail) != (v.Change != "") {
			t.Errorf("got %+v, want a text, and a change where something is found", v)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("verdicts (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	if failed := r.With(Fail); r.Fine || !slices.Equal(failed, []ID{Gateway}) {
		t.Errorf("failed: got %v, want the gateway", failed)
	}
}

func TestIDsAreUnique(t *testing.T) {
	seen := make(map[ID]bool)
	for _, c := range Checks() {
		if seen[c.ID] {
			t.Errorf("%s is there twice", c.ID)
		}
		seen[c.ID] = true
	}
}

func TestExamineEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	url := serve(t, func(http.ResponseWriter, *http.Request) { cancel() })
	if r, err := Examine(ctx, Options{URL: url}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %+v, %v, want context.Canceled", r, err)
	}
}

func TestCheckURL(t *testing.T) {
	for _, tt := range []struct{ raw, want, fault string }{
		{"https://push.shop.example", "https://push.shop.example/channel", ""},
		{"ws://127.0.0.1:8080/", "http://127.0.0.1:8080/channel", ""},
		{"wss://shop.example/channel.php?site=1#x", "https://shop.example/channel.php?site=1", ""},
		{"shop.example", "", "begin with"},
		{"ftp://shop.example", "", "begin with"},
		{"http:///channel", "", "no host"},
		{"http://a/channel?clientid=1", "", "clientid"},
		{"http://secret@a:port/", "", "can't be read"},
	} {
		t.Run(tt.raw, func(t *testing.T) {
			u, err := CheckURL(tt.raw)
			switch {
			case tt.fault == "" && (err != nil || u.String() != tt.want):
				t.Errorf("got %v, %v, want %s", u, err, tt.want)
			case tt.fault != "" && (err == nil || !strings.Contains(err.Error(), tt.fault) || strings.Contains(err.Error(), "secret")):
				t.Errorf("got %v, want an error with %q", err, tt.fault)
			}
		})
	}
}

// What may be secret in a URL is not told.
func TestReportHidesSecrets(t *testing.T) {
	url := strings.Replace(serve(t, page), "http://", "http://user:secret@", 1)
	r, err := Examine(t.Context(), Options{URL: url + "/channel?key=secret", Quick: true})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(r.URL, "secret") || !strings.HasSuffix(r.URL, "/channel") {
		t.Errorf("URL: got %s, want none of its secrets", r.URL)
	}
}

func TestVerdictsAreOneLine(t *testing.T) {
	var b strings.Builder
	x := &exam{verdicts: make(map[ID]Verdict)}
	x.fail(TCP, "a\nb", "evil \x1b[2J\r\nwords")
	if err := x.verdicts[TCP].Write(&b); err != nil {
		t.Fatal(err)
	}
	want := "fail     tcp                evil \ufffd[2J  words\n                             -> a b\n"
	if b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}

func TestWorst(t *testing.T) {
	good, bad := finding{OK, "a", ""}, finding{Fail, "b", "do"}
	for _, tt := range []struct {
		name string
		all  []finding
		want finding
	}{
		{"none", nil, finding{Skipped, "", ""}},
		{"all good", []finding{good, good}, finding{OK, "a; a", ""}},
		{"one bad", []finding{good, bad, {Warn, "c", "else"}}, bad},
		{"two bad", []finding{bad, {Fail, "d", "do"}}, finding{Fail, "b; d", "do"}},
		{"one skipped", []finding{{Skipped, "s", ""}, good}, good},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := worst(tt.all); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}
