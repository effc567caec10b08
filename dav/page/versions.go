package page

import (
	"context"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	pathpkg "path"
	"time"

	"postern/vfs"
)

// How far one page of versions looks back: enough for months of an ordinary history, and an answer within seconds where each
// look has to be fetched from storage.
const (
	maxLooks    = 400
	maxLookTime = 2 * time.Second
)

// versions is the page of how something was earlier.
type versions struct {
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

// mark is what tells two states of a file or folder apart. A folder shows what lies in it by size and time only.
type mark struct {
	exists, folder bool
	version        vfs.Version
	size           int64
	changed        int64
}

func markOf(info vfs.Info, exists bool) mark {
	if !exists {
		return mark{}
	}
	return mark{true, info.Folder, info.Version, info.Size, info.Modified.UnixNano()}
}

// Versions shows in which states of the history the file or folder at path differs from what it became, the newest first.
// What isn't there any more may have been there.
func (p *Pages) Versions(w http.ResponseWriter, r *http.Request, fs vfs.Reader, path string) error {
	ctx := r.Context()
	info, exists, err := look(ctx, fs, path)
	if err != nil {
		return err
	}
	if !exists {
		info.Name = pathpkg.Base(path)
	}
	c, err := p.common(path, info)
	if err != nil {
		return err
	}
	v := versions{common: c, Gone: !exists, Row: newRow(0, pathpkg.Dir(path), info), Name: visible(info.Name), Folder: info.Folder}
	if below(path, files) {
		if err := p.lookBack(ctx, fs, path, r.URL.Query().Get("before"), info, &v); err != nil {
			return err
		}
	}
	if !exists && len(v.Earlier) == 0 && v.Older == "" {
		return &vfs.Error{Op: "look back at", Path: path, Kind: vfs.ErrNotExist}
	}
	return p.write(w, r, "versions", c, v)
}

// lookBack goes through the states, before the one named if there is one.
func (p *Pages) lookBack(ctx context.Context, fs vfs.Reader, path, before string, now vfs.Info, v *versions) error {
	states, more, err := latest(ctx, fs, before, maxLooks)
	if err != nil {
		return err
	}
	within := path[len(files):]
	last := markOf(now, !v.Gone)
	if before != "" {
		info, exists, err := look(ctx, fs, history+"/"+before+within)
		if err != nil {
			return err
		}
		last = markOf(info, exists)
	}
	began := p.o.Clock()
	for i := len(states) - 1; i >= 0; i-- {
		info, exists, err := look(ctx, fs, history+"/"+states[i]+within)
		if err != nil {
			return err
		}
		v.Looked = true
		if m := markOf(info, exists); m != last {
			last = m
			if exists {
				v.Folder = v.Folder || v.Gone && info.Folder
				v.Earlier = append(v.Earlier, versionAt(states[i], path, info))
			}
		}
		if i > 0 && p.o.Clock().Sub(began) > maxLookTime {
			states, more = states[i:], true
			break
		}
	}
	if more && len(states) > 0 {
		v.Older = template.URL("?" + queryVersions + "&before=" + url.QueryEscape(states[0]))
	}
	return nil
}

func versionAt(state, path string, info vfs.Info) version {
	where := history + "/" + state + path[len(files):]
	row := newRow(0, pathpkg.Dir(where), info)
	row.Href = href(where, info.Folder)
	row.View = row.Href
	if !info.Folder {
		row.View += "?" + queryView
	}
	row.Restore = ""
	if path != files {
		row.Restore = path
	}
	row.Raw = pathpkg.Base(path)
	return version{Row: row, State: state, Until: atState(state)}
}

// latest names the last n states before one, or of all, in order; more tells that there are earlier ones.
func latest(ctx context.Context, fs vfs.Reader, before string, n int) (states []string, more bool, err error) {
	for info, err := range fs.List(ctx, history) {
		if errors.Is(err, vfs.ErrNotExist) {
			return nil, false, nil // a drive without a history
		}
		if err != nil {
			return nil, false, err
		}
		if before != "" && info.Name >= before {
			break
		}
		if !info.Folder {
			continue
		}
		states = append(states, info.Name)
		if len(states) > 2*n {
			states = append(states[:0], states[len(states)-n:]...)
			more = true
		}
	}
	if len(states) > n {
		states, more = states[len(states)-n:], true
	}
	return states, more, nil
}

// look is a Stat to which something missing is no error.
func look(ctx context.Context, fs vfs.Stater, path string) (info vfs.Info, exists bool, err error) {
	info, err = fs.Stat(ctx, path)
	switch {
	case err == nil:
		return info, true, nil
	case errors.Is(err, vfs.ErrNotExist), errors.Is(err, vfs.ErrNotFolder):
		return vfs.Info{}, false, nil
	}
	return vfs.Info{}, false, err
}
