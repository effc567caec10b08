package linkpage

import (
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed page built
var embedded embed.FS

// ErrNotBuilt says that the program was built without the reader for browsers.
var ErrNotBuilt = errors.New("this program was built without the link page: build it with make build")

// types are the media types of the parts.
var types = map[string]string{".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
	".js": "text/javascript; charset=utf-8", ".wasm": "application/wasm"}

// part is one file of the page.
type part struct {
	data []byte // compressed, if packed
	kind string
	etag string
	pack bool // data is compressed by gzip
}

// parts returns the files of the page by their paths. The error is ErrNotBuilt, with the files that are there.
func parts() (map[string]http.Handler, error) {
	all := map[string]http.Handler{}
	for _, dir := range []string{"page", "built"} {
		entries, err := fs.ReadDir(embedded, dir)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			data, err := fs.ReadFile(embedded, dir+"/"+e.Name())
			if err != nil {
				return nil, err
			}
			name, packed := strings.CutSuffix(e.Name(), ".gz")
			kind, shown := types[path.Ext(name)]
			if !shown {
				continue
			}
			hash := sha256.Sum256(data)
			p := part{data: data, kind: kind, etag: `"` + hex.EncodeToString(hash[:8]) + `"`, pack: packed}
			if name == "index.html" {
				all["/l"] = p
			} else {
				all["/l/"+name] = p
			}
		}
	}
	if all["/l/reader.wasm"] == nil || all["/l/wasm_exec.js"] == nil {
		return all, ErrNotBuilt
	}
	return all, nil
}

// ServeHTTP implements http.Handler.
func (p part) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-cache") // kept by the browser, and asked for anew: a new version counts at once
	h.Set("ETag", p.etag)
	h.Set("Vary", "Accept-Encoding")
	if r.Header.Get("If-None-Match") == p.etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", p.kind)
	if p.pack && !accepts(r.Header.Get("Accept-Encoding"), "gzip") {
		unpacked, err := gzip.NewReader(strings.NewReader(string(p.data)))
		if err != nil {
			http.Error(w, "the page is damaged", http.StatusInternalServerError)
			return
		}
		if r.Method == http.MethodGet {
			_, _ = io.Copy(w, unpacked) // its error is of a client that has gone
		}
		return
	}
	if p.pack {
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Length", strconv.Itoa(len(p.data)))
	if r.Method == http.MethodGet {
		_, _ = w.Write(p.data) // its error is of a client that has gone
	}
}

// accepts reports whether a header Accept-Encoding has an encoding.
func accepts(header, encoding string) bool {
	for item := range strings.SplitSeq(header, ",") {
		name, params, err := mime.ParseMediaType(strings.TrimSpace(item))
		if name == encoding && err == nil && params["q"] != "0" {
			return true
		}
	}
	return false
}
