// Package versions finds the earlier versions of a file or folder: the states of the drive's history in which it
// differed from the next.
package versions

import (
	"context"
	"errors"
	"iter"
	"slices"

	"golang.org/x/sync/errgroup"

	"postern/vfs"
	"postern/vfs/layout"
)

// Version is a path as it was in one or more states of the history.
type Version struct {
	State string // name of the newest state with this version
	Path  string // the path in that state
	Info  vfs.Info
}

// Options limit a search. The zero value looks at all states, one at a time.
type Options struct {
	Before string      // only states older than this one; empty: all
	Most   int         // maximum number of states to search; 0: all
	Enough func() bool // called between two lookups; true ends the search; nil: never
	AtOnce int         // concurrent lookups; 0: 1
}

// Found is the result of a search.
type Found struct {
	Now      vfs.Info  // the current item at the path
	Exists   bool      // whether there is a current item
	Versions []Version // the newest first
	Looked   bool      // whether any state was searched
	Older    string    // the Before of a search for the rest; empty when the search reached the end of the history
}

// Of finds the earlier versions of a path, which must lie within layout.Files (otherwise ErrInvalid). A path without a
// current item may have earlier versions; one that never existed is ErrNotExist. Folders are compared by size and time
// only.
func Of(ctx context.Context, fs vfs.Reader, path string, o Options) (Found, error) {
	within, ok := layout.CutFiles(path)
	if !ok {
		return Found{}, &vfs.Error{Op: opSearch, Path: path, Kind: vfs.ErrInvalid}
	}
	now, err := stat(ctx, fs, path)
	if err != nil {
		return Found{}, err
	}
	found := Found{Now: now.info, Exists: now.exists}
	last := now
	if o.Before != "" {
		if last, err = stat(ctx, fs, layout.InState(o.Before, within)); err != nil {
			return Found{}, err
		}
	}
	states, more, err := latest(ctx, fs, o.Before, o.Most)
	if err != nil {
		return Found{}, err
	}
	for len(states) > 0 && (!found.Looked || o.Enough == nil || !o.Enough()) {
		batch := states[max(0, len(states)-max(o.AtOnce, 1)):]
		seen, err := statAll(ctx, fs, batch, within)
		if err != nil {
			return Found{}, err
		}
		for i, was := range slices.Backward(seen) {
			if was.exists && !was.same(last) {
				found.Versions = append(found.Versions, Version{batch[i], layout.InState(batch[i], within), was.info})
			}
			last = was
		}
		found.Looked, found.Older = true, batch[0]
		states = states[:len(states)-len(batch)]
	}
	if len(states) == 0 && !more {
		found.Older = ""
	}
	if !found.Exists && len(found.Versions) == 0 && found.Older == "" {
		return Found{}, &vfs.Error{Op: opSearch, Path: path, Kind: vfs.ErrNotExist}
	}
	return found, nil
}

const opSearch = "find the earlier versions of"

// States lists the states of the history, the oldest first. A state's Modified is the time in its name. A drive without
// a history has none.
func States(ctx context.Context, fs vfs.Reader) iter.Seq2[vfs.Info, error] {
	return func(yield func(vfs.Info, error) bool) {
		for info, err := range fs.List(ctx, layout.History) {
			if errors.Is(err, vfs.ErrNotExist) {
				return
			}
			if err == nil && !info.Folder {
				continue
			}
			if t, ok := layout.StateTime(info.Name); ok {
				info.Modified = t // its root folder may be older
			}
			if !yield(info, err) || err != nil {
				return
			}
		}
	}
}

// latest returns the newest n states before one, or all (0), the oldest first; more reports whether there are older
// ones.
func latest(ctx context.Context, fs vfs.Reader, before string, n int) (states []string, more bool, err error) {
	for info, err := range States(ctx, fs) {
		if err != nil {
			return nil, false, err
		}
		if before != "" && info.Name >= before {
			break
		}
		states = append(states, info.Name)
		if n > 0 && len(states) > 2*n {
			states = append(states[:0], states[len(states)-n:]...)
			more = true
		}
	}
	if n > 0 && len(states) > n {
		states, more = states[len(states)-n:], true
	}
	return states, more, nil
}

// look is the item at a path, if there is one.
type look struct {
	info   vfs.Info
	exists bool
}

// same reports whether a path is the same in two states.
func (l look) same(other look) bool {
	a, b := l.info, other.info
	return l.exists == other.exists && a.Folder == b.Folder && a.Version == b.Version && a.Size == b.Size &&
		a.Modified.Equal(b.Modified)
}

// stat looks up a path. A missing item is no error.
func stat(ctx context.Context, fs vfs.Stater, path string) (look, error) {
	info, err := fs.Stat(ctx, path)
	switch {
	case err == nil:
		return look{info, true}, nil
	case errors.Is(err, vfs.ErrNotExist), errors.Is(err, vfs.ErrNotFolder):
		return look{}, nil
	}
	return look{}, err
}

// statAll looks up one path in several states concurrently.
func statAll(ctx context.Context, fs vfs.Stater, states []string, within string) ([]look, error) {
	all := make([]look, len(states))
	each, ctx := errgroup.WithContext(ctx)
	for i, state := range states {
		each.Go(func() (err error) {
			all[i], err = stat(ctx, fs, layout.InState(state, within))
			return err
		})
	}
	return all, each.Wait()
}
