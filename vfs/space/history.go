package space

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"postern/vfs"
	"postern/vfs/layout"
	"postern/vfs/object"
	"postern/vfs/tree"
)

// Keep says how much of the history stays: every state for All, then one an hour for Hourly, one a day for Daily, then
// one a month.
type Keep struct {
	All, Hourly, Daily time.Duration
}

// DefaultKeep is what most people never have to change.
var DefaultKeep = Keep{All: 24 * time.Hour, Hourly: 7 * 24 * time.Hour, Daily: 31 * 24 * time.Hour}

// farAhead is how far ahead a state may be dated and still count as new: either clock may be the wrong one, and within
// a year it passes.
const farAhead = 365 * 24 * time.Hour

// earliest is before the first state of any drive: a clock that shows less is wrong.
var earliest = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// span names the span of time of which one state is kept at an age; it is empty when all are. Of states dated far ahead
// it is the longest, since nothing tells how old they are.
func (k Keep) span(t time.Time, age time.Duration) string {
	switch t = t.UTC(); {
	case age < -farAhead:
		return t.Format("2006-01")
	case age < k.All:
		return ""
	case age < k.Hourly:
		return t.Format("2006-01-02 15")
	case age < k.Daily:
		return t.Format("2006-01-02")
	default:
		return t.Format("2006-01")
	}
}

// drop returns which of the states, given in order of time, go: of each span the newest stays. newest is the time of
// the newest commit: where that is later than now, our clock may be the wrong one, and ages count from then; where it
// lies far ahead, nothing goes. Nor does anything by a clock that must be wrong.
func (k Keep) drop(states []time.Time, now, newest time.Time) (gone []time.Time) {
	if now.Before(earliest) || newest.Sub(now) > farAhead {
		return nil
	}
	if newest.After(now) {
		now = newest
	}
	for i, t := range states {
		span := k.span(t, now.Sub(t))
		if span == "" || i+1 == len(states) {
			continue
		}
		if next := states[i+1]; k.span(next, now.Sub(next)) == span {
			gone = append(gone, t)
		}
	}
	return gone
}

// thinEvery is how often the history is looked through: what becomes too old within an hour takes next to nothing.
const thinEvery = time.Hour

// thin is a commit's tree without the states that no longer have to be kept. What is not named by a time was put there
// by another version of the program, and stays.
func thin(ctx context.Context, t tree.Tree, keep Keep, now, newest time.Time) (tree.Tree, error) {
	var states []time.Time
	for e, err := range t.List(ctx, historyPath) {
		if err != nil {
			return t, err
		}
		if when, ok := layout.StateTime(e.Info().Name); ok {
			states = append(states, when)
		}
	}
	for _, when := range keep.drop(states, now, newest) {
		var err error
		if t, _, err = tree.Apply(ctx, t, tree.Remove{Path: historyPath + "/" + layout.StateName(when)}); err != nil {
			return t, fmt.Errorf("thin the history: %w", err)
		}
	}
	return t, nil
}

// History is the space as it was: a folder for each state that is kept, named by its time in UTC. It is read-only.
func (s *Space) History() vfs.FS { return history{s} }

type history struct{ s *Space }

func (h history) tree(ctx context.Context) (tree.Tree, error) {
	return h.s.committed.Load().Sub(ctx, historyPath)
}

func frozen(info vfs.Info) vfs.Info {
	info.ReadOnly = true
	return info
}

func (h history) Stat(ctx context.Context, path string) (vfs.Info, error) {
	t, err := h.tree(ctx)
	if err != nil {
		return vfs.Info{}, err
	}
	info, err := view{t}.Stat(ctx, path)
	return frozen(info), err
}

func (h history) List(ctx context.Context, path string) iter.Seq2[vfs.Info, error] {
	return func(yield func(vfs.Info, error) bool) {
		t, err := h.tree(ctx)
		if err != nil {
			yield(vfs.Info{}, err)
			return
		}
		for info, err := range (view{t}).list(ctx, path) {
			if !yield(frozen(info), err) {
				return
			}
		}
	}
}

func (h history) Open(ctx context.Context, path string) (vfs.File, error) {
	t, err := h.tree(ctx)
	if err != nil {
		return nil, err
	}
	return h.s.open(ctx, t, path)
}

// Usage is of nothing: what the history takes beside the files is not known, and the room is the files'.
func (history) Usage(context.Context, string, int64) (vfs.Usage, error) {
	return vfs.Usage{Available: -1}, nil
}

// CopyTo implements namespace.CopierTo: it brings a file or folder back by reference, at no cost whatever its size. A
// folder comes with all that was in it. It is for the space whose history this is.
func (h history) CopyTo(ctx context.Context, from string, to vfs.FS, path string, o vfs.CopyOptions) (bool, error) {
	if to != vfs.FS(h.s) {
		return false, &vfs.Error{Op: "restore", Path: from, Kind: vfs.ErrInvalid, Err: errors.New("it is the history of another space")}
	}
	t, err := h.tree(ctx)
	if err != nil {
		return false, err
	}
	e, err := t.Lookup(ctx, from)
	if err != nil {
		return false, err
	}
	entry, _ := e.Object() // nothing in the history waits for a commit
	if entry.Kind == object.Folder && o.Shallow {
		entry.Root, entry.Size, entry.Count = object.Ref{}, 0, 0
	}
	if !o.Modified.IsZero() {
		entry.Modified = object.Nanos(o.Modified)
	}
	r, err := h.s.make(ctx, change{op: tree.Graft{Path: path, Entry: entry, Replace: o.Replace}, cond: o.Cond})
	return r.Replaced(), err
}

func readOnly(op, path string) error { return &vfs.Error{Op: op, Path: path, Kind: vfs.ErrReadOnly} }

func (history) Create(_ context.Context, path string) (vfs.Upload, error) {
	return nil, readOnly("create", path)
}

func (history) Mkdir(_ context.Context, path string, _ vfs.Cond) error {
	return readOnly("make folder", path)
}

func (history) Remove(_ context.Context, path string, _ vfs.Cond) error {
	return readOnly("remove", path)
}

func (history) Move(_ context.Context, from, _ string, _ vfs.CopyOptions) (bool, error) {
	return false, readOnly("move", from)
}

func (history) Copy(_ context.Context, _, to string, _ vfs.CopyOptions) (bool, error) {
	return false, readOnly("copy", to)
}

func (history) Patch(_ context.Context, path string, _ vfs.Patch, _ vfs.Cond) error {
	return readOnly("change", path)
}
