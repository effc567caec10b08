package space

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/content"
	"postern/vfs/object"
	"postern/vfs/space/view"
	"postern/vfs/space/working"
	"postern/vfs/staging"
	"postern/vfs/tree"
)

// Two spaces of one home and one owner, at one store, move and copy between each other by reference. Only spaces of one
// owner may share a reference, because the owner's collection marks from all of them. A move is one record of the
// journal. Changes that are not committed yet have no reference: a file is then sealed anew, and a folder has to wait
// for its commit.

// errUncommitted says why a folder can't be moved to another space yet.
var errUncommitted = errors.New("part of the folder has not reached the storage yet; try again when it has")

// MoveTo implements namespace.MoverTo.
func (s *Space) MoveTo(ctx context.Context, from string, to vfs.FS, path string, o vfs.TransferOptions) (bool, error) {
	return between(ctx, transfer{op: opMove, src: s, from: from, path: path, o: o}, to)
}

// CopyTo implements namespace.CopierTo.
func (s *Space) CopyTo(ctx context.Context, from string, to vfs.FS, path string, o vfs.TransferOptions) (bool, error) {
	return between(ctx, transfer{op: opCopy, src: s, from: from, path: path, o: o}, to)
}

// transfer is a move or copy from one space to another.
type transfer struct {
	op         string // opMove or opCopy
	src, dst   *Space
	from, path string
	o          vfs.TransferOptions
	fill       []transfer // of a copy: what to put in the place of each mount below from
	within     string     // of such a part: its path below from; path is empty
}

const (
	opMove = "move"
	opCopy = "copy"
)

func between(ctx context.Context, t transfer, to vfs.FS) (bool, error) {
	var ok bool
	if t.dst, ok = to.(*Space); !ok || !t.oneOwner() {
		return false, &vfs.Error{Op: t.op, Path: t.from, Kind: vfs.ErrInvalid, Err: vfs.ErrOtherSpace}
	}
	if t.op == opMove && t.from == "/" {
		return false, &vfs.Error{Op: t.op, Path: t.from, Kind: vfs.ErrInvalid}
	}
	return t.run(ctx)
}

// oneOwner reports whether the spaces belong to one owner, at one store, and are open in one home.
func (t transfer) oneOwner() bool {
	return t.dst.home == t.src.home && t.dst.options.Store == t.src.options.Store && t.dst.keys.Owner == t.src.keys.Owner
}

// run makes the transfer, and repeats it while the source changes meanwhile.
func (t transfer) run(ctx context.Context) (bool, error) {
	if err := t.dst.offline(); err != nil {
		return false, err
	}
	for {
		found, err := t.reference(ctx)
		if errors.Is(err, working.ErrChanged) {
			continue
		}
		if err != nil {
			return false, err
		}
		replaced, err := t.record(ctx, found)
		if found.batch != nil {
			found.batch.Abort() // does nothing once a record refers to its blobs
		}
		if !errors.Is(err, working.ErrChanged) {
			return replaced, err
		}
	}
}

// reference is the entry that a transfer puts in place.
type reference struct {
	entry object.Entry
	fill  []tree.Graft   // in the place of the mounts below it
	batch *staging.Batch // holds the staged blobs that entry leads to; nil: all are at the remote
}

// reference returns an entry for the file or folder that every space of the owner can refer to.
func (t transfer) reference(ctx context.Context) (*reference, error) {
	if t.src.late.Within(t.from) { // the other space would not learn the MD5
		if err := t.src.late.All(ctx); err != nil {
			return nil, err
		}
	}
	was, err := t.src.copy.Shown().Tree.Lookup(ctx, t.from)
	if err != nil {
		return nil, err
	}
	if info := was.Info(); info.LacksMD5() && t.src.late.Within(t.from) {
		return nil, working.ErrChanged
	}
	r := &reference{}
	if t.within == "" {
		if r.fill, err = t.filled(ctx); err != nil {
			return nil, err
		}
	}
	if r.entry, _ = was.Object(); r.entry.Kind == object.Mount || t.committed(ctx, was) {
		return r, nil
	}
	if was.IsFolder() || t.within != "" {
		if err := t.src.Flush(ctx); err != nil {
			return nil, &vfs.Error{Op: t.op, Path: t.from, Kind: vfs.ErrUnavailable,
				Err: fmt.Errorf("%w: %w", errUncommitted, err)}
		}
		if was, err = t.src.copy.Shown().Tree.Lookup(ctx, t.from); err != nil {
			return nil, err
		}
		if !t.committed(ctx, was) { // changed again meanwhile
			return nil, &vfs.Error{Op: t.op, Path: t.from, Kind: vfs.ErrUnavailable, Err: errUncommitted}
		}
		r.entry, _ = was.Object()
		return r, nil
	}
	if err := t.sealAnew(ctx, r); err != nil {
		return nil, err
	}
	return r, nil
}

