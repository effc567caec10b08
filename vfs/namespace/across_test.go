package namespace

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/vfs"
	"postern/vfs/vfstest"
)

// newApart returns a drive of a home with spaces and, at /shared/x, a file system that shares no references with them.
// fail is called before each of its operations.
func newApart(t *testing.T, fail func(op, path string) error) *household {
	t.Helper()
	h := newHousehold(t)
	away := vfstest.NewModel(vfstest.ModelOptions{Limit: 1 << 20, Fail: func(op, path string) error {
		if fail == nil {
			return nil
		}
		return fail(op, path)
	}})
	must(t, h.drive.Mount("/shared/x", view{away, "/files"}))
	return h
}

// tree returns everything below a folder, with its attributes but the version and the MD5.
func treeOf(t *testing.T, d *Drive, root string) map[string]vfs.Info {
	t.Helper()
	all := map[string]vfs.Info{}
	top, err := d.Stat(t.Context(), root)
	must(t, err)
	enter := func(below string, info vfs.Info) error {
		info.Version, info.MD5, info.Mounted = vfs.Version{}, [16]byte{}, false
		if below == "" {
			info.Name = ""
		}
		all[below] = info
		return nil
	}
	must(t, walk(t.Context(), d, root, top, enter, func(string, vfs.Info) error { return nil }))
	return all
}

// TestCopyAcross copies a folder and a file to a file system that shares no references, and moves them back.
func TestCopyAcross(t *testing.T) {
	h, ctx := newApart(t, nil), t.Context()
	d := h.drive
	must(t, d.Mkdir(ctx, "/files/d", nil))
	must(t, d.Mkdir(ctx, "/files/d/empty", nil))
	must(t, d.Mkdir(ctx, "/files/d/sub", nil))
	put(t, d, "/files/d/sub/f.bin", strings.Repeat("0123456789", 20_000))
	long := "/files/d"
	for range 100 {
		long += "/deep"
		must(t, d.Mkdir(ctx, long, nil))
	}
	old := time.Date(2001, 2, 3, 4, 5, 6, 7, time.UTC)
	set := []vfs.Property{{Name: vfs.PropertyName{Space: "urn:x", Local: "p"}, Value: "v"}}
	for _, path := range []string{"/files/d", "/files/d/sub", "/files/d/sub/f.bin", long} {
		must(t, d.Patch(ctx, path, vfs.Patch{Modified: old, Created: old.Add(time.Hour), Set: set}, nil))
	}
	want := treeOf(t, d, "/files/d")
	same := func(path string) {
		t.Helper()
		if diff := cmp.Diff(want, treeOf(t, d, path)); diff != "" {
			t.Errorf("%s differs:\n%s", path, diff)
		}
	}
	must(t, second(d.Copy(ctx, "/files/d", "/shared/x/d", vfs.CopyOptions{})))
	same("/files/d")
	same("/shared/x/d")
	must(t, second(d.Move(ctx, "/shared/x/d", "/files/e", vfs.CopyOptions{})))
	same("/files/e")
	wantNames(t, d, "/shared/x", "")
	replaced, err := d.Move(ctx, "/files/e/sub/f.bin", "/files/d", vfs.CopyOptions{Replace: true})
	if err != nil || !replaced {
		t.Fatal(replaced, err)
	}
	replaced, err = d.Move(ctx, "/files/e/sub", "/shared/x/f", vfs.CopyOptions{})
	if err != nil || replaced {
		t.Fatal(replaced, err)
	}
	replaced, err = d.Move(ctx, "/files/d", "/shared/x/f", vfs.CopyOptions{Replace: true, Modified: old.Add(1)})
	if err != nil || !replaced {
		t.Fatal(replaced, err)
	}
	if info, err := d.Stat(ctx, "/shared/x/f"); err != nil || !info.Modified.Equal(old.Add(1)) || info.Size != 200_000 {
		t.Errorf("a file that replaced a folder is %+v, %v", info, err)
	}
	wantNames(t, d, "/files", "e/")
	wantNames(t, d, "/shared/x", "f")
}

// TestCopyAcrossMounts copies a folder with a mounted space in it; the copy has an ordinary folder there. It can't be
// moved.
func TestCopyAcrossMounts(t *testing.T) {
	h, ctx := newApart(t, nil), t.Context()
	must(t, h.own.Mkdir(ctx, "/d", nil))
	put(t, h.mount(h.own, "/d/m", 1), "/f", "inside")
	wantKind(t, "move", second(h.drive.Move(ctx, "/files/d", "/shared/x/d", vfs.CopyOptions{})), vfs.ErrMounted)
	wantKind(t, "move", second(h.drive.Move(ctx, "/files/d/m", "/shared/x/d", vfs.CopyOptions{})), vfs.ErrMounted)
	must(t, second(h.drive.Copy(ctx, "/files/d", "/shared/x/d", vfs.CopyOptions{})))
	if got := read(t, h.drive, "/shared/x/d/m/f"); got != "inside" {
		t.Errorf("the copy holds %q", got)
	}
}

