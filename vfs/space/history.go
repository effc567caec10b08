package space

import (
	"context"
	"iter"
	"strings"
	"time"

	"postern/vfs"
	"postern/vfs/authors"
	"postern/vfs/layout"
	"postern/vfs/object"
	"postern/vfs/space/base"
	"postern/vfs/space/view"
	"postern/vfs/space/working"
	"postern/vfs/tree"
)

// History returns a read-only view of earlier states: a folder for each kept state, named by its time in UTC.
func (s *Space) History() vfs.FS { return history{s: s} }

type history struct {
	view.ReadOnly
	s *Space
}

func (h history) tree(ctx context.Context) (tree.Tree, error) {
	return h.s.copy.Committed().Whole.Sub(ctx, base.HistoryPath)
}

func (h history) Stat(ctx context.Context, path string) (vfs.Info, error) {
	t, err := h.tree(ctx)
	if err != nil {
		return vfs.Info{}, err
	}
	info, err := view.View{Tree: t}.Stat(ctx, path)
	return view.Frozen(info), err
}

func (h history) List(ctx context.Context, path string) iter.Seq2[vfs.Info, error] {
	return func(yield func(vfs.Info, error) bool) {
		t, err := h.tree(ctx)
		if err != nil {
			yield(vfs.Info{}, err)
			return
		}
		for info, err := range (view.View{Tree: t}).List(ctx, path) {
			if !yield(view.Frozen(info), err) {
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
	return view.View{Tree: t, Opener: h.s.opener}.Open(ctx, path)
}

// Crossing implements namespace.Crosser. A mount in an earlier state leads to the inner space as it was then.
func (h history) Crossing(ctx context.Context, path string) (m tree.Mounted, ok bool, err error) {
	t, err := h.tree(ctx)
	if err != nil || !t.MayHoldMounts() {
		return m, false, err
	}
	state, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	at, _ := layout.StateTime(state)
	return view.Holder{Space: h.s.keys.Capability, At: at}.Crossing(ctx, t, path)
}

// At returns a read-only view of the space as it was at a time: its newest kept state not after the time or, if none is
// so old, its oldest.
func (s *Space) At(t time.Time) vfs.FS {
	return &view.Past{Space: s.keys.Capability, At: t, Opener: s.opener, History: history{s: s}.tree}
}

// Changes returns the newest changes of a path, the newest first; see authors.Changes.
func (s *Space) Changes(ctx context.Context, path string, most int) ([]authors.Change, error) {
	t, err := history{s: s}.tree(ctx)
	if err != nil {
		return nil, err
	}
	return authors.Changes(ctx, t, path, most)
}

// Usage returns nothing: the size of the history beyond the files is unknown, and the free room belongs to the files.
func (history) Usage(context.Context, string, int64) (vfs.Usage, error) {
	return vfs.Usage{Available: -1}, nil
}

// CopyTo implements namespace.CopierTo: it restores a file, or a folder with all its contents, by reference, at no cost
// whatever the size. The target must be in the space of this history.
func (h history) CopyTo(ctx context.Context, from string, to vfs.FS, path string, o vfs.TransferOptions) (bool, error) {
	if to != vfs.FS(h.s) {
		return false, &vfs.Error{Op: "restore", Path: from, Kind: vfs.ErrInvalid, Err: vfs.ErrOtherSpace}
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
	var cond vfs.Cond
	if o.Cond != nil {
		cond = func(ctx context.Context, at vfs.Stater) error { return o.Cond(ctx, h, at) }
	}
	r, err := h.s.make(ctx, working.Change{Op: tree.Graft{Path: path, Entry: entry, Replace: o.Replace,
		Mounts: t.MayHoldMounts()}, Cond: cond})
	return r.Replaced(), err
}
