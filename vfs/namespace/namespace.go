// Package namespace shows several file systems as one drive. Each is mounted at a path, at any depth: the user's own
// files at "/files", a friend's share below "/shared". Mounts come and go at run time.
//
// The longest path wins: the mount gets every path at or below its own, relative to it, and hides what the surrounding
// file system has there. A mount appears in the listing of its parent folder, beside that folder's own entries. From
// outside, a mounted folder is fixed: it can't be removed, moved, replaced or patched, nor can a folder that contains
// it be removed, moved or copied as a whole.
//
// A mount may also be an entry in the tree of a file system (Crosser). A path that leads to or into it continues in the
// file system that Options.Open returns: at most 16 times, in no space twice, and only into spaces of the same owner.
// From outside, such a mount is an ordinary folder or file of the outer tree: it is moved, renamed, removed and
// replaced there. Its listing shows it without opening it; its attributes and properties are those of the inner root
// folder. What is written to the path of a single mounted file becomes its contents. A mount can't be moved into
// another file system, nor can a folder that contains one.
//
// Between file systems that can't share references, a copy or move transfers the bytes (across.go).
//
// A failing mount does not affect others. Calls that show a mount only from outside wait for it for at most
// Options.Patience, and then show its last known info; only calls at or below its path fail with it.
package namespace

import (
	"cmp"
	"context"
	"crypto/rand"
	"io"
	"iter"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"postern/remote"
	"postern/vfs"
)

// Options of New. The zero value works.
type Options struct {
	Made     time.Time        // the time of the root; it never changes, so that clients may cache
	Patience time.Duration    // how long calls that show a mount only from outside wait for it; 0: remote.Shipped.Mount
	Clock    func() time.Time // for the time of mounting; nil: time.Now
	Rand     io.Reader        // for the names of unfinished copies; nil: crypto/rand

	// Open returns the file system that a mount in the tree of outer leads to: the same comparable value for the same
	// space and time, as long as it is open, which the caller keeps it. It is called for each call that leads to or into
	// the mount. Its error is that of all paths at and below the mount, vfs.ErrUnavailable if it is no *vfs.Error. Nil: no
	// mount in a tree is followed.
	Open  func(ctx context.Context, outer vfs.FS, m Mounted) (vfs.FS, error)
	files *files

	// Mounted is called after a mount has come or gone. It must return soon. Nil: no call.
	Mounted func()
	// Moved is called for each folder that was moved, also from one mount to another, before Move returns. It must return
	// soon. Nil: no call.
	Moved func(from, to string)
}

// Drive is a vfs.FS made of mounts. Each call, and each upload, uses one table of mounts from begin to end.
type Drive struct {
	o     Options
	mu    sync.Mutex // held while the table is replaced
	table atomic.Pointer[table]
}

// New returns a drive of mounts, by the paths of their folders, such as "/files" or, at the top, "files".
func New(o Options, mounts map[string]vfs.FS) *Drive {
	o.Patience = cmp.Or(o.Patience, remote.Shipped.Mount)
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Mounted == nil {
		o.Mounted = func() {}
	}
	o.files = newFiles()
	d := &Drive{o: o}
	all := map[string]*mount{}
	for path, fs := range mounts {
		path = "/" + strings.TrimPrefix(path, "/")
		all[key(path)] = newMount(path, fs, o.Made)
	}
	d.table.Store(newTable(o, all))
	return d
}

// Mount shows fs at a path from the next call on; it replaces an existing mount there. The parent folder must exist;
// Mount does not make it. Errors: ErrName for an invalid path, ErrInvalid for the root.
func (d *Drive) Mount(path string, fs vfs.FS) error {
	switch {
	case path == "/":
		return &vfs.Error{Op: "mount", Path: path, Kind: vfs.ErrInvalid}
	case !validPath(path):
		return &vfs.Error{Op: "mount", Path: path, Kind: vfs.ErrName}
	}
	d.mu.Lock()
	all := d.table.Load().copyMounts()
	all[key(path)] = newMount(path, fs, d.o.Clock())
	d.table.Store(newTable(d.o, all))
	d.mu.Unlock()
	d.o.Mounted()
	return nil
}

