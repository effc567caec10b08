package namespace

import (
	"context"
	"errors"
	"strings"

	"postern/vfs"
)

// changeable resolves a path whose contents or attributes are to be changed. A mounted folder and the root can't be
// changed, unless the mount is in a tree.
func (t *table) changeable(ctx context.Context, op, path string) (place, error) {
	p := t.resolve(path)
	if p.isFixed() {
		return p, &vfs.Error{Op: op, Path: path, Kind: vfs.ErrReadOnly}
	}
	return t.cross(ctx, p, false)
}

// movable resolves a path whose entry is to be moved, removed or replaced. Of a mount in a tree that is the entry in
// the outer file system.
func (t *table) movable(ctx context.Context, op, path string) (place, error) {
	p := t.resolve(path)
	if p.isFixed() {
		return p, &vfs.Error{Op: op, Path: path, Kind: vfs.ErrReadOnly}
	}
	return t.cross(ctx, p, true)
}

// whole fails for a folder that contains a mount, because the operation would not include the mount.
func (t *table) whole(op, path string) error {
	if t.above[key(path)] {
		return &vfs.Error{Op: op, Path: path, Kind: vfs.ErrReadOnly, Err: vfs.ErrMounted}
	}
	return nil
}

// Create implements vfs.Writer.
func (t *table) Create(ctx context.Context, path string) (vfs.Upload, error) {
	p, err := t.changeable(ctx, "create", path)
	if err != nil {
		return nil, err
	}
	u, err := p.fs.Create(ctx, p.within)
	if err != nil {
		return nil, p.named(err)
	}
	return upload{Upload: u, table: t, place: p}, nil
}

// upload is a mount's upload whose errors have the drive's paths.
type upload struct {
	vfs.Upload
	table *table
	place place
}

func (u upload) Commit(ctx context.Context, o vfs.CommitOptions) (vfs.Info, bool, error) {
	o.Cond = u.table.cond(u.place, o.Cond)
	info, replaced, err := u.Upload.Commit(ctx, o)
	if u.place.within == u.place.file {
		info.Name, info.Mounted = u.place.name, true
	}
	return info, replaced, u.place.named(err)
}

// Mkdir implements vfs.Writer.
func (t *table) Mkdir(ctx context.Context, path string, cond vfs.Cond) error {
	p, err := t.enter(ctx, path)
	if err != nil {
		return err
	}
	if p.isMount() {
		if cond != nil { // it may know more about the existing item
			if err := cond(ctx, during{table: t}); err != nil {
				return err
			}
		}
		return &vfs.Error{Op: "make folder", Path: path, Kind: vfs.ErrExist}
	}
	return p.named(p.fs.Mkdir(ctx, p.within, t.cond(p, cond)))
}

// Remove implements vfs.Writer.
func (t *table) Remove(ctx context.Context, path string, cond vfs.Cond) error {
	const op = "remove"
	p, err := t.movable(ctx, op, path)
	if err == nil {
		err = t.whole(op, path)
	}
	if err != nil {
		return err
	}
	return p.named(p.fs.Remove(ctx, p.within, t.cond(p, cond)))
}

// Patch implements vfs.Writer.
func (t *table) Patch(ctx context.Context, path string, patch vfs.Patch, cond vfs.Cond) error {
	p, err := t.changeable(ctx, "change", path)
	if err != nil {
		return err
	}
	return p.named(p.fs.Patch(ctx, p.within, patch, t.cond(p, cond)))
}

const (
	opCopy = "copy"
	opMove = "move"
)

var errWhole = errors.New("the whole drive can't be copied into itself")

// Move implements vfs.Writer.
func (t *table) Move(ctx context.Context, from, to string, o vfs.CopyOptions) (bool, error) {
	replaced, err := t.move(ctx, from, to, o)
	if t.o.Moved != nil && (err == nil || errors.Is(err, vfs.ErrPending)) { // a pending change has happened here
		if info, err := t.Stat(context.WithoutCancel(ctx), to); err == nil && info.Folder {
			t.o.Moved(from, to)
		}
	}
	return replaced, err
}

func (t *table) move(ctx context.Context, from, to string, o vfs.CopyOptions) (bool, error) {
	src, err := t.movable(ctx, opMove, from)
	if err == nil {
		err = t.whole(opMove, from)
	}
	if err != nil {
		return false, err
	}
	dst, err := t.destination(ctx, opMove, to, o.Replace)
	if err != nil {
		return false, err
	}
	if src.same(dst) {
		o.Cond = t.cond(src, o.Cond)
		replaced, err := src.fs.Move(ctx, src.within, dst.within, o)
		return replaced, src.named(err)
	}
	if err := apart(opMove, src, dst, from, to); err != nil {
		return false, err
	}
	mover, ok := src.fs.(MoverTo)
	return t.between(ctx, opMove, src, dst, from, to, o, ok, func(o vfs.TransferOptions) (bool, error) {
		return mover.MoveTo(ctx, src.within, dst.fs, dst.within, o)
	})
}

// apart returns an error for a move or copy, of which a mount in a tree is part, of something onto itself, over a
// folder that it is in or, for a move, into itself.
func apart(op string, src, dst place, from, to string) error {
	if !src.inner && !dst.inner && !src.same(dst) {
		return nil
	}
	f, t := key(from)+"/", key(to)+"/"
	if strings.HasPrefix(f, t) || op == opMove && strings.HasPrefix(t, f) {
		return &vfs.Error{Op: op, Path: to, Kind: vfs.ErrInvalid}
	}
	return nil
}

// destination resolves the destination of a move or copy. A single file that is mounted in a tree gets new contents;
// a mounted folder is replaced in the tree.
func (t *table) destination(ctx context.Context, op, path string, replace bool) (place, error) {
	p, err := t.movable(ctx, op, path)
	if err == nil && p.entry != nil && p.entry.Target.File && replace {
		p, err = t.enter(ctx, path)
	}
	if err != nil {
		return p, err
	}
	if _, empty := p.fs.(folder); empty {
		return p, p.named(fixed(op, p.within))
	}
	if replace {
		err = t.whole(op, path)
	}
	return p, err
}
