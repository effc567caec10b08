// Package page shows the drive in a browser: a page for each folder, one for each file with a preview, one with the
// earlier versions of either, and errors in plain words. All pages work without scripts. Scripts upload, rename and
// delete files by the drive's own WebDAV methods; without them, package dav turns forms into these methods, so that
// there is no second entrance to guard.
//
// Everything that a page loads lies below Prefix. Pages run only that script, by a nonce; package dav serves users'
// files separately, in a sandbox.
package page

import (
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"strings"
	"time"

	"postern/vfs"
	"postern/vfs/layout"
)

// Prefix is the folder of the pages' style and scripts. It can't hide anything: the root of the drive is read-only and
// has no such folder.
const Prefix = "/.postern/"

// The pages of a file or folder, beside the folder's listing: the address with one of these as its query.
const (
	queryView     = "view"     // of a file: its description, with a preview
	queryVersions = "versions" // how it was earlier
	queryZip      = "zip"      // of a folder: its contents as one archive
)

// The fields of the pages' forms, which are sent as multipart/form-data by POST to the address of the file or folder.
const (
	FieldToken = "token" // a token that Issued accepts; before all files
	FieldDo    = "do"    // one of the Do values, unless there are files
	FieldName  = "name"  // of a new folder, or the new name
	FieldETag  = "etag"  // of the file to delete; "*" for a folder
	FieldTo    = "to"    // path to restore to
	FieldFile  = "file"  // a file to upload into the folder; any number of them
)

// The actions of a form without files.
const (
	DoFolder  = "folder"
	DoRename  = "rename"
	DoDelete  = "delete"
	DoRestore = "restore"
)

// Options of New. The zero value works.
type Options struct {
	Status func() Status    // the state of the drive; nil: pages don't show it
	People People           // whom files are shared with; nil: nobody
	Clock  func() time.Time // nil: time.Now
	Rand   io.Reader        // for nonces and the forms' token; nil: crypto/rand
}

// Pages answers browsers. It is safe for concurrent use.
type Pages struct {
	o      Options
	assets map[string]asset
	style  string // addresses below Prefix
	script string
	token  string // in each form; empty: no form is accepted
}

// New returns the pages.
func New(o Options) *Pages {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	p := &Pages{o: o, assets: map[string]asset{}}
	p.style = p.add("page", "css", "text/css; charset=utf-8", style)
	p.script = p.add("page", "js", "text/javascript; charset=utf-8", script)
	p.add("icon", "svg", "image/svg+xml", icon)
	if token, err := p.random(); err == nil {
		p.token = token
	}
	return p
}

// random returns an unguessable value.
func (p *Pages) random() (string, error) {
	b := make([]byte, 16)
	if _, err := io.ReadFull(p.o.Rand, b); err != nil {
		return "", fmt.Errorf("draw a random value: %w", err)
	}
	return base64.RawStdEncoding.EncodeToString(b), nil
}

// Issued reports whether a form's token is the one in these pages' forms.
func (p *Pages) Issued(token string) bool {
	return p.token != "" && subtle.ConstantTimeCompare([]byte(token), []byte(p.token)) == 1
}

// Wants reports whether a GET of a file asks for its page, or for that of its versions, instead of its bytes.
func Wants(r *http.Request) bool {
	return r.URL.RawQuery != "" && (IsVersions(r) || r.URL.Query().Has(queryView))
}

// IsVersions reports whether a GET asks for the earlier versions of its file or folder.
func IsVersions(r *http.Request) bool { return r.URL.Query().Has(queryVersions) }

// WantsZip reports whether a GET of a folder asks for its contents as one archive.
func WantsZip(r *http.Request) bool { return r.URL.RawQuery != "" && r.URL.Query().Has(queryZip) }

// common is the data that all pages show.
type common struct {
	Title    string
	Path     string // of the folder or file
	Crumbs   []crumb
	Style    string
	Script   string
	Icon     string
	Nonce    string
	Token    string
	Status   *Status
	Polled   string // address of the status
	ReadOnly bool
	Root     bool
	Social   bool         // there are pages about people
	Changes  bool         // there are forms on it for browsers without scripts
	Whole    bool         // nothing is missing on it without scripts
	Versions template.URL // page of the earlier versions; empty when there can be none
	Then     *then        // in the history: the state that this belongs to
}

// then is the state of the history to which a path belongs.
type then struct {
	At  moment
	Now template.URL // the same place today
	To  string       // the path to which it is restored; empty for the whole state
}

// crumb is a folder above the page's file or folder.
type crumb struct {
	Name    string
	Href    template.URL
	Current bool
}

func (p *Pages) common(path string, info vfs.Info) (common, error) {
	nonce, err := p.random()
	if err != nil {
		return common{}, err
	}
	c := common{
		Title: visible(info.Name), Path: path, Crumbs: crumbs(path, info.Folder), Root: path == "/", ReadOnly: info.ReadOnly,
		Style: p.style, Script: p.script, Icon: Prefix + "icon.svg", Nonce: nonce, Token: p.token, Polled: Prefix + "status",
		Social: p.o.People != nil,
	}
	if c.Root {
		c.Title = "Postern"
	}
	if p.o.Status != nil {
		s := p.o.Status()
		c.Status = &s
	}
	_, own := layout.CutFiles(path)
	if _, within, ok := layout.CutShared(path); own || ok && within != "" && c.Social {
		c.Versions = href(path, info.Folder) + "?" + queryVersions
	}
	if state, within, ok := layout.CutState(path); ok {
		c.Then = &then{At: atState(state), Now: href(layout.Files+within, info.Folder)}
		if within != "" {
			c.Then.To = layout.Files + within
		}
	}
	return c, nil
}

// maxCrumbs is how many of the nearest folders above are shown; each has a link as long as its path.
const maxCrumbs = 32

func crumbs(path string, folder bool) []crumb {
	all := []crumb{{Name: "Postern", Href: "/", Current: path == "/"}}
	at := ""
	for over := strings.Count(path, "/") - maxCrumbs; over > 0; over-- {
		end := len(at) + 1 + strings.IndexByte(path[len(at)+1:], '/')
		at = path[:end]
	}
	if at != "" {
		all = append(all, crumb{Name: "…", Href: href(at, true)})
	}
	rest := path[len(at):]
	for name := range strings.SplitSeq(strings.Trim(rest, "/"), "/") {
		if name == "" {
			continue
		}
		at += "/" + name
		all = append(all, crumb{Name: visible(name), Href: href(at, at != path || folder), Current: at == path})
	}
	return all
}

// write sends a page. If it returns an error, it has sent nothing.
func (p *Pages) write(w http.ResponseWriter, r *http.Request, name string, c common, page any) error {
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, name, page); err != nil {
		return fmt.Errorf("make the page: %w", err)
	}
	h := w.Header()
	secure(h, "script-src 'nonce-"+c.Nonce+"'; style-src 'nonce-"+c.Nonce+"'; img-src 'self'; media-src 'self'; "+
		"frame-src 'self'; connect-src 'self'; form-action 'self'")
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		w.Write(b.Bytes()) //nolint:errcheck // the client is gone
	}
	return nil
}

// secure sets the headers of every page. policy lists what the page may load; everything else is forbidden.
func secure(h http.Header, policy string) {
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; "+policy+"; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}
