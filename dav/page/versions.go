package page

import (
	"context"
	"html/template"
	"net/http"
	"net/url"
	pathpkg "path"
	"time"

	"postern/vfs"
	"postern/vfs/layout"
	"postern/vfs/versions"
)

// How far one page of versions looks back: enough for months of an ordinary history, and an answer within seconds
// where each look has to be fetched from storage.
const (
	maxLooks    = 400
	maxLookTime = 2 * time.Second
)

// lookBack is the page of how something was earlier.
type lookBack struct {
	common
	Row     row    // as it is now
	Gone    bool   // it is not there any more
	Name    string // as shown
	Folder  bool
	Earlier []version
	Looked  bool         // at any state at all
	Older   template.URL // further back; empty at the end
}

// version is one earlier state: from some commit on, to the one before the next.
type version struct {
	Row   row
	State string // the newest state in which it was so
	Until moment // its time
}

// Versions shows in which states of the history the file or folder at path differs from what it became, the newest
// first. What isn't there any more may have been there.
func (p *Pages) Versions(w http.ResponseWriter, r *http.Request, fs vfs.Reader, path string) error {
	found, err := p.search(r.Context(), fs, path, r.URL.Query().Get("before"))
	if err != nil {
		return err
	}
	info := found.Now
	if !found.Exists {
		info.Name = pathpkg.Base(path)
	}
	c, err := p.common(path, info)
	if err != nil {
		return err
	}
	v := lookBack{
		common: c, Gone: !found.Exists, Row: newRow(0, pathpkg.Dir(path), info), Name: visible(info.Name),
		Folder: info.Folder, Looked: found.Looked,
	}
	for _, was := range found.Versions {
		v.Folder = v.Folder || v.Gone && was.Info.Folder
		v.Earlier = append(v.Earlier, versionAt(was, path))
	}
	if found.Older != "" {
		v.Older = template.URL("?" + queryVersions + "&before=" + url.QueryEscape(found.Older))
	}
	return p.write(w, r, "versions", c, v)
}

// search looks for the earlier versions of what can have some.
func (p *Pages) search(ctx context.Context, fs vfs.Reader, path, before string) (versions.Found, error) {
	if _, ok := layout.CutFiles(path); !ok {
		info, err := fs.Stat(ctx, path)
		return versions.Found{Now: info, Exists: true}, err
	}
	began := p.o.Clock()
	return versions.Of(ctx, fs, path, versions.Options{
		Before: before, Most: maxLooks, Enough: func() bool { return p.o.Clock().Sub(began) > maxLookTime },
	})
}

func versionAt(was versions.Version, path string) version {
	row := newRow(0, pathpkg.Dir(was.Path), was.Info)
	row.Href = href(was.Path, was.Info.Folder)
	row.View = row.Href
	if !was.Info.Folder {
		row.View += "?" + queryView
	}
	row.Restore = ""
	if path != layout.Files {
		row.Restore = path
	}
	row.Raw = pathpkg.Base(path)
	return version{Row: row, State: was.State, Until: atState(was.State)}
}
