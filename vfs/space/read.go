package space

import (
	"context"
	"errors"
	"io"
	"iter"
	"path"

	"postern/vfs"
	"postern/vfs/space/late"
	"postern/vfs/space/view"
)

// view returns the newest durable state.
func (s *Space) view() view.View { return view.View{Tree: s.copy.Shown().Tree, Opener: s.opener} }

// Stat implements vfs.Stater.
func (s *Space) Stat(ctx context.Context, name string) (vfs.Info, error) {
	info, err := s.view().Stat(ctx, name)
	if err == nil && vfs.NeedsMD5(ctx) {
		info, err = s.late.Info(ctx, name, info)
	}
	return info, err
}

// List implements vfs.Reader.
func (s *Space) List(ctx context.Context, name string) iter.Seq2[vfs.Info, error] {
	list := s.view().List(ctx, name)
	if !vfs.NeedsMD5(ctx) {
		return list
	}
	return func(yield func(vfs.Info, error) bool) {
		for info, err := range list {
			if err == nil {
				info, err = s.late.Info(ctx, path.Join(name, info.Name), info)
			}
			if !yield(info, err) || err != nil {
				return
			}
		}
	}
}

// Open implements vfs.Reader.
func (s *Space) Open(ctx context.Context, name string) (vfs.File, error) {
	for {
		from := s.view()
		f, err := from.Open(ctx, name)
		if errors.Is(err, view.ErrSuperseded) && s.view().Tree != from.Tree {
			continue // the version was replaced between lookup and read, so look up the next one
		}
		if err != nil {
			return nil, err
		}
		return noted{f, s.late}, nil
	}
}

// noted is an open file that reports its transfers, so that late MD5s wait for them.
type noted struct {
	vfs.File
	late *late.MD5s
}

// WriteNTo implements vfs.File.
func (n noted) WriteNTo(w io.Writer, count int64) (int64, error) {
	n.late.Transfer()
	defer n.late.End()
	return n.File.WriteNTo(w, count)
}
