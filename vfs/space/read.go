package space

import (
	"context"
	"errors"
	"iter"

	"postern/vfs"
	"postern/vfs/space/view"
)

// view shows the newest durable state.
func (s *Space) view() view.View { return view.View{Tree: s.copy.Shown().Tree, Opener: s.opener} }

// Stat implements vfs.Stater.
func (s *Space) Stat(ctx context.Context, name string) (vfs.Info, error) {
	return s.view().Stat(ctx, name)
}

// List implements vfs.Reader.
func (s *Space) List(ctx context.Context, name string) iter.Seq2[vfs.Info, error] {
	return s.view().List(ctx, name)
}

// Open implements vfs.Reader.
func (s *Space) Open(ctx context.Context, name string) (vfs.File, error) {
	for {
		from := s.view()
		f, err := from.Open(ctx, name)
		if errors.Is(err, view.ErrSuperseded) && s.view().Tree != from.Tree {
			continue // the version was replaced and forgotten between the look-up and the reading: the next one is there
		}
		return f, err
	}
}
