package space

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"

	"golang.org/x/sync/errgroup"

	"postern/crypto"
	"postern/remote"
	"postern/vfs/layout"
	"postern/vfs/object"
	"postern/vfs/tree"
)

// uploads is how many blobs are on their way to the remote at once: enough to fill a line of 50 ms and 200 Mbit/s, few enough
// to leave room for readers.
const uploads = 4

// attempt is a commit whose blobs are at the remote and whose pointer may or may not have swung.
type attempt struct {
	next   base
	seq    uint64 // the newest change in it
	packed *tree.Packed
	put    map[crypto.BlobName]int64 // the sizes of what was put for it
	stats  transfer
	thins  bool // its history was looked through

	relocate func() // what follows when packs were rewritten; may be nil
}

// transfer counts what was put.
type transfer struct{ blobs, bytes uint64 }

// seal brings everything of a state to the remote but the pointer: what is staged, then what was only in memory, the commit last.
func (s *Space) seal(ctx context.Context, on base, h *head, staged []crypto.BlobName) (*attempt, error) {
	a := &attempt{seq: h.seq, put: map[crypto.BlobName]int64{}}
	if err := s.upload(ctx, staged, a); err != nil {
		return nil, err
	}
	put := func(ctx context.Context, blob []byte) (crypto.BlobName, error) {
		name, err := s.emit(ctx, blob)
		a.note(name, int64(len(blob)))
		return name, err
	}
	sign := func(root object.Entry, front crypto.BlobName) ([]byte, error) {
		c := object.Commit{
			Root: root, Parent: on.parent(), Time: s.now().UnixNano(), Device: s.device.Name,
			Applied: s.applied(&on.commit, h.seq), Front: front,
		}
		c.Sign(s.keys.Author)
		a.next.commit = c
		return c.Encode(crypto.BlobName{}), nil
	}
	whole, err := s.whole(ctx, on, h.tree, a)
	if err != nil {
		return nil, err
	}
	a.packed, err = tree.Pack(ctx, whole, tree.Packing{Pieces: pieces{s}, Emit: put, Commit: sign, Rand: s.rand})
	if err != nil {
		return nil, err
	}
	a.next.version = on.version
	a.next.ref, a.next.hash, a.next.commit.Root = a.packed.Commit, a.packed.Hash, a.packed.Root
	if a.next.pointer, err = s.pointTo(a.next.head(), on.pointer.Seq+1); err != nil {
		return nil, err
	}
	// Until the pointer has swung the pages are in memory, whole, and afterwards they are where the commit says.
	a.next.whole, a.next.files = whole, h.tree
	return a, nil
}

// pointTo returns the pointer of a sequence number that holds head.
func (s *Space) pointTo(head object.Head, seq uint64) (crypto.Pointer, error) {
	value, err := crypto.SealValue(s.keys.Read, s.keys.ID, seq, head.Encode(), s.rand)
	if err != nil {
		return crypto.Pointer{}, err
	}
	return s.keys.Writer.Key().Sign(seq, value), nil
}

// whole is the tree that a commit on top of a base seals: the files, and the history with them in it.
func (s *Space) whole(ctx context.Context, on base, files tree.Tree, a *attempt) (tree.Tree, error) {
	now := s.now()
	t, err := on.whole.Graft(ctx, filesPath, files)
	if err == nil {
		t, err = t.Graft(ctx, historyPath+"/"+layout.StateName(now), files)
	}
	if err != nil || now.Sub(s.thinned) < thinEvery && !now.Before(s.thinned) {
		return t, err
	}
	thinned, err := thin(ctx, t, s.keep, now, object.Time(on.commit.Time))
	if err != nil { // a damaged page of the history is no reason to keep what is new from the remote
		s.log.Warn("the history could not be thinned; this is tried again in an hour", "error", err)
		s.thinned = now
		return t, ctx.Err()
	}
	a.thins = true
	return thinned, nil
}

