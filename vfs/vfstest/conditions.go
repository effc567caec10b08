package vfstest

import (
	"context"

	"postern/vfs"
)

// changes returns all calls that take a condition, made so that they would succeed on the tree of testConditions.
func (d drive) changes() map[string]func(vfs.Cond) error {
	return map[string]func(vfs.Cond) error{
		"mkdir":  func(c vfs.Cond) error { return d.Mkdir(d.ctx(), "/files/dir/new", c) },
		"remove": func(c vfs.Cond) error { return d.Remove(d.ctx(), "/files/dir/f", c) },
		"move": func(c vfs.Cond) error {
			_, err := d.Move(d.ctx(), "/files/dir/f", "/files/dir/m", vfs.CopyOptions{Cond: c})
			return err
		},
		"copy": func(c vfs.Cond) error {
			_, err := d.Copy(d.ctx(), "/files/dir/f", "/files/dir/c", vfs.CopyOptions{Cond: c})
			return err
		},
		"patch": func(c vfs.Cond) error {
			return d.Patch(d.ctx(), "/files/dir/f", vfs.Patch{Modified: ns(1990), Set: props("p=1")}, c)
		},
		"overwrite": func(c vfs.Cond) error {
			_, _, err := tryPut(d.ctx(), d, "/files/dir/f", []byte("new"), vfs.CommitOptions{Cond: c})
			return err
		},
		"create": func(c vfs.Cond) error {
			_, _, err := tryPut(d.ctx(), d, "/files/dir/n", []byte("new"), vfs.CommitOptions{Cond: c})
			return err
		},
	}
}

func testConditions(d drive) {
	for name, change := range d.changes() {
		d.mkdir("/files/dir")
		d.put("/files/dir/f", "F")
		check := d.unchanged()
		asked := 0
		err := change(func(ctx context.Context, at vfs.Stater) error {
			asked++
			info, err := at.Stat(ctx, "/files/dir/f")
			if err != nil || info.Name != "f" || info.Size != 1 {
				d.t.Errorf("%s: the condition sees %+v, %v", name, info, err)
			}
			_, err = at.Stat(ctx, "/files/dir/none")
			d.fails(err, vfs.ErrNotExist)
			_, err = at.Stat(ctx, "/files/dir/f/below")
			d.fails(err, vfs.ErrNotFolder)
			if root, err := at.Stat(ctx, "/"); err != nil || !root.Folder {
				d.t.Errorf("%s: the condition sees the root as %+v, %v", name, root, err)
			}
			return errTest
		})
		if !isOwn(err) {
			d.t.Errorf("%s: the condition's error came back as %v", name, err)
		}
		if asked != 1 {
			d.t.Errorf("%s: the condition was asked %d times", name, asked)
		}
		check()

		asked = 0
		d.must(change(func(context.Context, vfs.Stater) error { asked++; return nil }))
		if asked != 1 {
			d.t.Errorf("%s: the condition was asked %d times", name, asked)
		}
		d.must(d.Remove(d.ctx(), "/files/dir", nil))
	}
}

// testConditionState: the condition of Commit sees changes made between Create and Commit.
func testConditionState(d drive) {
	first := d.put("/files/f", "first")
	up := d.create("/files/f")
	d.write(up, "lost the race")
	second := d.put("/files/f", "second")
	if _, _, err := up.Commit(d.ctx(), vfs.CommitOptions{Cond: matches("/files/f", first.Version)}); !isOwn(err) {
		d.t.Errorf("Commit on a condition that no longer holds gave %v", err)
	}
	up.Abort()
	d.wantTree("/files", "/files/f=second")

	up = d.create("/files/f")
	d.write(up, "third")
	third, replaced, err := up.Commit(d.ctx(), vfs.CommitOptions{Cond: matches("/files/f", second.Version)})
	d.must(err)
	if !replaced {
		d.t.Error("the second version was replaced and Commit does not say so")
	}
	d.must(d.Patch(d.ctx(), "/files/f", vfs.Patch{Modified: ns(1990)}, matches("/files/f", third.Version)))
	if err := d.Remove(d.ctx(), "/files/f", matches("/files/f", first.Version)); !isOwn(err) {
		d.t.Errorf("Remove on a condition that no longer holds gave %v", err)
	}
	d.must(d.Remove(d.ctx(), "/files/f", matches("/files/f", third.Version)))
	d.wantTree("/files")
}
