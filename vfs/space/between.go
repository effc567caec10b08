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

// Two spaces of one home and one owner, at one store, move and copy between each other by reference: a reference may be shared only
// between spaces of one owner, whose collection marks from all of them. A move is one record of the journal. What is not committed
// yet has no reference; a file is sealed anew then, and a folder waits for its commit.

// errUncommitted is why a folder can't be moved to another space yet.
var errUncommitted = errors.New("part of the folder has not reached the storage yet; try again when it has")

// MoveTo implements namespace.MoverTo.
func (s *Space) MoveTo(ctx context.Context, from string, to vfs.FS, path string, o vfs.TransferOptions) (bool, error) {
	return s.between(ctx, "move", from, to, path, o, true)
}

// CopyTo implements namespace.CopierTo.
func (s *Space) CopyTo(ctx context.Context, from string, to vfs.FS, path string, o vfs.TransferOptions) (bool, error) {
	return s.between(ctx, "copy", from, to, path, o, false)
}

func (s *Space) between(ctx context.Context, op, from string, to vfs.FS, path string, o vfs.TransferOptions, move bool) (bool, error) {
	dst, ok := to.(*Space)
	if !ok || dst.home != s.home || dst.options.Store != s.options.Store || dst.keys.Owner != s.keys.Owner {
		return false, &vfs.Error{Op: op, Path: from, Kind: vfs.ErrInvalid, Err: vfs.ErrOtherSpace}
	}
	if move && from == "/" {
		return false, &vfs.Error{Op: op, Path: from, Kind: vfs.ErrInvalid}
	}
	if err := dst.offline(); err != nil {
		return false, err
	}
	for {
		found, err := s.reference(ctx, from, dst)
		if errors.Is(err, errChanged) {
			continue
		}
		if err != nil {
			return false, err
		}
		replaced, err := s.transfer(ctx, from, dst, path, found, o, move)
		if found.batch != nil {
			found.batch.Abort() // does nothing once a record refers to its blobs
		}
		if !errors.Is(err, errChanged) {
			return replaced, err
		}
	}
}

// reference is what a transfer puts in its place.
type reference struct {
	entry object.Entry
	batch *staging.Batch // holds the staged blobs that entry leads to; nil: all of them are at the remote
}

func (r *reference) blobs() []crypto.BlobName {
	if r.batch == nil {
		return nil
	}
	return r.batch.Names()
}

// errChanged says that what is transferred was changed meanwhile.
var errChanged = errors.New("it was changed meanwhile")

// reference finds a file or folder that every space of the owner can refer to.
func (s *Space) reference(ctx context.Context, from string, dst *Space) (*reference, error) {
	was, err := s.copy.Shown().Tree.Lookup(ctx, from)
	if err != nil {
		return nil, err
	}
	r := &reference{}
	if r.entry, _ = was.Object(); s.committed(ctx, from, was) {
		return r, nil
	}
	if was.IsFolder() {
		if err := s.Flush(ctx); err != nil {
			return nil, &vfs.Error{Op: "move", Path: from, Kind: vfs.ErrUnavailable, Err: fmt.Errorf("%w: %w", errUncommitted, err)}
		}
		if was, err = s.copy.Shown().Tree.Lookup(ctx, from); err != nil {
			return nil, err
		}
		if !s.committed(ctx, from, was) { // changed again meanwhile
			return nil, &vfs.Error{Op: "move", Path: from, Kind: vfs.ErrUnavailable, Err: errUncommitted}
		}
		r.entry, _ = was.Object()
		return r, nil
	}
	if err := s.sealAnew(ctx, from, dst, r); err != nil {
		return nil, err
	}
	return r, nil
}