// note counts a blob that is put.
func (a *attempt) note(name crypto.BlobName, size int64) {
	a.put[name] = size
	a.stats.blobs++
	a.stats.bytes += uint64(size)
}

// take adds the packs of a repacking to what the remote must have before the pointer moves. moved may be nil.
func (a *attempt) take(moved *relocation) {
	if moved == nil {
		return
	}
	maps.Copy(a.put, moved.packs) // they don't count as put: they hold nothing new
	a.relocate = moved.landed
}

// upload puts staged blobs.
func (s *Space) upload(ctx context.Context, names []crypto.BlobName, a *attempt) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(uploads)
	for _, name := range names {
		body, err := s.area.Body(name)
		if err != nil {
			_ = g.Wait()
			return fmt.Errorf("a staged blob is missing: %w", err)
		}
		a.note(name, body.Size())
		g.Go(func() error { return s.store.Put(ctx, name, body) })
	}
	return g.Wait()
}

// present makes sure, before the pointer moves, that the remote has what was put for an attempt, whole: staging lets go of it when
// the commit has landed, and then nobody could put it again. A staged blob that is missing or cut short is put once more. A pack
// is not kept here, so the attempt fails, and the next one packs anew.
func (s *Space) present(ctx context.Context, a *attempt) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(2 * uploads)
	for name, size := range a.put {
		g.Go(func() error {
			there, err := s.has(ctx, name, size)
			if there || err != nil {
				return err
			}
			body, err := s.area.Body(name)
			if err != nil {
				return remote.Fail("look for blob", name, remote.ErrUnavailable, errNotKept)
			}
			s.log.Warn("the remote did not keep a blob that it had accepted; it is put again", "blob", name.String())
			if err := s.store.Put(ctx, name, body); err != nil {
				return err
			}
			if there, err = s.has(ctx, name, size); err == nil && !there {
				err = remote.Fail("look for blob", name, remote.ErrUnavailable, errNotKept)
			}
			return err
		})
	}
	return g.Wait()
}

var errNotKept = errors.New("the remote accepted it and does not keep it")

// has reports whether the remote has a blob of this size.
func (s *Space) has(ctx context.Context, name crypto.BlobName, size int64) (bool, error) {
	have, err := s.store.Stat(ctx, name)
	if remote.OfKind(err, remote.ErrNotFound, remote.ErrCorrupt) {
		return false, nil
	}
	return have == size, err
}

// pieces gives the packer the sealed chunks that the journal keeps.
type pieces struct{ s *Space }

func (p pieces) Piece(_ context.Context, name crypto.BlobName) ([]byte, error) {
	return p.s.journal.Attachment(name)
}

// landed lets trees read from the remote what a commit whose pointer has swung holds.
func (s *Space) landed(a *attempt) {
	a.packed.Settle()
	s.committed.Store(&a.next.whole)
	if a.thins {
		s.thinned = s.now()
	}
}

// forget lets go of what was kept for changes up to seq, which a commit at the remote holds. on is what the first of the changes that
// are left was made to, unless there is a merge before it, which stays.
func (s *Space) forget(on base, seq uint64) error {
	s.changing.Lock()
	n := 0
	var blobs []crypto.BlobName
	for ; n < len(s.pending) && s.pending[n].seq <= seq; n++ {
		blobs = append(blobs, s.pending[n].blobs...)
		if s.pending[n].give != nil {
			s.pending[n].give()
		}
	}
	left := len(s.pending) - n
	s.pending = append([]pending(nil), s.pending[n:]...)
	s.changing.Unlock()
	if left > 0 && n == 0 {
		return nil // they were made to what was saved before
	}
	if err := s.save(on); err != nil {
		return err
	}
	s.area.Release(blobs...)
	return s.journal.Trim(seq)
}

// isAt reports whether the remote's pointer is the one of base b.
func (b base) isAt(p crypto.Pointer) bool { return bytes.Equal(b.pointer.Marshal(), p.Marshal()) }
