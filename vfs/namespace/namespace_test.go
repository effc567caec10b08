package namespace

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"postern/vfs"
	"postern/vfs/vfstest"
)

// newSpace returns an empty space.
func newSpace() vfs.FS { return view{vfstest.NewModel(vfstest.ModelOptions{}), "/files"} }

func newDrive() *Drive {
	return New(Options{Made: time.Unix(1, 0)}, map[string]vfs.FS{"files": newSpace(), "other": newSpace()})
}

// TestContract checks that a drive of mounts keeps the contract of its mounts.
func TestContract(t *testing.T) {
	vfstest.Run(t, func(*testing.T) vfs.FS { return newDrive() })
}

// TestPaths checks that errors and conditions have the drive's paths, whatever the mount's own path.
func TestPaths(t *testing.T) {
	d, ctx := newDrive(), t.Context()
	_, err := d.Stat(ctx, "/files/a/b")
	wantPath(t, err, "/files/a/b")
	_, err = d.Open(ctx, "/nowhere/a")
	wantPath(t, err, "/nowhere/a")
	wantPath(t, d.Mkdir(ctx, "/files/a/b/c", nil), "/files/a/b/c")
	asked := 0
	err = d.Mkdir(ctx, "/files/new", func(ctx context.Context, at vfs.Stater) error {
		for path, there := range map[string]bool{"/": true, "/files": true, "/files/new": false, "/other": true,
			"/nowhere": false} {
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
	wantPath(t, err, "/files/new") // added once, though the error passed through the mount
}

func wantPath(t *testing.T, err error, path string) {
	t.Helper()
	var e *vfs.Error
	if !errors.As(err, &e) || e.Path != path {
		t.Errorf("the error is %v, of %s it should be", err, path)
	}
}

// TestMounts checks that the mounts are the root's folders, and can't be changed.
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
	must(t, second(d.Copy(ctx, "/files/x", "/other/x", vfs.CopyOptions{}))) // by the bytes
	must(t, second(d.Move(ctx, "/files/x", "/other/y", vfs.CopyOptions{})))
	wantNames(t, d, "/other", "x/ y/")
	wantNames(t, d, "/files", "")
}

func second(_ bool, err error) error { return err }
