package gateway

import (
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"github.com/commchannel/gateway/transport"
)

// scriptIndex tells which versions of the client's scripts this gateway has.
const scriptIndex = "channelclient.json"

// A pinned is what a page writes into its script element to get one version of
// a script and no other.
type pinned struct {
	URL       string `json:"url"` // relative to scriptIndex's
	Integrity string `json:"integrity"`
}

// ownPages are all routes to files: the demo page, the client's scripts by
// their plain names and by those of their versions, and the index of these.
func ownPages(files fs.FS) (map[string]http.Handler, error) {
	demo, err := assets(files, "demo")
	if err != nil {
		return nil, err
	}
	scripts, err := assets(files, "dist")
	if err != nil {
		return nil, err
	}
	pages := make(map[string]http.Handler)
	for at, a := range demo {
		pages[at] = a
	}
	index := make(map[string]pinned)
	for at, a := range scripts {
		lasting := *a
		lasting.cache = forGood
		pages[at], pages[versionedPath(at, a.version)] = a, &lasting
		index[path.Base(at)] = pinned{path.Base(versionedPath(at, a.version)), integrity(a.body)}
	}
	text, err := json.MarshalIndent(index, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("gateway: own pages: %w", err)
	}
	pages["/"+scriptIndex] = newAsset(scriptIndex, append(text, '\n'))
	return pages, nil
}

// integrity is the value of the attribute of that name.
func integrity(body []byte) string {
	sum := sha512.Sum384(body)
	return "sha384-" + base64.StdEncoding.EncodeToString(sum[:])
}

// versionedPath is /channelclient-0123456789abcdef.js for /channelclient.js.
func versionedPath(at, version string) string {
	ext := path.Ext(at)
	return strings.TrimSuffix(at, ext) + "-" + version + ext
}

// plainPath undoes versionedPath, whatever the version. ok is false for what
// is no versioned path.
func plainPath(at string) (plain string, ok bool) {
	ext := path.Ext(at)
	name, version, found := strings.Cut(strings.TrimSuffix(at, ext), "-")
	if !found || len(version) < 8 || len(version) > 64 || strings.Trim(version, "0123456789abcdef") != "" {
		return "", false
	}
	return name + ext, true
}

// route is what answers at a path. A version of a script that this gateway
// does not have is another gateway's, an older or a newer one's: a page that
// names it gets on with the version that is here, and keeps it under its own
// name only.
func (g *Gateway) route(at string) http.Handler {
	if h := g.routes[at]; h != nil {
		return h
	}
	if plain, ok := plainPath(at); ok {
		if a, ok := g.routes[plain].(*asset); ok && g.routes[versionedPath(plain, a.version)] != nil {
			return elsewhere(path.Base(plain))
		}
	}
	return http.HandlerFunc(transport.NotFound)
}

// elsewhere sends the browser to a name beside the one that it asked for. It
// says no more than the name: a proxy may have the gateway below a path of
// its own.
func elsewhere(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			transport.MethodNotAllowed(w, "GET, HEAD")
			return
		}
		h := openToAll(w)
		h.Set("Location", name)
		h.Set("Cache-Control", askEachTime)
		h.Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusFound)
		if r.Method == http.MethodGet {
			fmt.Fprintf(w, "This gateway has another version: %s\n", name)
		}
	})
}
