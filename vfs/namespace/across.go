package namespace

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"path"
	"strings"

	"postern/remote"
	"postern/vfs"
	"postern/vfs/tree"
)

// A copy between file systems that can't share references is made next to its destination under a temporary name, and
// renamed at the end. So the destination is never half there, and an error leaves nothing. Only a crash leaves the
// unfinished copy: it is a folder or file like others, which the user may remove.
//
// The copy has each folder as it is when the copying reaches it, and each file as it is when it is opened. A move
// removes the source at last, if it still is what was copied.

// unfinished begins the names of unfinished copies.
const unfinished = ".copying-"

var errChanged = errors.New("it was changed while it was being moved: try again")

// across is a copy or move by the bytes. All paths are those of the drive.
type across struct {
	*table
	op       string
	src, dst place
	from, to string
	at       string // where the copy is made: a temporary name, or to
	o        vfs.CopyOptions
	copied   hash.Hash // of what was copied
}

// across copies or moves by the bytes.
func (t *table) across(
	ctx context.Context, op string, src, dst place, from, to string, o vfs.CopyOptions,
) (replaced bool, err error) {
	a := across{table: t, op: op, src: src, dst: dst, from: from, to: to, o: o, copied: sha256.New()}
	top, err := a.check(ctx)
	if err != nil {
		return false, err
	}
	if dst.file != "" { // the contents of a mounted file
		a.at = to
		replaced, err = a.file(ctx, from, to, vfs.CommitOptions{Modified: o.Modified, Cond: o.Cond})
	} else {
		replaced, err = a.beside(ctx, top)
	}
	if op == opMove && happened(err) {
		err = errors.Join(err, a.removeSource(ctx, replaced))
	}
	return replaced, err
}

// happened reports whether a change was made, if not yet at the remote.
func happened(err error) bool { return err == nil || errors.Is(err, vfs.ErrPending) }

// check returns the info of the source, or the reason why it can't be copied or moved, as far as that is known
// beforehand.
func (a *across) check(ctx context.Context) (vfs.Info, error) {
	failed := func(path string, kind, why error) (vfs.Info, error) {
		return vfs.Info{}, &vfs.Error{Op: a.op, Path: path, Kind: kind, Err: why}
	}
	if a.o.Cond != nil {
		if err := a.o.Cond(ctx, during{table: a.table}); err != nil {
			return vfs.Info{}, err
		}
	}
	top, err := a.Stat(ctx, a.from)
	if err != nil {
		return top, err
	}
	switch {
	case !a.o.Shallow && strings.HasPrefix(key(a.to)+"/", key(a.from)+"/"): // it would go on for ever
		return failed(a.to, vfs.ErrInvalid, nil)
	case top.Folder && a.dst.file != "":
		return failed(a.to, vfs.ErrInvalid, vfs.ErrMounted)
	case a.op == opMove && top.ReadOnly:
		return failed(a.from, vfs.ErrReadOnly, nil)
	}
	if s, ok := a.src.fs.(Searcher); ok && a.op == opMove {
		if mounts, err := s.Mounts(ctx, a.src.within, 1); err != nil || len(mounts) > 0 {
			return failed(a.from, vfs.ErrInvalid, errors.Join(err, vfs.ErrMounted))
		}
	}
	switch _, err := a.Stat(ctx, a.to); {
	case err == nil && !a.o.Replace:
		return failed(a.to, vfs.ErrExist, nil)
	case err != nil && !errors.Is(err, vfs.ErrNotExist):
		return vfs.Info{}, err
	}
	u, err := a.Create(ctx, a.to) // is the name valid, the folder writable?
	if err == nil {
		u.Abort()
	} else if !errors.Is(err, vfs.ErrIsFolder) {
		return vfs.Info{}, err
	}
	if !a.o.Shallow || !top.Folder {
		room, err := a.Usage(ctx, a.to, top.Size)
		if err == nil && room.Available >= 0 && top.Size > room.Available {
			return failed(a.to, vfs.ErrFull, nil)
		}
	}
	return top, nil
}

// beside makes the copy under a temporary name, and renames it.
func (a *across) beside(ctx context.Context, top vfs.Info) (replaced bool, err error) {
	random := make([]byte, 8)
	if _, err := io.ReadFull(a.table.o.Rand, random); err != nil {
		return false, err
	}
	a.at = path.Join(path.Dir(a.to), unfinished+hex.EncodeToString(random))
	if err = a.copy(ctx, top); err == nil && a.op == opMove {
		err = a.unchanged(ctx, a.table, a.from, top)
	}
	if err == nil {
		replaced, err = a.move(ctx, a.at, a.to,
			vfs.CopyOptions{Replace: a.o.Replace, Modified: a.o.Modified, Cond: a.o.Cond})
	}
	if !happened(err) {
		a.undo(ctx, a.at)
	}
	return replaced, a.named(err)
}

