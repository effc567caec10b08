// Package namespace shows several file systems as the folders of one drive: "/files" today, what friends share, chats and
// history later. The root itself is read-only; everything below a mount is handed to it under its own paths.
package namespace

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"postern/vfs"
)

// Drive is a vfs.FS made of mounts.
type Drive struct {
	mounts map[string]vfs.FS
	names  []string // of the mounts, sorted
	made   time.Time
}

// New makes a drive of the mounts, by the paths of their folders, such as "/files". made is the time that the root shows; it
// never changes, so that clients may keep what they know of it.
func New(made time.Time, mounts map[string]vfs.FS) *Drive {
	d := &Drive{mounts: map[string]vfs.FS{}, made: made}
	for path, fs := range mounts {
		d.mounts[strings.TrimPrefix(path, "/")] = fs
	}
	d.names = slices.Sorted(maps.Keys(d.mounts))
	return d
}

// place is where a path leads: a mount and the path within.
type place struct {
	fs    vfs.FS
	mount string // its name
	path  string // within, "/" for the mount itself
}

func (d *Drive) resolve(op, path string) (place, error) {
	name, below, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	fs, ok := d.mounts[name]
	if !ok {
		return place{}, &vfs.Error{Op: op, Path: path, Kind: vfs.ErrNotExist}
	}
	return place{fs: fs, mount: name, path: "/" + below}, nil
}

// inside resolves a path that is to be changed: what lies below a mount can be, the mounts and the root can't.
func (d *Drive) inside(op, path string) (place, error) {
	p, err := d.resolve(op, path)
	if err != nil {
		if strings.Count(path, "/") == 1 { // the root, or a new name beside the mounts
			err = &vfs.Error{Op: op, Path: path, Kind: vfs.ErrReadOnly}
		}
		return place{}, err
	}
	if p.path == "/" {
		return place{}, &vfs.Error{Op: op, Path: path, Kind: vfs.ErrReadOnly}
	}
	return p, nil
}

// full is the drive's path of a path within the mount.
func (p place) full(within string) string {
	if within == "/" {
		return "/" + p.mount
	}
	return "/" + p.mount + within
}

// passed is a condition's own error on its way through a mount: it speaks of the drive's paths already.
type passed struct{ error }

// named gives an error of the mount the drive's path.
func (p place) named(err error) error {
	var own passed
	if errors.As(err, &own) {
		return own.error
	}
	var e *vfs.Error
	if !errors.As(err, &e) {
		return err
	}
	moved := *e
	moved.Path = p.full(e.Path)
	return &moved
}

// cond shows the drive's paths to a condition that the mount evaluates.
func (d *Drive) cond(p place, cond vfs.Cond) vfs.Cond {
	if cond == nil {
		return nil
	}
	return func(ctx context.Context, at vfs.Stater) error {
		if err := cond(ctx, during{drive: d, place: p, at: at}); err != nil {
			return passed{err}
		}
		return nil
	}
}

// during looks up paths while a mount is being changed: in the state of the change there, in the newest elsewhere.
type during struct {
	drive *Drive
	place place
	at    vfs.Stater
}

func (s during) Stat(ctx context.Context, path string) (vfs.Info, error) {
	if path == "/" {
		return s.drive.root(ctx, s)
	}
	if p, err := s.drive.resolve("stat", path); err == nil && p.mount == s.place.mount {
		return p.stat(ctx, s.at)
	}
	return s.drive.Stat(ctx, path)
}

func (p place) stat(ctx context.Context, at vfs.Stater) (vfs.Info, error) {
	info, err := at.Stat(ctx, p.path)
	if p.path == "/" {
		info.Name = p.mount
	}
	return info, p.named(err)
}

// Stat implements vfs.Stater.
func (d *Drive) Stat(ctx context.Context, path string) (vfs.Info, error) {
	if path == "/" {
		return d.root(ctx, d)
	}
	p, err := d.resolve("stat", path)
	if err != nil {
		return vfs.Info{}, err
	}
	return p.stat(ctx, p.fs)
}

// root is the root folder, with the mounts as at shows them.
func (d *Drive) root(ctx context.Context, at vfs.Stater) (vfs.Info, error) {
	info := vfs.Info{Folder: true, ReadOnly: true, Modified: d.made, Created: d.made}
	for _, name := range d.names {
		mount, err := at.Stat(ctx, "/"+name)
		if err != nil {
			return vfs.Info{}, err
		}
		info.Size += mount.Size
	}
	return info, nil
}

// List implements vfs.Reader.
func (d *Drive) List(ctx context.Context, path string) iter.Seq2[vfs.Info, error] {
	return func(yield func(vfs.Info, error) bool) {
		if path == "/" {
			for _, name := range d.names {
				info, err := d.Stat(ctx, "/"+name)
				if !yield(info, err) || err != nil {
					return
				}
			}
			return
		}
		p, err := d.resolve("list", path)
		if err != nil {
			yield(vfs.Info{}, err)
			return
		}
		for info, err := range p.fs.List(ctx, p.path) {
			if !yield(info, p.named(err)) || err != nil {
				return
			}
		}
	}
}

// Open implements vfs.Reader.
func (d *Drive) Open(ctx context.Context, path string) (vfs.File, error) {
	if path == "/" {
		return nil, &vfs.Error{Op: "open", Path: path, Kind: vfs.ErrIsFolder}
	}
	p, err := d.resolve("open", path)
	if err != nil {
		return nil, err
	}
	f, err := p.fs.Open(ctx, p.path)
	return f, p.named(err)
}

// Usage implements vfs.FS. The mount that a path lies in answers; for the root it is what all mounts hold, and the least room
// that one of them has.
func (d *Drive) Usage(ctx context.Context, path string, want int64) (vfs.Usage, error) {
	if path != "/" {
		p, err := d.resolve("usage", path)
		if err != nil {
			return vfs.Usage{}, err
		}
		u, err := p.fs.Usage(ctx, p.path, want)
		return u, p.named(err)
	}
	total := vfs.Usage{Available: -1}
	for _, name := range d.names {
		u, err := d.mounts[name].Usage(ctx, "/", want)
		if err != nil {
			return vfs.Usage{}, err
		}
		total.Used += max(u.Used, 0)
		if u.Available >= 0 && (total.Available < 0 || u.Available < total.Available) {
			total.Available = u.Available
		}
	}
	return total, nil
}
