package namespace

import (
	"context"
	"errors"
	"testing"

	"postern/vfs"
	"postern/vfs/space"
)

// TestCopyWithMounts copies a folder with mounts in it, in one step: the copy holds ordinary folders.
func TestCopyWithMounts(t *testing.T) {
	h, ctx := newHousehold(t), t.Context()
	must(t, h.own.Mkdir(ctx, "/d", nil))
	put(t, h.own, "/d/f", "F")
	m := h.mount(h.own, "/d/m", 1)
	n := h.mount(m, "/n", 2)
	put(t, m, "/g", "GG")
	put(t, n, "/h", "HHH")
	single := h.space(3)
	put(t, single, "/inside.txt", "one")
	target := h.target(3)
	target.File = true
	must(t, h.own.Mount(ctx, "/d/s.txt", target, space.MountOptions{}))
	d := h.drive

	if got := read(t, d, "/files/d/s.txt"); got != "one" {
		t.Errorf("the mounted file holds %q", got)
	}
	put(t, d, "/files/d/s.txt", "two")
	if got := read(t, single, "/inside.txt"); got != "two" {
		t.Errorf("written through its mount the file holds %q", got)
	}
	if info := listed(t, d, "/files/d", "s.txt"); info.Size != 3 || info.ReadOnly || info.Folder || !info.Mounted {
		t.Errorf("it is listed as %+v", info)
	}
	put(t, d, "/files/tmp", "three") // as editors save
	must(t, second(d.Move(ctx, "/files/tmp", "/files/d/s.txt", vfs.CopyOptions{Replace: true})))
	if got := read(t, single, "/inside.txt"); got != "three" {
		t.Errorf("a file moved over its mount became %q", got)
	}

	for from, to := range map[string]string{"/files/d": "/files/c", "/files/d/": "/files/d/m/n/c"} {
		from = from[:len("/files/d")]
		must(t, second(d.Copy(ctx, from, to, vfs.CopyOptions{})))
		for path, want := range map[string]string{"/f": "F", "/m/g": "GG", "/m/n/h": "HHH", "/s.txt": "three"} {
			if got := read(t, d, to+path); got != want {
				t.Errorf("%s%s holds %q", to, path, got)
			}
			if info, err := d.Stat(ctx, to+path); err != nil || info.Mounted {
				t.Errorf("%s%s is %+v, %v", to, path, info, err)
			}
		}
		must(t, d.Remove(ctx, to, nil))
	}
	if mounts, err := h.own.Mounts(ctx, "/", 9); err != nil || len(mounts) != 2 {
		t.Errorf("the copies left mounts: %+v, %v", mounts, err)
	}
	must(t, second(d.Copy(ctx, "/files/d", "/files/shallow", vfs.CopyOptions{Shallow: true})))
	wantNames(t, d, "/files/shallow", "")
	for what, err := range map[string]error{
		"a copy onto itself":    second(d.Copy(ctx, "/files/d", "/files/d", vfs.CopyOptions{Replace: true})),
		"a copy over its mount": second(d.Copy(ctx, "/files/d/m", "/files/d", vfs.CopyOptions{Replace: true})),
		"a move to a mount":     second(d.Move(ctx, "/files/d", "/files/d/m/x", vfs.CopyOptions{})),
	} {
		wantKind(t, what, err, vfs.ErrInvalid)
	}
	must(t, d.Mkdir(ctx, "/files/d/m/k", nil))
	must(t, second(d.Move(ctx, "/files/d/m/n", "/files/d/m/k/n", vfs.CopyOptions{})))
	must(t, second(d.Move(ctx, "/files/d/m/k", "/files/k", vfs.CopyOptions{})))
	must(t, h.own.Flush(ctx))
	must(t, m.Flush(ctx))
	must(t, second(d.Move(ctx, "/files/k/n", "/files/d/m/n", vfs.CopyOptions{})))
	if got := read(t, d, "/files/d/m/n/h"); got != "HHH" {
		t.Errorf("after moves of its mount to another space and back, a file holds %q", got)
	}
	err := second(d.Copy(ctx, "/files/d", "/files/x", vfs.CopyOptions{Cond: func(context.Context, vfs.Stater) error {
		return vfs.ErrExist
	}}))
	wantKind(t, "a condition of the copy", err, vfs.ErrExist)
	h.fail[h.target(2).Capability.ID] = errors.New("away")
	wantKind(t, "a copy without a part", second(d.Copy(ctx, "/files/d", "/files/x", vfs.CopyOptions{})), vfs.ErrUnavailable)
	_, err = d.Stat(ctx, "/files/x")
	wantKind(t, "the failed copies", err, vfs.ErrNotExist)
	must(t, h.own.Flush(ctx))
}

// TestSpansIn lists the file systems below a path, those of mounts in trees too.
func TestSpansIn(t *testing.T) {
	h, ctx := newHousehold(t), t.Context()
	must(t, h.own.Mkdir(ctx, "/d", nil))
	m := h.mount(h.own, "/d/m", 1)
	n := h.mount(m, "/n", 2)
	must(t, n.Mount(ctx, "/again", h.target(1), space.MountOptions{}))
	must(t, h.own.Mount(ctx, "/away", h.target(9), space.MountOptions{}))
	for path, want := range map[string]map[string]vfs.FS{
		"/files":       {"/files /": h.own, "/files/d/m /": m, "/files/d/m/n /": n},
		"/files/d/m/x": {"/files/d/m /x": m},
		"/files/d/m":   {"/files/d/m /": m, "/files/d/m/n /": n},
	} {
		all, err := h.drive.SpansIn(ctx, path)
		must(t, err)
		if len(all) != len(want) {
			t.Errorf("%s: %+v", path, all)
		}
		for _, span := range all {
			if want[span.Path+" "+span.Within] != span.FS {
				t.Errorf("%s: there is a span of %s, %s", path, span.Path, span.Within)
			}
		}
	}
	_, err := h.drive.SpansIn(ctx, "/files/away/x")
	wantKind(t, "below an unreachable mount", err, vfs.ErrUnavailable)
}
