package namespace

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"

	"postern/vfs"
	"postern/vfs/vfstest"
)

// below is a folder of a Model as a file system of its own, as a space is.
type below struct{ m *vfstest.Model }

const under = "/files"

func in(path string) string {
	if path == "/" {
		return under
	}
	return under + path
}

func out(err error) error {
	var e *vfs.Error
	if errors.As(err, &e) && len(e.Path) >= len(under) {
		stripped := *e
		if stripped.Path = e.Path[len(under):]; stripped.Path == "" {
			stripped.Path = "/"
		}
		return &stripped
	}
	return err
}

type stater struct{ at vfs.Stater }

func (s stater) Stat(ctx context.Context, path string) (vfs.Info, error) {
	info, err := s.at.Stat(ctx, in(path))
	return info, out(err)
}

func cond(c vfs.Cond) vfs.Cond {
	if c == nil {
		return nil
	}
	return func(ctx context.Context, at vfs.Stater) error { return c(ctx, stater{at}) }
}

func (b below) Stat(ctx context.Context, path string) (vfs.Info, error) {
	return stater{b.m}.Stat(ctx, path)
}

func (b below) List(ctx context.Context, path string) iter.Seq2[vfs.Info, error] {
	return func(yield func(vfs.Info, error) bool) {
		for info, err := range b.m.List(ctx, in(path)) {
			if !yield(info, out(err)) {
				return
			}
		}
	}
}

func (b below) Open(ctx context.Context, path string) (vfs.File, error) {
	f, err := b.m.Open(ctx, in(path))
	return f, out(err)
}

func (b below) Usage(ctx context.Context, path string, want int64) (vfs.Usage, error) {
	return b.m.Usage(ctx, in(path), want)
}

type belowUpload struct{ vfs.Upload }

func (u belowUpload) Commit(ctx context.Context, o vfs.CommitOptions) (vfs.Info, bool, error) {
	o.Cond = cond(o.Cond)
	info, replaced, err := u.Upload.Commit(ctx, o)
	return info, replaced, out(err)
}

func (b below) Create(ctx context.Context, path string) (vfs.Upload, error) {
	u, err := b.m.Create(ctx, in(path))
	if err != nil {
		return nil, out(err)
	}
	return belowUpload{u}, nil
}

func (b below) Mkdir(ctx context.Context, path string, c vfs.Cond) error {
	return out(b.m.Mkdir(ctx, in(path), cond(c)))
}

func (b below) Remove(ctx context.Context, path string, c vfs.Cond) error {
	return out(b.m.Remove(ctx, in(path), cond(c)))
}

func (b below) Move(ctx context.Context, from, to string, o vfs.CopyOptions) (bool, error) {
	o.Cond = cond(o.Cond)
	replaced, err := b.m.Move(ctx, in(from), in(to), o)
	return replaced, out(err)
}

func (b below) Copy(ctx context.Context, from, to string, o vfs.CopyOptions) (bool, error) {
	o.Cond = cond(o.Cond)
	replaced, err := b.m.Copy(ctx, in(from), in(to), o)
	return replaced, out(err)
}

func (b below) Patch(ctx context.Context, path string, p vfs.Patch, c vfs.Cond) error {
	return out(b.m.Patch(ctx, in(path), p, cond(c)))
}

func newDrive() *Drive {
	mount := func() vfs.FS { return below{vfstest.NewModel(vfstest.ModelOptions{})} }
	return New(time.Unix(1, 0), map[string]vfs.FS{"files": mount(), "other": mount()})
}

// TestContract: a drive of mounts keeps the contract that its mounts keep.
func TestContract(t *testing.T) {
	vfstest.Run(t, func(*testing.T) vfs.FS { return newDrive() })
}

// TestPaths: errors and conditions speak of the drive's paths, whatever the mount knows itself as.
func TestPaths(t *testing.T) {
	d, ctx := newDrive(), t.Context()
	_, err := d.Stat(ctx, "/files/a/b")
	wantPath(t, err, "/files/a/b")
	_, err = d.Open(ctx, "/nowhere/a")
	wantPath(t, err, "/nowhere/a")
	wantPath(t, d.Mkdir(ctx, "/files/a/b/c", nil), "/files/a/b/c")
	asked := 0
	err = d.Mkdir(ctx, "/files/new", func(ctx context.Context, at vfs.Stater) error {
		for path, there := range map[string]bool{"/": true, "/files": true, "/files/new": false, "/other": true, "/nowhere": false} {
			asked++
			if _, err := at.Stat(ctx, path); (err == nil) != there {
				t.Errorf("a condition sees %s: %v", path, err)
			}
		}
		_, err := at.Stat(ctx, "/files/new")
		return err
	})
	if asked != 5 {
		t.Error("the condition was not asked")
	}
	wantPath(t, err, "/files/new") // once, though it came through the mount
}

func wantPath(t *testing.T, err error, path string) {
	t.Helper()
	var e *vfs.Error
	if !errors.As(err, &e) || e.Path != path {
		t.Errorf("the error is %v, of %s it should be", err, path)
	}
}

// TestMounts: the mounts are the root's folders, and stay.
func TestMounts(t *testing.T) {
	d, ctx := newDrive(), t.Context()
	var names []string
	for info, err := range d.List(ctx, "/") {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, info.Name)
	}
	if fmt.Sprint(names) != "[files other]" {
		t.Errorf("the root lists %v", names)
	}
	for what, err := range map[string]error{
		"remove a mount": d.Remove(ctx, "/files", nil),
		"remove root":    d.Remove(ctx, "/", nil),
		"new beside":     d.Mkdir(ctx, "/third", nil),
		"move a mount":   second(d.Move(ctx, "/files", "/other/x", vfs.CopyOptions{})),
		"move over one":  second(d.Move(ctx, "/files/x", "/other", vfs.CopyOptions{Replace: true})),
	} {
		if err == nil {
			t.Errorf("%s: done", what)
		}
	}
	if err := d.Mkdir(ctx, "/files/x", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Move(ctx, "/files/x", "/other/x", vfs.CopyOptions{}); !errors.Is(err, vfs.ErrInvalid) {
		t.Errorf("moved into another space: %v", err)
	}
}

func second(_ bool, err error) error { return err }
