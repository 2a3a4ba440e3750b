package gateway

import (
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	clientjs "github.com/commchannel/gateway/client-js"
)

// scriptsTold is what the index says of the scripts, by their plain names.
func (r *running) scriptsTold() map[string]pinned {
	r.t.Helper()
	resp, body := r.do("GET", "/channelclient.json", "", "Origin: https://shop.example")
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "application/json" || resp.Header.Get("Cache-Control") != "no-cache" {
		r.t.Fatalf("index: got %d %v", resp.StatusCode, resp.Header)
	}
	var told map[string]pinned
	if err := json.Unmarshal([]byte(body), &told); err != nil {
		r.t.Fatalf("index %s: %v", body, err)
	}
	return told
}

func TestScriptsByVersion(t *testing.T) {
	r := start(t, Config{})
	told := r.scriptsTold()
	if len(told) != 2 {
		t.Fatalf("index: got %v, want two scripts", told)
	}
	for _, name := range []string{"channelclient.js", "channelclient.mjs"} {
		want, err := fs.ReadFile(clientjs.Files, "dist/"+name)
		if err != nil {
			t.Fatal(err)
		}
		resp, body := r.do("GET", "/"+told[name].URL, "", "Origin: https://shop.example")
		if resp.StatusCode != 200 || body != string(want) {
			t.Errorf("%s: got %d and %d bytes, want the script", told[name].URL, resp.StatusCode, len(body))
		}
		for header, want := range map[string]string{
			"Cache-Control":               "public, max-age=31536000, immutable",
			"Content-Type":                "text/javascript; charset=utf-8",
			"Access-Control-Allow-Origin": "*",
		} {
			if got := resp.Header.Get(header); got != want {
				t.Errorf("%s: %s: got %q, want %q", told[name].URL, header, got, want)
			}
		}
		sum := sha512.Sum384(want)
		if got, want := told[name].Integrity, "sha384-"+base64.StdEncoding.EncodeToString(sum[:]); got != want {
			t.Errorf("%s: integrity: got %s, want %s", name, got, want)
		}
		plain, _ := r.do("GET", "/"+name, "")
		if got := plain.Header.Get("Cache-Control"); got != "no-cache" {
			t.Errorf("/%s: Cache-Control: got %q, want no-cache", name, got)
		}
	}
}

// TestScriptsOfOtherVersions: a page that names a version of an older or a
// newer gateway is sent to the version that is here.
func TestScriptsOfOtherVersions(t *testing.T) {
	r := start(t, Config{})
	for _, tt := range []struct {
		method, path string
		status       int
		location     string
	}{
		{"GET", "/channelclient-0123456789abcdef.js", 302, "channelclient.js"},
		{"HEAD", "/channelclient-0123456789abcdef.js", 302, "channelclient.js"},
		{"GET", "/channelclient-0123456789abcdef.mjs", 302, "channelclient.mjs"},
		{"GET", "/channelclient-" + strings.Repeat("0f", 32) + ".js", 302, "channelclient.js"},
		{"POST", "/channelclient-0123456789abcdef.js", 405, ""},
		{"GET", "/channelclient-0123456789abcdef.css", 404, ""},
		{"GET", "/channelclient-0123456789abcdef.json", 404, ""},
		{"GET", "/channelclient-.js", 404, ""},
		{"GET", "/channelclient-latest.js", 404, ""},
		{"GET", "/channelclient-0123456789ABCDEF.js", 404, ""},
		{"GET", "/channelclient-" + strings.Repeat("0", 65) + ".js", 404, ""},
		{"GET", "/x/channelclient-0123456789abcdef.js", 404, ""},
		{"GET", "/demo-0123456789abcdef.js", 404, ""},
		{"GET", "/-0123456789abcdef", 404, ""},
	} {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			w := httptest.NewRecorder()
			r.g.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), tt.method, tt.path, http.NoBody))
			if w.Code != tt.status || w.Header().Get("Location") != tt.location {
				t.Fatalf("got %d to %q, want %d to %q", w.Code, w.Header().Get("Location"), tt.status, tt.location)
			}
			if tt.status != 302 {
				return
			}
			if got := w.Header().Get("Cache-Control"); got != "no-cache" {
				t.Errorf("Cache-Control: got %q: the page would never see this gateway's next version", got)
			}
			if got := w.Header().Get("Access-Control-Allow-Origin"); got != "*" {
				t.Errorf("Access-Control-Allow-Origin: got %q: other sites' modules would not load", got)
			}
		})
	}
	if resp, body := r.do("GET", "/channelclient-0123456789abcdef.js", ""); resp.StatusCode != 200 || !strings.Contains(body, "channelClient") {
		t.Errorf("followed: got %d %.80q, want the script", resp.StatusCode, body)
	}
}

func unpack(t *testing.T, packed string) string {
	t.Helper()
	r, err := gzip.NewReader(strings.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestFilesArePacked(t *testing.T) {
	r := start(t, Config{})
	// An Accept-Encoding of one's own keeps net/http from unpacking.
	plain, whole := r.do("GET", "/channelclient.js", "", "Accept-Encoding: identity")
	etags := map[string]bool{plain.Header.Get("ETag"): true}
	for _, tt := range []struct {
		accept string
		packed bool
	}{
		{"gzip", true}, {"deflate, gzip;q=0.5, br", true}, {"br , GZIP; q=1", true},
		{"gzip;q=0", false}, {"gzip; q=0.000", false}, {"br", false}, {"gzipped", false},
	} {
		t.Run(tt.accept, func(t *testing.T) {
			resp, body := r.do("GET", "/channelclient.js", "", "Accept-Encoding: "+tt.accept)
			if got := resp.Header.Get("Content-Encoding") == "gzip"; got != tt.packed {
				t.Fatalf("packed: got %v, want %v", got, tt.packed)
			}
			if tt.packed {
				if len(body) > len(whole)*2/3 {
					t.Errorf("packed, it has %d bytes of %d", len(body), len(whole))
				}
				body = unpack(t, body)
			}
			if body != whole {
				t.Errorf("got another script: %.80q", body)
			}
			if got := resp.Header.Get("Vary"); got != "Accept-Encoding" {
				t.Errorf("Vary: got %q", got)
			}
			etag := resp.Header.Get("ETag")
			etags[etag] = true
			again, _ := r.do("GET", "/channelclient.js", "", "Accept-Encoding: "+tt.accept, "If-None-Match: "+etag)
			if again.StatusCode != http.StatusNotModified {
				t.Errorf("with its ETag: got %d, want 304", again.StatusCode)
			}
		})
	}
	if len(etags) != 2 {
		t.Errorf("ETags: got %v, want one for the packed bytes and one for the others", etags)
	}
	if _, body := r.do("GET", "/channelclient.js", ""); body != whole {
		t.Error("unpacked, the script is another one")
	}
}
