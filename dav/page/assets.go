package page

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed html css js icon.svg
var source embed.FS

var (
	style     = joined("css")
	script    = joined("js")
	icon      = one("icon.svg")
	templates = template.Must(template.New("").Funcs(functions).ParseFS(source, "html/*.html"))
)

// functions are those that templates may call.
var functions = template.FuncMap{"dict": dict, "count": count, "qr": qrCode, "show": visible, "moment": at, "size": size,
	"href": func(path string) template.URL { return href(path, false) }}

// joined returns all files of a folder, in the order of their names, as one.
func joined(folder string) []byte {
	var all []byte
	entries, err := fs.ReadDir(source, folder)
	if err != nil {
		return nil // the folder is embedded; a test checks the result
	}
	for _, e := range entries {
		all = append(all, one(path.Join(folder, e.Name()))...)
	}
	return all
}

func one(name string) []byte {
	data, err := source.ReadFile(name)
	if err != nil {
		return nil // as above
	}
	return data
}

// asset is a file that pages load.
type asset struct {
	data        []byte
	contentType string
	etag        string
}

// add stores an asset under its name, and returns its address, which depends on the content.
func (p *Pages) add(name, ext, contentType string, data []byte) string {
	sum := sha256.Sum256(data)
	hash := hex.EncodeToString(sum[:8])
	a := asset{data: data, contentType: contentType, etag: `"` + hash + `"`}
	hashed := name + "." + hash + "." + ext
	p.assets[name+"."+ext] = a
	p.assets[hashed] = a
	return Prefix + hashed
}

// Serve answers a GET or HEAD of something below Prefix. It reports whether that exists.
func (p *Pages) Serve(w http.ResponseWriter, r *http.Request) bool {
	name, ok := strings.CutPrefix(r.URL.Path, Prefix)
	if !ok || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	if name == "status" {
		return p.serveStatus(w, r)
	}
	a, ok := p.assets[name]
	if !ok {
		return false
	}
	h := w.Header()
	h.Set("Content-Type", a.contentType)
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox") // if opened by itself
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("ETag", a.etag)
	if strings.Count(name, ".") > 1 {
		h.Set("Cache-Control", "private, max-age=31536000, immutable") // its address changes with its content
	} else {
		h.Set("Cache-Control", "private, no-cache")
	}
	if r.Header.Get("If-None-Match") == a.etag {
		w.WriteHeader(http.StatusNotModified)
		return true
	}
	h.Set("Content-Length", strconv.Itoa(len(a.data)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		w.Write(a.data) //nolint:errcheck // the client is gone
	}
	return true
}

// dict gives a template several values under names.
func dict(pairs ...any) map[string]any {
	m := make(map[string]any, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		if name, ok := pairs[i].(string); ok {
			m[name] = pairs[i+1]
		}
	}
	return m
}