// TestAcrossFails fails copies and moves at each of their operations: nothing stays of them, the source is whole, and
// the error names the path, not the temporary name.
func TestAcrossFails(t *testing.T) {
	var left int // operations until the failure
	var failed string
	h := newApart(t, func(op, path string) error {
		if strings.Contains("write commit mkdir patch move", op) && left > 0 {
			if left--; left == 0 {
				failed = op
				return &vfs.Error{Op: op, Path: path, Kind: vfs.ErrFull}
			}
		}
		return nil
	})
	d, ctx := h.drive, t.Context()
	must(t, d.Mkdir(ctx, "/files/d", nil))
	must(t, d.Mkdir(ctx, "/files/d/sub", nil))
	put(t, d, "/files/d/sub/f", "F")
	put(t, d, "/files/d/g", "G")
	put(t, d, "/shared/x/there", "T")
	want := treeOf(t, d, "/files/d")
	kinds := map[string]int{}
	for n := 1; ; n++ {
		left, failed = n, ""
		to := []string{"/shared/x/new", "/shared/x/there"}[n%2]
		_, err := d.Move(ctx, "/files/d", to, vfs.CopyOptions{Replace: true})
		if failed == "" {
			must(t, err)
			break
		}
		kinds[failed]++
		wantKind(t, failed, err, vfs.ErrFull)
		if e := (*vfs.Error)(nil); !errors.As(err, &e) || !strings.HasPrefix(e.Path, to) {
			t.Errorf("failed at a %s: %v", failed, err)
		}
		wantNames(t, d, "/shared/x", "there")
		if diff := cmp.Diff(want, treeOf(t, d, "/files/d")); diff != "" {
			t.Errorf("the source differs:\n%s", diff)
		}
	}
	if len(kinds) != 5 {
		t.Errorf("failed at %v", kinds)
	}
}

// TestAcrossRefuses checks what is refused before anything is copied.
func TestAcrossRefuses(t *testing.T) {
	h := newApart(t, func(op, path string) error {
		if op == "mkdir" || op == "write" || op == "commit" {
			return errors.New("copying has begun")
		}
		return nil
	})
	d, ctx := h.drive, t.Context()
	put(t, d, "/files/f", "F")
	must(t, d.Mkdir(ctx, "/files/d", nil))
	put(t, d, "/files/d/big", strings.Repeat("x", 2<<20))
	must(t, h.own.Flush(ctx))
	own := errors.New("own")
	past := ""
	for info, err := range d.List(ctx, "/history") {
		must(t, err)
		past = "/history/" + info.Name
	}
	for _, c := range []struct {
		from, to string
		cond     vfs.Cond
		want     error
	}{
		{"/files/none", "/shared/x/y", nil, vfs.ErrNotExist},
		{"/files/f", "/shared/x/none/y", nil, vfs.ErrNotExist},
		{"/files/f", "/shared/x/" + strings.Repeat("n", vfs.MaxName+1), nil, vfs.ErrName},
		{"/files/f", "/shared/x/y", func(context.Context, vfs.Stater) error { return own }, own},
		{"/files/d", "/shared/x/y", nil, vfs.ErrFull},
		{past + "/f", "/shared/x/y", nil, vfs.ErrReadOnly},
	} {
		for _, do := range []func(context.Context, string, string, vfs.CopyOptions) (bool, error){d.Move, d.Copy} {
			_, err := do(ctx, c.from, c.to, vfs.CopyOptions{Cond: c.cond})
			if errors.Is(c.want, vfs.ErrReadOnly) && !errors.Is(err, c.want) && strings.Contains(err.Error(), "begun") {
				continue // an earlier state is copied, and not moved
			}
			if !errors.Is(err, c.want) {
				t.Errorf("%s to %s: %v", c.from, c.to, err)
			}
		}
	}
	wantNames(t, d, "/shared/x", "")
}

// TestMoveChanged changes the source of a move after it was copied: the move fails, and nothing is lost.
func TestMoveChanged(t *testing.T) {
	var h *household
	for _, when := range []string{"patch", "move"} { // while it is copied; between the copy's move and the removal
		change := func() {
			up, err := h.own.Create(t.Context(), "/d/f")
			must(t, err)
			_, _, err = up.Commit(t.Context(), vfs.CommitOptions{})
			must(t, err)
		}
		h = newApart(t, func(op, _ string) error {
			if op == when && change != nil {
				change()
				change = nil
			}
			return nil
		})
		must(t, h.own.Mkdir(t.Context(), "/d", nil))
		put(t, h.own, "/d/f", "before")
		err := second(h.drive.Move(t.Context(), "/files/d", "/shared/x/d", vfs.CopyOptions{}))
		wantKind(t, when, err, vfs.ErrUnavailable, errChanged)
		wantPath(t, err, "/files/d")
		wantNames(t, h.drive, "/files/d", "f")
		wantNames(t, h.drive, "/shared/x", "")
	}
}

// TestAcrossCanceled ends the request in the middle of a copy: nothing of it stays.
func TestAcrossCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	h := newApart(t, func(op, _ string) error {
		if op == "mkdir" {
			cancel()
		}
		return nil
	})
	must(t, h.own.Mkdir(t.Context(), "/d", nil))
	put(t, h.own, "/d/f", "F")
	if err := second(h.drive.Copy(ctx, "/files/d", "/shared/x/d", vfs.CopyOptions{})); !errors.Is(err, context.Canceled) {
		t.Errorf("a copy whose request has ended: %v", err)
	}
	wantNames(t, h.drive, "/shared/x", "")
}
