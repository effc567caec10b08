package commit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"time"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/authors"
	"postern/vfs/layout"
	"postern/vfs/object"
	"postern/vfs/registry"
	"postern/vfs/space/base"
	"postern/vfs/space/working"
	"postern/vfs/tree"
)

// attempt is a commit whose blobs are at the remote and whose pointer may have moved.
type attempt struct {
	next   base.State
	seq    uint64 // the newest change in it
	packed *tree.Packed
	put    map[crypto.BlobName]int64 // blobs put for it, with their sizes
	blobs  uint64                    // blobs put, without those of a repacking
	bytes  uint64                    // their bytes
	thins  bool                      // its history was thinned

	relocate func() // called after the commit if packs were rewritten; may be nil
}

// note counts a blob that is put.
func (a *attempt) note(name crypto.BlobName, size int64) {
	a.put[name] = size
	a.blobs++
	a.bytes += uint64(size)
}

// take adds the packs of a repacking to the blobs that the remote must have before the pointer moves.
func (a *attempt) take(moved *relocation) {
	maps.Copy(a.put, moved.packs) // they do not count as put, since they hold nothing new
	a.relocate = moved.landed
}

// sealer brings states to the remote, except for the pointer.
type sealer struct {
	keys    base.Keys
	nodes   *tree.Nodes
	device  string // name of this device
	uploads *Uploads
	applied func(on *object.Commit, seq uint64) []object.Applied // what a commit records about all journals
	piece   func(name crypto.BlobName) ([]byte, error)           // returns a sealed chunk that the journal keeps
	keep    base.Keep
	now     func() time.Time
	rand    io.Reader

	thinned time.Time // when the history was last thinned
	warn    func(msg string, args ...any)
}

// Piece implements tree.Pieces.
func (s *sealer) Piece(_ context.Context, name crypto.BlobName) ([]byte, error) { return s.piece(name) }

