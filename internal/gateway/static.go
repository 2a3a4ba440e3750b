package gateway

import (
	"bytes"
	"compress/gzip"
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

// How long a browser keeps a file.
const (
	askEachTime = "no-cache" // it keeps it, but asks whether that is still good
	forGood     = "public, max-age=31536000, immutable"
)

// An asset is a file of the demo page, or of the client script.
type asset struct {
	contentType string
	cache       string // Cache-Control
	version     string // of the body: other bytes, another version
	body        []byte
	packed      []byte // the body by gzip; nil where that saves nothing
}

// assets are a folder's files by their URL's path: they are in the root, and
// index.html is the root itself.
func assets(files fs.FS, folder string) (map[string]*asset, error) {
	entries, err := fs.ReadDir(files, folder)
	if err != nil {
		return nil, fmt.Errorf("gateway: own pages: %w", err)
	}
	all := make(map[string]*asset)
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		body, err := fs.ReadFile(files, path.Join(folder, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("gateway: own pages: %w", err)
		}
		all["/"+strings.TrimSuffix(e.Name(), "index.html")] = newAsset(e.Name(), body)
	}
	return all, nil
}

func newAsset(name string, body []byte) *asset {
	sum := sha256.Sum256(body)
	return &asset{
		contentType: contentType(name),
		cache:       askEachTime,
		version:     hex.EncodeToString(sum[:8]),
		body:        body,
		packed:      pack(body),
	}
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

func pack(body []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is a right one
	_, _ = w.Write(body)                                  // a bytes.Buffer takes everything
	_ = w.Close()
	if b.Len() >= len(body) {
		return nil
	}
	return b.Bytes()
}

// acceptsGzip reports whether a client that sends header as its
// Accept-Encoding takes gzip.
func acceptsGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		coding, quality, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			_, q, _ := strings.Cut(quality, "=")
			return strings.Trim(strings.TrimSpace(q), "0.") != "" || strings.TrimSpace(q) == ""
		}
	}
	return false
}

// ServeHTTP serves the file, or tells that the browser's copy is still good.
// Pages of other sites may load it: it holds nothing secret.
func (a *asset) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		transport.MethodNotAllowed(w, "GET, HEAD")
		return
	}
	h := openToAll(w)
	h.Set("Content-Type", a.contentType)
	h.Set("Cache-Control", a.cache)
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Vary", "Accept-Encoding")
	body, etag := a.body, a.version
	if a.packed != nil && acceptsGzip(r.Header.Get("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		body, etag = a.packed, etag+"-gzip"
	}
	h.Set("ETag", `"`+etag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// openToAll lets pages of every site load what is answered. ES modules, and
// scripts with an integrity, are refused to other origins without it.
func openToAll(w http.ResponseWriter) http.Header {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	return h
}