// committed reports whether the newest commit holds an entry unchanged, or the entry refers to nothing.
func (t transfer) committed(ctx context.Context, e tree.Entry) bool {
	a, waits := e.Object()
	if e.IsFolder() && a.Count == 0 || !e.IsFolder() && a.Size == 0 && waits.IsZero() && len(a.Content.Chunks) == 0 {
		return true
	}
	there, err := t.src.Files().Lookup(ctx, t.from)
	if err != nil || there.IsFolder() != e.IsFolder() {
		return false
	}
	b, _ := there.Object()
	if e.IsFolder() {
		return a.Root == b.Root && !a.Root.Blob.IsZero()
	}
	return waits.IsZero() && a.Version == b.Version && sameContent(a.Content, b.Content)
}

func sameContent(a, b object.Content) bool {
	return slices.Equal(a.Chunks, b.Chunks) && slices.Equal(a.Nodes, b.Nodes)
}

// sealAnew stages a file's bytes under new keys, for the other space.
func (t transfer) sealAnew(ctx context.Context, r *reference) error {
	file, err := t.src.Open(ctx, t.from)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // only read from
	batch := t.dst.home.Area.BeginIn(t.dst.share)
	w := content.NewWriter(ctx, batch, content.WriterOptions{
		Version: r.entry.Version, Size: r.entry.Size, Rand: t.dst.home.Rand, Budget: t.dst.home.Writing,
	})
	if _, err = io.Copy(w, file); err == nil {
		r.entry.Content, err = finish(ctx, w, batch, t.dst.home.Rand)
	}
	if err == nil && file.Info().Version != r.entry.Version {
		err = working.ErrChanged
	}
	if err == nil {
		err = batch.Seal(ctx)
	}
	if err != nil {
		w.Abort()
		return view.Failed(t.op, t.from, err)
	}
	r.batch = batch
	return nil
}

// finish ends the writing. A small file gets its own blob, since its piece would belong to the journal record of one
// space.
func finish(ctx context.Context, w *content.Writer, batch *staging.Batch, random io.Reader) (object.Content, error) {
	result, err := w.Finish()
	if err != nil || result.Piece == nil {
		return result.Content, err
	}
	blob, err := crypto.Pad(result.Piece, random)
	if err != nil {
		return object.Content{}, err
	}
	c := result.Content
	c.Chunks[0].Off = 0
	c.Chunks[0].Blob, err = batch.Add(ctx, blob)
	return c, err
}

// record records a move or copy of what was found, as one change. The error is working.ErrChanged when the source has
// changed since.
func (t transfer) record(ctx context.Context, found *reference) (bool, error) {
	plan := func(ctx context.Context, states []tree.Tree) ([]working.Change, error) {
		src := t.src.copy.Shown().Tree
		if t.op == opMove {
			src = states[1]
		}
		if t.o.Cond != nil {
			if err := t.o.Cond(ctx, view.View{Tree: src}, view.View{Tree: states[0]}); err != nil {
				return nil, err
			}
		}
		entry, err := found.current(ctx, src, t.from)
		if err != nil {
			return nil, err
		}
		if t.op == opCopy && t.o.Shallow && entry.Kind == object.Folder {
			entry.Root, entry.Size, entry.Count = object.Ref{}, 0, 0
		}
		if !t.o.Modified.IsZero() {
			entry.Modified = object.Nanos(t.o.Modified)
		}
		graft := tree.Graft{Path: t.path, Entry: entry, Replace: t.o.Replace, Fill: found.fill,
			Mounts: t.movesMounts() && src.MayHoldMounts()}
		gain := working.Change{Op: graft}
		if found.batch != nil {
			gain.Blobs, gain.Give = found.batch.Names(), found.batch.Give()
		}
		changes := []working.Change{gain}
		if t.op == opMove {
			changes = append(changes, working.Change{Op: tree.Remove{Path: t.from}})
		}
		return changes, nil
	}
	copies := []*working.Copy{t.dst.copy}
	if t.op == opMove {
		copies = append(copies, t.src.copy)
	}
	results, seq, err := working.Record(ctx, plan, copies...)
	if err != nil {
		return false, err
	}
	if found.batch != nil {
		found.batch.Done() // the journal refers to the blobs now
	}
	err = t.dst.settle(ctx, seq)
	switch {
	case t.op == opMove && working.Happened(err):
		err = errors.Join(err, t.src.settle(ctx, seq))
	case t.op == opMove:
		_ = t.src.copy.Durable(seq) // takes it back there, too
	}
	return results[0].Replaced(), err
}

// current returns the found entry as a state holds it now, with its current attributes.
func (r *reference) current(ctx context.Context, src tree.Tree, from string) (object.Entry, error) {
	now, err := src.Lookup(ctx, from)
	if err != nil {
		return object.Entry{}, err
	}
	entry, _ := now.Object()
	switch {
	case entry.Kind != r.entry.Kind, entry.Version != r.entry.Version, entry.MD5 != r.entry.MD5,
		entry.Root != r.entry.Root, entry.Count != r.entry.Count:
		return object.Entry{}, working.ErrChanged
	}
	entry.Content = r.entry.Content
	return entry, nil
}