// seal brings everything of a state except the pointer to the remote: staged blobs, and in packs what was only in
// memory, with the commit at the end. A roster that is not nil replaces that of on.
func (s *sealer) seal(
	ctx context.Context, on base.State, h *working.Head, staged []crypto.BlobName, roster *object.Roster,
) (*attempt, error) {
	a := &attempt{seq: h.Seq, put: map[crypto.BlobName]int64{}}
	for _, name := range staged {
		body, err := s.uploads.Home.Area.Body(name)
		if err != nil {
			return nil, fmt.Errorf("a staged blob is missing: %w", err)
		}
		a.note(name, body.Size())
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sending := s.uploads.begin(ctx)
	sending.staged(staged)
	var err error
	if roster != nil {
		on, err = s.rosterOn(on, roster, func(blob []byte) (crypto.BlobName, error) {
			a.note(crypto.NameOf(blob), int64(len(blob)))
			return sending.pack(ctx, blob)
		})
	}
	var whole tree.Tree
	if err == nil {
		whole, err = s.whole(ctx, on, h, a)
	}
	if err == nil {
		err = s.pack(ctx, a, on, whole, sending)
	}
	if err != nil {
		cancel()
	}
	a.next.Files = h.Tree
	return a, cmp.Or(err, sending.wait())
}

// pack seals what is in memory only of a tree with files and history, and the commit of it. Both are on their way to
// the remote when pack returns.
func (s *sealer) pack(ctx context.Context, a *attempt, on base.State, whole tree.Tree, to *sending) error {
	put := func(ctx context.Context, blob []byte) (crypto.BlobName, error) {
		a.note(crypto.NameOf(blob), int64(len(blob)))
		return to.pack(ctx, blob)
	}
	sign := func(root object.Entry, front crypto.BlobName) ([]byte, error) {
		c := object.Commit{
			Root: root, Parent: on.Parent(), Time: s.now().UnixNano(), Device: s.device,
			Applied: s.applied(&on.Commit, a.seq), Roster: on.Commit.Roster, Front: front,
		}
		c.Sign(s.keys.Author)
		a.next.Commit = c
		return c.Encode(crypto.BlobName{}), nil
	}
	var err error
	a.packed, err = tree.Pack(ctx, whole, tree.Packing{Pieces: s, Emit: put, Commit: sign, Rand: s.rand})
	if err != nil {
		return err
	}
	a.next.Version, a.next.Authors = max(a.next.Version, on.Version), on.Authors
	a.next.Instead = object.Parent{}
	if on.Commit.Roster != (object.Ref{}) || whole.MayHoldMounts() {
		a.next.Version = object.Version2
	}
	a.next.Ref, a.next.Hash, a.next.Commit.Root = a.packed.Commit, a.packed.Hash, a.packed.Root
	if a.next.Pointer, err = s.pointTo(a.next.Head(), on.Pointer.Seq+1); err != nil {
		return err
	}
	// Until the pointer has moved, the pages stay in memory; afterwards they are where the commit says.
	a.next.Whole = whole
	return nil
}

// pointTo returns the pointer with sequence number seq that holds head.
func (s *sealer) pointTo(head object.Head, seq uint64) (crypto.Pointer, error) {
	value, err := crypto.SealValue(s.keys.Read, s.keys.ID, seq, head.Encode(), s.rand)
	if err != nil {
		return crypto.Pointer{}, err
	}
	if s.keys.Listed {
		return s.keys.Writer.Key().SignListed(seq, value), nil
	}
	return s.keys.Writer.Key().Sign(seq, value), nil
}

// whole returns the tree that a commit on top of a base seals: the files, the private state, and the history including
// these files.
func (s *sealer) whole(ctx context.Context, on base.State, h *working.Head, a *attempt) (tree.Tree, error) {
	now, files := s.now(), h.Tree
	private := registry.Join(on.Private(), h.Private)
	if on.PrivateKnown() {
		a.next = a.next.WithPrivate(private)
	}
	if private.Len() > 0 {
		a.next.Version = object.Version2
	}
	t, err := on.GraftPrivate(ctx, s.nodes, on.Whole, private)
	if err == nil {
		t, err = t.Graft(ctx, base.FilesPath, files)
	}
	if err != nil {
		return t, err
	}
	t, kept, err := s.keepState(ctx, on, t, layout.StateName(now), files)
	if err != nil || !kept || now.Sub(s.thinned) < base.ThinEvery && !now.Before(s.thinned) || !s.keys.Owns() {
		return t, err
	}
	thinned, err := base.Thin(ctx, t, s.keep, now, object.Time(on.Commit.Time))
	if err != nil { // a damaged page of the history must not keep new changes from the remote
		s.warn("the history could not be thinned; this is tried again in an hour", "error", err)
		s.thinned = now
		return t, ctx.Err()
	}
	a.thins = true
	return thinned, nil
}

// keepState puts the files into the history under a name, if there is a history, with the author if there may be
// several. A writer who does not own the space must leave what is there.
func (s *sealer) keepState(
	ctx context.Context, on base.State, t tree.Tree, name string, files tree.Tree,
) (tree.Tree, bool, error) {
	at := base.HistoryPath + "/" + name
	_, err := t.Lookup(ctx, base.HistoryPath)
	if errors.Is(err, vfs.ErrNotExist) {
		return t, false, nil
	}
	if err == nil && !s.keys.Owns() {
		if _, err = t.Lookup(ctx, at); err == nil {
			return t, true, nil
		}
	}
	if err != nil && !errors.Is(err, vfs.ErrNotExist) {
		return t, false, err
	}
	t, err = t.Graft(ctx, at, files)
	if err != nil || !s.keys.Listed {
		return t, true, err
	}
	by, known, err := authors.By(ctx, on.Whole, s.keys.Author.ID(), name)
	if err == nil && known {
		t, _, err = tree.Apply(ctx, t, tree.Patch{Path: at, Set: []vfs.Property{by}})
	}
	return t, true, err
}

// landed makes trees read from the remote what a landed commit holds.
func (s *sealer) landed(a *attempt) {
	a.packed.Settle()
	if a.thins {
		s.thinned = s.now()
	}
}
