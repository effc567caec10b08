package namespace

import (
	"context"
	"errors"
	"iter"
	"strings"

	"postern/vfs"
)

// view shows a folder of a file system as a file system of its own, as a space is.
type view struct {
	fs    vfs.FS
	under string
}

func (v view) in(path string) string {
	if path == "/" {
		return v.under
	}
	return v.under + path
}

func (v view) out(err error) error {
	var e *vfs.Error
	if !errors.As(err, &e) {
		return err
	}
	if within, ok := strings.CutPrefix(e.Path, v.under); ok {
		stripped := *e
		if stripped.Path = within; within == "" {
			stripped.Path = "/"
		}
		return &stripped
	}
	return err
}

// at is the view that a condition gets.
type at struct {
	vfs.Stater
	v view
}

func (s at) Stat(ctx context.Context, path string) (vfs.Info, error) {
	info, err := s.Stater.Stat(ctx, s.v.in(path))
	return info, s.v.out(err)
}

func (v view) cond(c vfs.Cond) vfs.Cond {
	if c == nil {
		return nil
	}
	return func(ctx context.Context, all vfs.Stater) error { return c(ctx, at{all, v}) }
}

func (v view) Stat(ctx context.Context, path string) (vfs.Info, error) {
	return at{v.fs, v}.Stat(ctx, path)
}

func (v view) List(ctx context.Context, path string) iter.Seq2[vfs.Info, error] {
	return func(yield func(vfs.Info, error) bool) {
		for info, err := range v.fs.List(ctx, v.in(path)) {
			if !yield(info, v.out(err)) {
				return
			}
		}
	}
}

func (v view) Open(ctx context.Context, path string) (vfs.File, error) {
	f, err := v.fs.Open(ctx, v.in(path))
	return f, v.out(err)
}

func (v view) Usage(ctx context.Context, path string, want int64) (vfs.Usage, error) {
	return v.fs.Usage(ctx, v.in(path), want)
}

type viewUpload struct {
	vfs.Upload
	v view
}

func (u viewUpload) Commit(ctx context.Context, o vfs.CommitOptions) (vfs.Info, bool, error) {
	o.Cond = u.v.cond(o.Cond)
	info, replaced, err := u.Upload.Commit(ctx, o)
	return info, replaced, u.v.out(err)
}

func (v view) Create(ctx context.Context, path string) (vfs.Upload, error) {
	u, err := v.fs.Create(ctx, v.in(path))
	if err != nil {
		return nil, v.out(err)
	}
	return viewUpload{u, v}, nil
}

func (v view) Mkdir(ctx context.Context, path string, c vfs.Cond) error {
	return v.out(v.fs.Mkdir(ctx, v.in(path), v.cond(c)))
}

func (v view) Remove(ctx context.Context, path string, c vfs.Cond) error {
	return v.out(v.fs.Remove(ctx, v.in(path), v.cond(c)))
}

func (v view) Move(ctx context.Context, from, to string, o vfs.CopyOptions) (bool, error) {
	o.Cond = v.cond(o.Cond)
	replaced, err := v.fs.Move(ctx, v.in(from), v.in(to), o)
	return replaced, v.out(err)
}

func (v view) Copy(ctx context.Context, from, to string, o vfs.CopyOptions) (bool, error) {
	o.Cond = v.cond(o.Cond)
	replaced, err := v.fs.Copy(ctx, v.in(from), v.in(to), o)
	return replaced, v.out(err)
}

func (v view) Patch(ctx context.Context, path string, p vfs.Patch, c vfs.Cond) error {
	return v.out(v.fs.Patch(ctx, v.in(path), p, v.cond(c)))
}

// member is a view that moves and copies into other views of the same file system as one change, as spaces with one
// journal do.
type member struct{ view }

func (m member) MoveTo(ctx context.Context, from string, to vfs.FS, path string, o vfs.TransferOptions) (bool, error) {
	return m.transfer(ctx, m.fs.Move, from, to, path, o)
}

func (m member) CopyTo(ctx context.Context, from string, to vfs.FS, path string, o vfs.TransferOptions) (bool, error) {
	return m.transfer(ctx, m.fs.Copy, from, to, path, o)
}

type transfer func(ctx context.Context, from, to string, o vfs.CopyOptions) (bool, error)

func (m member) transfer(
	ctx context.Context, do transfer, from string, to vfs.FS, path string, o vfs.TransferOptions,
) (bool, error) {
	other, ok := to.(member)
	if !ok || other.fs != m.fs {
		return false, &vfs.Error{Op: "transfer", Path: path, Kind: vfs.ErrInvalid, Err: vfs.ErrOtherSpace}
	}
	options := vfs.CopyOptions{Replace: o.Replace, Shallow: o.Shallow, Modified: o.Modified}
	if o.Cond != nil {
		options.Cond = func(ctx context.Context, all vfs.Stater) error {
			return o.Cond(ctx, at{all, m.view}, at{all, other.view})
		}
	}
	replaced, err := do(ctx, m.in(from), other.in(path), options)
	return replaced, other.out(err)
}
