package space

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/journal"
	"postern/vfs/object"
	"postern/vfs/tree"
)

// recover takes up where the last run ended: the newest commit, with the journal's later records on top.
func (s *Space) recover(ctx context.Context, on base) error {
	was, err := s.lastOwn(ctx, on)
	if err != nil {
		return err
	}
	if err := s.replay(ctx, was, on); err != nil {
		return err
	}
	needed := map[crypto.BlobName]struct{}{}
	for _, p := range s.pending {
		for _, name := range p.blobs {
			if !s.area.Has(name) {
				return &vfs.Error{Op: "recover", Path: "/", Kind: vfs.ErrCorrupt, Err: fmt.Errorf("the staging area has lost blob %v, which the journal needs; restore the folder staging", name)}
			}
			needed[name] = struct{}{}
		}
	}
	if n := s.area.Keep(needed); n > 0 {
		s.log.Info("removed staged blobs that no change needs", "blobs", n)
	}
	return s.journal.Trim(on.commit.AppliedTo(s.device.ID))
}

// lastOwn finds the commit that the journal's records were made upon: the newest that this device made, or the first that knew
// of none. What follows it was made by other devices.
func (s *Space) lastOwn(ctx context.Context, on base) (base, error) {
	if s.journal.Pending().Records == 0 {
		return on, nil
	}
	done := on.commit.AppliedTo(s.device.ID)
	for at := on; ; {
		up := at.commit.Parent
		if up == (object.Parent{}) {
			return at, nil
		}
		commit, hash, err := s.nodes.Commit(ctx, up.Commit)
		if err != nil {
			return base{}, err
		}
		if hash != up.Hash {
			return base{}, corrupt("follow the drive's history", errors.New("a commit is not the one that its child names"))
		}
		if commit.AppliedTo(s.device.ID) != done {
			return at, nil
		}
		at = base{ref: up.Commit, hash: hash, commit: commit, whole: tree.New(s.nodes, commit.Root)}
	}
}

// rebase makes the newest state anew, from a commit of another device with the changes made here on top.
func (s *Space) rebase(ctx context.Context, was, theirs base) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	s.log.Info("another device was faster; its changes are taken over", "device", theirs.commit.Device)
	return s.replay(ctx, was, theirs)
}

// replay makes the state of a base with the journal's changes on top that it does not contain. was is the base that the changes were
// made to: what has changed at a place between was and on was changed by another device. It holds changing, or is alone.
func (s *Space) replay(ctx context.Context, was, on base) error {
	done := on.commit.AppliedTo(s.device.ID)
	r := replayer{s: s, ctx: ctx, done: done, seq: done, alone: was.ref == on.ref}
	var err error
	if r.theirs, err = on.files(ctx); err != nil {
		return err
	}
	if r.ours, err = was.files(ctx); err != nil {
		return err
	}
	known := make(map[uint64]pending, len(s.pending))
	for _, p := range s.pending {
		known[p.seq] = p
	}
	var left []pending
	err = s.journal.Replay(func(rec journal.Record) error {
		if rec.Seq <= was.commit.AppliedTo(s.device.ID) {
			return nil // trimmed, but sharing a file with what is not
		}
		op, blobs, err := decodeRecord(rec.Op)
		if err != nil {
			return fmt.Errorf("change %d: %w", rec.Seq, err)
		}
		if err := r.apply(op, rec); err != nil {
			return fmt.Errorf("replay change %d: %w", rec.Seq, err)
		}
		p, ok := known[rec.Seq]
		if !ok && rec.Seq > done { // after a start nothing is known, and what is committed needs nothing
			p, ok = pending{seq: rec.Seq, blobs: blobs}, true
		}
		if ok {
			left = append(left, p)
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.pending = left
	s.committed.Store(&on.whole)
	s.head.Store(&head{tree: r.theirs, seq: max(r.seq, done)})
	return nil
}

// replayer applies recorded changes to what another device made of the tree meanwhile.
type replayer struct {
	s    *Space
	ctx  context.Context
	done uint64 // up to here theirs contains the changes
	seq  uint64

	alone        bool // nobody else wrote: ours and theirs are the same tree
	ours, theirs tree.Tree
}

func (r *replayer) apply(op tree.Op, rec journal.Record) error {
	here := op
	if put, ok := op.(tree.Put); ok && !r.alone && rec.Seq > r.done {
		here = r.beside(put, rec.Time)
	}
	if !r.alone {
		next, _, err := tree.Apply(r.ctx, r.ours, op)
		if err != nil {
			return err
		}
		r.ours = next
	}
	if rec.Seq <= r.done {
		return nil
	}
	r.seq = rec.Seq
	next, _, err := tree.Apply(r.ctx, r.theirs, here)
	if err != nil && !passing(err) && !r.alone {
		next, err = r.force(here, err)
	}
	if err != nil {
		return err
	}
	r.theirs = next
	return nil
}

// passing tells errors that say nothing about the change.
func passing(err error) bool {
	return errors.Is(err, vfs.ErrUnavailable) || errors.Is(err, vfs.ErrCorrupt) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// beside lets a file that both sides wrote stand twice: theirs keeps its name, ours gets one that says whose it is.
func (r *replayer) beside(put tree.Put, when time.Time) tree.Put {
	mine, _ := r.ours.Lookup(r.ctx, put.Path)
	yours, err := r.theirs.Lookup(r.ctx, put.Path)
	if err != nil || !mine.IsZero() && mine.Info().Version == yours.Info().Version {
		return put
	}
	if !yours.IsFolder() && yours.Info().MD5 == put.Entry.MD5 && yours.Info().Size == put.Entry.Size {
		return put // the same bytes on both sides
	}
	put.Path = conflictName(put.Path, r.s.device.Name, when)
	return put
}

// conflictName is where ours goes: "report (conflict, laptop, 2026-11-20).odt".
func conflictName(p, device string, when time.Time) string {
	dir, name := path.Split(p)
	ext := path.Ext(name)
	if ext == name { // ".profile" has no extension
		ext = ""
	}
	return dir + fmt.Sprintf("%s (conflict, %s, %s)%s", strings.TrimSuffix(name, ext), device, when.UTC().Format(time.DateOnly), ext)
}

// force makes a change go through that no longer fits: nothing that was written here may be lost because another device removed
// the folder that it was written to. A removal or renaming of what is gone already is done already.
func (r *replayer) force(op tree.Op, cause error) (tree.Tree, error) {
	put, ok := op.(tree.Put)
	if !ok {
		r.s.log.Warn("a change made here no longer fits what another device has made, and is passed over", "error", cause)
		return r.theirs, nil
	}
	t := r.theirs
	for at := path.Dir(put.Path); ; at = path.Dir(at) { // the first folder that is there
		if e, err := t.Lookup(r.ctx, at); err == nil && e.IsFolder() {
			break
		}
		if at == "/" {
			return t, cause
		}
	}
	var missing []string
	for at := path.Dir(put.Path); at != "/"; at = path.Dir(at) {
		missing = append(missing, at)
	}
	for i := len(missing) - 1; i >= 0; i-- {
		version := vfs.Version(put.Entry.Version) // any will do; it must not be random, so that a replay gives the same
		next, _, err := tree.Apply(r.ctx, t, tree.Mkdir{Path: missing[i], Version: version, Time: time.Unix(0, put.Entry.Modified)})
		switch {
		case err == nil:
			t = next
		case !errors.Is(err, vfs.ErrExist):
			return t, err
		}
	}
	next, _, err := tree.Apply(r.ctx, t, put)
	return next, err
}