// committed reports whether the newest commit holds an entry as it is, or the entry leads nowhere.
func (s *Space) committed(ctx context.Context, path string, e tree.Entry) bool {
	a, waits := e.Object()
	if e.IsFolder() && a.Count == 0 || !e.IsFolder() && a.Size == 0 && waits.IsZero() && len(a.Content.Chunks) == 0 {
		return true
	}
	files, err := s.Files(ctx)
	if err != nil {
		return false
	}
	there, err := files.Lookup(ctx, path)
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

// sealAnew stages a file's bytes under fresh keys, for the other space.
func (s *Space) sealAnew(ctx context.Context, from string, dst *Space, r *reference) error {
	file, err := s.Open(ctx, from)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // only read from
	batch := dst.home.Area.Begin()
	w := content.NewWriter(ctx, batch, content.WriterOptions{
		Version: r.entry.Version, Size: r.entry.Size, Rand: dst.home.Rand, Budget: dst.home.Writing,
	})
	if _, err = io.Copy(w, file); err == nil {
		r.entry.Content, err = finish(ctx, w, batch, dst)
	}
	if err == nil && file.Info().Version != r.entry.Version {
		err = errChanged
	}
	if err == nil {
		err = batch.Seal(ctx)
	}
	if err != nil {
		w.Abort()
		return view.Failed("move", from, err)
	}
	r.batch = batch
	return nil
}

// finish ends the writing. A small file gets a blob of its own: its piece would be of one space's journal record alone.
func finish(ctx context.Context, w *content.Writer, batch *staging.Batch, dst *Space) (object.Content, error) {
	result, err := w.Finish()
	if err != nil || result.Piece == nil {
		return result.Content, err
	}
	blob, err := crypto.Pad(result.Piece, dst.home.Rand)
	if err != nil {
		return object.Content{}, err
	}
	c := result.Content
	c.Chunks[0].Off = 0
	c.Chunks[0].Blob, err = batch.Add(ctx, blob)
	return c, err
}

// transfer records a move or copy of what was found, as one change. The error is errChanged when it is no longer what it was.
func (s *Space) transfer(
	ctx context.Context, from string, dst *Space, path string, found *reference, o vfs.TransferOptions, move bool,
) (bool, error) {
	plan := func(ctx context.Context, states []tree.Tree) ([]working.Change, error) {
		src := s.copy.Shown().Tree
		if move {
			src = states[1]
		}
		if o.Cond != nil {
			if err := o.Cond(ctx, view.View{Tree: src}, view.View{Tree: states[0]}); err != nil {
				return nil, err
			}
		}
		entry, err := found.current(ctx, src, from)
		if err != nil {
			return nil, err
		}
		if !move && o.Shallow && entry.Kind == object.Folder {
			entry.Root, entry.Size, entry.Count = object.Ref{}, 0, 0
		}
		if !o.Modified.IsZero() {
			entry.Modified = object.Nanos(o.Modified)
		}
		changes := []working.Change{{Op: tree.Graft{Path: path, Entry: entry, Replace: o.Replace}, Blobs: found.blobs()}}
		if move {
			changes = append(changes, working.Change{Op: tree.Remove{Path: from}})
		}
		return changes, nil
	}
	copies := []*working.Copy{dst.copy}
	if move {
		copies = append(copies, s.copy)
	}
	results, seq, err := working.Record(ctx, plan, copies...)
	if err != nil {
		return false, err
	}
	if found.batch != nil {
		found.batch.Done() // the journal refers to the blobs now
	}
	err = dst.settle(ctx, seq)
	if move && working.Happened(err) {
		err = errors.Join(err, s.settle(ctx, seq))
	}
	return results[0].Replaced(), err
}

// current returns what was found as it is in a state, with what goes with it now.
func (r *reference) current(ctx context.Context, src tree.Tree, from string) (object.Entry, error) {
	now, err := src.Lookup(ctx, from)
	if err != nil {
		return object.Entry{}, err
	}
	entry, _ := now.Object()
	switch {
	case entry.Kind != r.entry.Kind, entry.Version != r.entry.Version, entry.Root != r.entry.Root, entry.Count != r.entry.Count:
		return object.Entry{}, errChanged
	}
	entry.Content = r.entry.Content
	return entry, nil
}