// undo removes what was made, also after the caller has gone.
func (a *across) undo(ctx context.Context, path string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), remote.Shipped.Work)
	defer cancel()
	_ = a.Remove(ctx, path, nil) // there may be nothing
}

// named puts the destination into an error about the temporary name.
func (a *across) named(err error) error {
	if e, ok := errors.AsType[*vfs.Error](err); ok {
		if to, below := tree.Rebase(e.Path, a.at, a.to); below {
			moved := *e
			moved.Path = to
			return &moved
		}
	}
	return err
}

// copy copies the source with everything in it.
func (a *across) copy(ctx context.Context, top vfs.Info) error {
	leave := func(below string, info vfs.Info) error {
		err := a.Patch(ctx, a.at+below,
			vfs.Patch{Modified: info.Modified, Created: info.Created, Set: info.Properties}, nil)
		if errors.Is(err, vfs.ErrPending) {
			return nil
		}
		return err
	}
	enter := func(below string, info vfs.Info) (err error) {
		if info.Folder {
			a.add(below, info)
			err = a.Mkdir(ctx, a.at+below, nil)
		} else {
			_, err = a.file(ctx, a.from+below, a.at+below, vfs.CommitOptions{})
		}
		if happened(err) {
			return nil
		}
		return err
	}
	if a.o.Shallow && top.Folder {
		if err := enter("", top); err != nil {
			return err
		}
		return leave("", top)
	}
	return walk(ctx, a.table, a.from, top, enter, leave)
}

// file copies one file.
func (a *across) file(ctx context.Context, from, to string, o vfs.CommitOptions) (replaced bool, err error) {
	f, err := a.Open(ctx, from)
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }() // only read from
	info := f.Info()
	u, err := a.Create(ctx, to)
	if err != nil {
		return false, err
	}
	defer u.Abort()
	r := &reading{Reader: f}
	if _, err := u.ReadFrom(r); err != nil {
		return false, r.named(err, from, to)
	}
	o.ContentType = info.ContentType
	if o.Modified.IsZero() {
		o.Modified = info.Modified
	}
	if _, replaced, err = u.Commit(ctx, o); !happened(err) {
		return replaced, err
	}
	a.add(strings.TrimPrefix(from, a.from), info)
	if patched := a.Patch(ctx, to, vfs.Patch{Created: info.Created, Set: info.Properties}, nil); patched != nil {
		err = patched
	}
	return replaced, err
}

// reading remembers whether its reader has failed.
type reading struct {
	io.Reader
	failed bool
}

func (r *reading) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.failed = err != nil && err != io.EOF //nolint:errorlint // readers end with io.EOF itself
	return n, err
}

// named puts the path of the file that could not be read or written into an error.
func (r *reading) named(err error, from, to string) error {
	e, ok := errors.AsType[*vfs.Error](err)
	if !ok {
		return err
	}
	moved := *e
	if moved.Path = to; r.failed {
		moved.Path = from
	}
	return &moved
}

// add notes what was copied.
func (a *across) add(below string, info vfs.Info) { note(a.copied, below, info) }

func note(h hash.Hash, below string, info vfs.Info) {
	fmt.Fprintf(h, "%q %t %x %d %d %d %q %q\n", below, info.Folder, info.Version, info.Size, info.Modified.UnixNano(),
		info.Created.UnixNano(), info.ContentType, info.Properties)
}

// unchanged returns errChanged unless the source still is what was copied.
func (a *across) unchanged(ctx context.Context, at lister, root string, top vfs.Info) error {
	now := sha256.New()
	enter := func(below string, info vfs.Info) error {
		note(now, below, info)
		return nil
	}
	err := walk(ctx, at, root, top, enter, func(string, vfs.Info) error { return nil })
	if err == nil && [sha256.Size]byte(now.Sum(nil)) != [sha256.Size]byte(a.copied.Sum(nil)) {
		err = &vfs.Error{Op: a.op, Path: a.from, Kind: vfs.ErrUnavailable, Err: errChanged}
	}
	return err
}

// removeSource removes what was copied, also after the caller has gone. If that fails, it removes the copy again unless
// it has replaced something.
func (a *across) removeSource(ctx context.Context, replaced bool) error {
	err := a.src.fs.Remove(context.WithoutCancel(ctx), a.src.within, func(ctx context.Context, now vfs.Stater) error {
		top, err := now.Stat(ctx, a.src.within)
		if at, ok := now.(lister); ok && err == nil {
			err = a.unchanged(ctx, at, a.src.within, top)
		}
		if err != nil {
			err = passed{err}
		}
		return err
	})
	if !happened(err) && !replaced {
		a.undo(ctx, a.to)
	}
	return a.src.named(err)
}
