package gateway

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/commchannel/gateway/transport"
)

// policy lets the demo page load nothing that does not come with it, talk to
// gateways only, and be in nobody's frame.
const policy = "default-src 'self'; connect-src 'self' ws: wss:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// An asset is a file of the demo page, or of the client script.
type asset struct {
	name        string
	contentType string
	etag        string
	body        []byte
}

// assets are the files of some folders by their URL's path: a folder's file
// is in the root, and index.html is the root itself.
func assets(files fs.FS, folders ...string) (map[string]http.Handler, error) {
	all := make(map[string]http.Handler)
	for _, folder := range folders {
		entries, err := fs.ReadDir(files, folder)
		if err != nil {
			return nil, fmt.Errorf("gateway: demo page: %w", err)
		}
		for _, e := range entries {
			if e.IsDir() {
				continue
			}
			a, err := newAsset(files, path.Join(folder, e.Name()))
			if err != nil {
				return nil, err
			}
			all["/"+strings.TrimSuffix(e.Name(), "index.html")] = a
		}
	}
	return all, nil
}

func newAsset(files fs.FS, name string) (*asset, error) {
	body, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, fmt.Errorf("gateway: demo page: %w", err)
	}
	sum := sha256.Sum256(body)
	return &asset{
		name: name, contentType: contentType(name), body: body,
		etag: `"` + hex.EncodeToString(sum[:8]) + `"`,
	}, nil
}

// contentType does not ask the operating system, which knows no two types
// alike.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".json", ".map":
		return "application/json"
	}
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}

// ServeHTTP serves the file, or tells that the browser's copy is still good.
// Pages of other sites may load the scripts: these hold nothing secret.
func (a *asset) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		transport.MethodNotAllowed(w, "GET, HEAD")
		return
	}
	h := w.Header()
	h.Set("Content-Type", a.contentType)
	h.Set("ETag", a.etag)
	h.Set("Cache-Control", "no-cache") // keep it, but ask
	h.Set("Content-Security-Policy", policy)
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.body))
}
