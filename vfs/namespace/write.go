package namespace

import (
	"context"
	"errors"

	"postern/vfs"
)

// Create implements vfs.Writer.
func (d *Drive) Create(ctx context.Context, path string) (vfs.Upload, error) {
	p, err := d.inside("create", path)
	if err != nil {
		return nil, err
	}
	u, err := p.fs.Create(ctx, p.path)
	if err != nil {
		return nil, p.named(err)
	}
	return upload{Upload: u, drive: d, place: p}, nil
}

// upload is a mount's upload that speaks of the drive's paths.
type upload struct {
	vfs.Upload
	drive *Drive
	place place
}

func (u upload) Commit(ctx context.Context, o vfs.CommitOptions) (vfs.Info, bool, error) {
	o.Cond = u.drive.cond(u.place, o.Cond)
	info, replaced, err := u.Upload.Commit(ctx, o)
	return info, replaced, u.place.named(err)
}

// Mkdir implements vfs.Writer.
func (d *Drive) Mkdir(ctx context.Context, path string, cond vfs.Cond) error {
	p, err := d.resolve("make folder", path)
	if path == "/" || err == nil && p.path == "/" {
		return &vfs.Error{Op: "make folder", Path: path, Kind: vfs.ErrExist}
	}
	if p, err = d.inside("make folder", path); err != nil {
		return err
	}
	return p.named(p.fs.Mkdir(ctx, p.path, d.cond(p, cond)))
}

// Remove implements vfs.Writer.
func (d *Drive) Remove(ctx context.Context, path string, cond vfs.Cond) error {
	p, err := d.inside("remove", path)
	if err != nil {
		return err
	}
	return p.named(p.fs.Remove(ctx, p.path, d.cond(p, cond)))
}

// Patch implements vfs.Writer.
func (d *Drive) Patch(ctx context.Context, path string, patch vfs.Patch, cond vfs.Cond) error {
	p, err := d.inside("change", path)
	if err != nil {
		return err
	}
	return p.named(p.fs.Patch(ctx, p.path, patch, d.cond(p, cond)))
}

// Move implements vfs.Writer.
func (d *Drive) Move(ctx context.Context, from, to string, o vfs.CopyOptions) (bool, error) {
	src, err := d.inside(opMove, from)
	if err != nil {
		return false, err
	}
	return d.transfer(ctx, opMove, src, from, to, o, src.fs.Move)
}

// Copy implements vfs.Writer.
func (d *Drive) Copy(ctx context.Context, from, to string, o vfs.CopyOptions) (bool, error) {
	if from == "/" {
		return false, &vfs.Error{Op: opCopy, Path: from, Kind: vfs.ErrInvalid, Err: errWhole}
	}
	src, err := d.resolve(opCopy, from)
	if err != nil {
		return false, err
	}
	return d.transfer(ctx, opCopy, src, from, to, o, src.fs.Copy)
}

var (
	errWhole  = errors.New("the whole drive can't be copied into itself")
	errSpaces = errors.New("it lies in another space; copy the contents instead")
)

// CopierTo is a mount that can copy into some others by reference. Errors are those of vfs.Writer's Copy; vfs.ErrInvalid for a file system that
// it can't copy to.
type CopierTo interface {
	CopyTo(ctx context.Context, from string, to vfs.FS, path string, o vfs.CopyOptions) (replaced bool, err error)
}

const (
	opCopy = "copy"
	opMove = "move"
)

type transferFunc func(ctx context.Context, from, to string, o vfs.CopyOptions) (bool, error)

func (d *Drive) transfer(ctx context.Context, op string, src place, from, to string, o vfs.CopyOptions, do transferFunc) (bool, error) {
	dst, err := d.inside(op, to)
	if err != nil {
		return false, err
	}
	if copier, ok := src.fs.(CopierTo); ok && op == opCopy && src.mount != dst.mount {
		o.Cond = d.cond(dst, o.Cond)
		if _, err := src.fs.Stat(ctx, src.path); err != nil {
			return false, src.named(err)
		}
		replaced, err := copier.CopyTo(ctx, src.path, dst.fs, dst.path, o)
		return replaced, dst.named(err) // what is copied is there, so the error is about the place that it is to have
	}
	if src.mount != dst.mount { // references do not reach from one space into another
		return false, &vfs.Error{Op: op, Path: from, Kind: vfs.ErrInvalid, Err: errSpaces}
	}
	o.Cond = d.cond(src, o.Cond)
	replaced, err := do(ctx, src.path, dst.path, o)
	return replaced, src.named(err)
}
