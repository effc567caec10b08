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

// How far one page of versions looks back: enough for months of an ordinary history, and few enough for an answer
// within seconds if each state must be fetched from storage.
const (
	maxLooks    = 400
	maxLookTime = 2 * time.Second
)

// lookBack is the page of earlier versions.
type lookBack struct {
	common
	Row     row    // as it is now
	Gone    bool   // it is not there any more
	Name    string // as shown
	Folder  bool
	Earlier []version
	Looked  bool         // at any state at all
	Older   template.URL // further back; empty at the end
	Changes []Change     // of something that several people may write
	Theirs  bool         // somebody else shares it, and keeps its earlier versions
}

// version is one earlier version: from one commit to the one before the next version.
type version struct {
	Row   row
	State string // the newest state with this version
	Until moment // its time
}

// Versions shows the states of the history in which the file or folder at path differs from the next version, the
// newest first. path need not exist any more.
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
	_, _, v.Theirs = layout.CutShared(path)
	if p.o.People != nil {
		if all, err := p.o.People.Changes(r.Context(), path); err == nil { // else the page does without
			v.Changes = all
		}
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

// search finds the earlier versions of a path that can have some.
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
