package view

import (
	"context"
	"errors"
	"iter"
	"time"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/layout"
	"postern/vfs/tree"
)

// Past shows a space as it was at a time: its newest kept state not after the time or, if none is so old, its oldest.
// It is a read-only vfs.FS.
type Past struct {
	ReadOnly
	Space  crypto.Capability
	At     time.Time
	Opener *Opener
	// History returns the folder of the kept states.
	History func(context.Context) (tree.Tree, error)
}

// errNoPast is the error for a space that keeps no earlier states.
var errNoPast = errors.New("no earlier state of this folder is kept")

// view returns the state.
func (p *Past) view(ctx context.Context) (View, error) {
	t, err := p.History(ctx)
	if err != nil {
		return View{}, err
	}
	e, err := t.LastUpTo(ctx, "/", layout.StateName(p.At))
	if err == nil && e.IsZero() {
		t.List(ctx, "/")(func(oldest tree.Entry, failed error) bool {
			e, err = oldest, failed
			return false
		})
	}
	if err == nil && e.IsZero() {
		err = &vfs.Error{Op: "look up", Path: "/", Kind: vfs.ErrNotExist, Err: errNoPast}
	}
	if err != nil {
		return View{}, err
	}
	state, err := t.Sub(ctx, "/"+e.Info().Name)
	return View{Tree: state, Opener: p.Opener}, err
}

// Stat implements vfs.Stater.
func (p *Past) Stat(ctx context.Context, path string) (vfs.Info, error) {
	v, err := p.view(ctx)
	if err != nil {
		return vfs.Info{}, err
	}
	info, err := v.Stat(ctx, path)
	return Frozen(info), err
}

// List implements vfs.Reader.
func (p *Past) List(ctx context.Context, path string) iter.Seq2[vfs.Info, error] {
	return func(yield func(vfs.Info, error) bool) {
		v, err := p.view(ctx)
		if err != nil {
			yield(vfs.Info{}, err)
			return
		}
		for info, err := range v.List(ctx, path) {
			if !yield(Frozen(info), err) {
				return
			}
		}
	}
}

// Open implements vfs.Reader.
func (p *Past) Open(ctx context.Context, path string) (vfs.File, error) {
	v, err := p.view(ctx)
	if err != nil {
		return nil, err
	}
	return v.Open(ctx, path)
}

// Usage returns nothing, as for the history.
func (*Past) Usage(context.Context, string, int64) (vfs.Usage, error) {
	return vfs.Usage{Available: -1}, nil
}

// Crossing implements namespace.Crosser.
func (p *Past) Crossing(ctx context.Context, path string) (tree.Mounted, bool, error) {
	v, err := p.view(ctx)
	if err != nil {
		return tree.Mounted{}, false, err
	}
	return Holder{Space: p.Space, At: p.At}.Crossing(ctx, v.Tree, path)
}