// Unmount removes the mount at a path. Calls, open files and uploads that have begun continue and may still reach its
// file system, which must return an error to them once it is closed. Errors: ErrNotExist when nothing is mounted there,
// ErrInvalid while something is mounted below it.
func (d *Drive) Unmount(path string) error {
	if err := d.unmount(path); err != nil {
		return err
	}
	d.o.Mounted()
	return nil
}

func (d *Drive) unmount(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.table.Load()
	at := key(path)
	if now.at[at] == nil {
		return &vfs.Error{Op: "unmount", Path: path, Kind: vfs.ErrNotExist}
	}
	if now.above[at] {
		return &vfs.Error{Op: "unmount", Path: path, Kind: vfs.ErrInvalid, Err: vfs.ErrMounted}
	}
	all := now.copyMounts()
	delete(all, at)
	d.table.Store(newTable(d.o, all))
	return nil
}

// Span is a mount that holds part of what lies at and below a path.
type Span struct {
	Path   string // of the mount
	FS     vfs.FS
	Within string // what the path leads to in FS; "/" for a mount below the path
}

// Spans returns the mounts that hold what lies at and below a path: first the one that contains the path, unless the
// path is the drive's root, then those mounted below it. Mounts in trees are not among them.
func (d *Drive) Spans(path string) []Span { return d.table.Load().spans(path) }

// SpansIn is Spans with the mounts in trees, which it opens: first the file system that holds the path, then those
// below the path. Mounts that can't be opened are left out, and so is what lies below them. It may load every folder
// below the path, so callers must have time. Errors: those of Stat for a path that can't be reached, vfs.ErrTooLarge
// for more than 256 mounts.
func (d *Drive) SpansIn(ctx context.Context, path string) ([]Span, error) {
	return d.table.Load().spansIn(ctx, path)
}

// Find returns the file system that holds what is at a path, and the path there. Mounts in trees on the way are
// followed.
func (d *Drive) Find(ctx context.Context, path string) (fs vfs.FS, within string, err error) {
	p, err := d.table.Load().enter(ctx, path)
	return p.fs, p.within, err
}

// Now returns the drive with its current mounts, for a request that takes several calls.
func (d *Drive) Now() vfs.FS { return d.table.Load() }

// Stat implements vfs.Stater.
func (d *Drive) Stat(ctx context.Context, path string) (vfs.Info, error) {
	return d.table.Load().Stat(ctx, path)
}

// List implements vfs.Reader.
func (d *Drive) List(ctx context.Context, path string) iter.Seq2[vfs.Info, error] {
	return d.table.Load().List(ctx, path)
}

// Open implements vfs.Reader.
func (d *Drive) Open(ctx context.Context, path string) (vfs.File, error) {
	return d.table.Load().Open(ctx, path)
}

// Usage implements vfs.FS. The mount that contains the path answers. For the root, it returns the total of the folders
// at the top, and the least free room of any of them.
func (d *Drive) Usage(ctx context.Context, path string, want int64) (vfs.Usage, error) {
	return d.table.Load().Usage(ctx, path, want)
}

// Create implements vfs.Writer.
func (d *Drive) Create(ctx context.Context, path string) (vfs.Upload, error) {
	return d.table.Load().Create(ctx, path)
}

// Mkdir implements vfs.Writer.
func (d *Drive) Mkdir(ctx context.Context, path string, cond vfs.Cond) error {
	return d.table.Load().Mkdir(ctx, path, cond)
}

// Remove implements vfs.Writer.
func (d *Drive) Remove(ctx context.Context, path string, cond vfs.Cond) error {
	return d.table.Load().Remove(ctx, path, cond)
}

// Move implements vfs.Writer.
func (d *Drive) Move(ctx context.Context, from, to string, o vfs.CopyOptions) (bool, error) {
	return d.table.Load().Move(ctx, from, to, o)
}

// Copy implements vfs.Writer.
func (d *Drive) Copy(ctx context.Context, from, to string, o vfs.CopyOptions) (bool, error) {
	return d.table.Load().Copy(ctx, from, to, o)
}

// Patch implements vfs.Writer.
func (d *Drive) Patch(ctx context.Context, path string, p vfs.Patch, cond vfs.Cond) error {
	return d.table.Load().Patch(ctx, path, p, cond)
}
