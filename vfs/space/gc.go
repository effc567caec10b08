package space

import (
	"context"
	"errors"
	"path/filepath"
	"sync"

	"postern/crypto"
	"postern/remote"
	"postern/vfs/gc"
	"postern/vfs/object"
	"postern/vfs/tree"
)

// garbageName is the file, beside the journal, that remembers what nobody needs.
const garbageName = "garbage"

// errSharedGarbage says that the drive has spaces which this program does not mark.
var errSharedGarbage = errors.New(
	"this drive may hold shared folders, which this program does not know: collect garbage with a newer one")

// Collect deletes what no state of the space needs any more; see package gc. Store, Drive, Ledger, Lost, Now and Log of the options are the
// space's. One call at a time.
func (s *Space) Collect(ctx context.Context, o gc.Options) (gc.Report, error) {
	o.Store, o.Drive, o.Ledger = s.store, collected{s}, s.ledger()
	o.Now, o.Log, o.Lost = s.now, s.log, s.lost()
	if o.Grace == 0 {
		o.Grace = s.grace
	}
	put, removed := s.committer.status().BytesPut, s.removed.Load()
	r, err := gc.Run(ctx, o)
	if err == nil && !o.DryRun {
		s.collectedAt.Store(put)
		s.removed.Add(-removed)
	}
	return r, err
}

// WorthCollecting reports whether Collect is worth its requests now. It reads one local file.
func (s *Space) WorthCollecting() bool {
	notes, err := s.ledger().Load()
	if err != nil {
		return false
	}
	put := s.committer.status().BytesPut - s.collectedAt.Load()
	return gc.Worth(gc.Figures{Last: notes.Last, Now: s.now(), Put: int64(put), Removed: s.removed.Load()})
}

// LastCollected returns what the newest collection on this device saw. It reads one local file.
func (s *Space) LastCollected() (gc.Last, error) {
	notes, err := s.ledger().Load()
	return notes.Last, err
}

func (s *Space) ledger() *gc.File {
	return &gc.File{Path: filepath.Join(s.dir, garbageName), FS: s.fs, Log: s.log}
}

// puts remembers what was put for commits, until they have landed.
type puts struct {
	mu    sync.Mutex
	under []crypto.BlobName // for the attempt under way, or the newest
	given []crypto.BlobName // for attempts that were given up
}

// begin gives up the attempt before, unless it has landed.
func (p *puts) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.given, p.under = append(p.given, p.under...), nil
}

func (p *puts) note(name crypto.BlobName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.under = append(p.under, name)
}

func (p *puts) landed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.under = nil
}

// collected is the space as package gc sees it.
type collected struct{ s *Space }

// Newest implements gc.Drive.
func (d collected) Newest(ctx context.Context) (gc.State, error) {
	b, err := loadBase(ctx, d.s.store, d.s.nodes, d.s.keys.Capability)
	if err == nil && b.version > object.Version1 {
		// What only a mount leads to is not marked from here, and would be deleted.
		return gc.State{}, errSharedGarbage
	}
	return gc.State{Ref: b.ref, Hash: b.hash, Commit: b.commit, Tree: b.whole}, err
}

// Open implements gc.Drive.
func (d collected) Open(ctx context.Context, at object.Ref) (gc.State, error) {
	c, hash, err := d.s.nodes.Commit(ctx, at)
	return gc.State{Ref: at, Hash: hash, Commit: c, Tree: tree.New(d.s.nodes, c.Root)}, err
}

// Held implements gc.Drive.
func (d collected) Held() []crypto.BlobName {
	p := &d.s.puts
	p.mu.Lock()
	defer p.mu.Unlock()
	return append(d.s.area.Names(), p.under...)
}

// GivenUp implements gc.Drive.
func (d collected) GivenUp() []crypto.BlobName {
	p := &d.s.puts
	p.mu.Lock()
	defer p.mu.Unlock()
	names := p.given
	p.given = nil
	return names
}

// Repack implements gc.Drive: the committer does it between two commits.
func (d collected) Repack(ctx context.Context, plan gc.Plan) error {
	return d.s.committer.do(ctx, func(ctx context.Context) error { return d.s.committer.repack(ctx, plan) })
}

// do has the committer's goroutine do something between two commits, and waits for it.
func (c *committer) do(ctx context.Context, f func(context.Context) error) error {
	done := make(chan error, 1)
	errand := func(run context.Context) {
		run, cancel := context.WithCancel(run)
		defer cancel()
		defer context.AfterFunc(ctx, cancel)()
		done <- f(run)
	}
	select {
	case c.errands <- errand:
		return <-done
	case <-c.ended:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// relocation is the part of a commit that a repacking has put already.
type relocation struct {
	packs  map[crypto.BlobName]int64 // the new packs, with their sizes
	landed func()                    // called once the commit has landed
}

// repack commits the newest state with what is planned moved to new packs. It means the same as before; so a crash or a lost race costs
// what was put, and nothing else.
func (c *committer) repack(ctx context.Context, plan gc.Plan) error {
	if err := c.look(ctx); err != nil {
		return err
	}
	packs := map[crypto.BlobName]int64{}
	emit := func(ctx context.Context, blob []byte) (crypto.BlobName, error) {
		packs[crypto.NameOf(blob)] = int64(len(blob))
		return plan.Emit(ctx, blob)
	}
	r := tree.NewRepacking(tree.RepackOptions{Source: plan.Source, Moves: plan.Moves, Leads: plan.Leads, Emit: emit, Rand: c.s.rand})
	h, err := c.s.durableHead()
	if err != nil {
		return err
	}
	on := c.base
	if on.whole, err = r.Move(ctx, on.whole); err != nil {
		return err
	}
	files, err := r.Move(ctx, h.tree)
	if err != nil {
		return err
	}
	if r.Moved() == 0 {
		return nil
	}
	return c.send(ctx, on, &head{tree: files, seq: h.seq}, &relocation{packs: packs, landed: func() { c.s.relocate(r, h, files) }})
}

// emit puts a pack.
func (s *Space) emit(ctx context.Context, blob []byte) (crypto.BlobName, error) {
	name := crypto.NameOf(blob)
	s.puts.note(name)
	return name, s.store.Put(ctx, name, remote.BytesBody(blob))
}

// relocate makes the newest state lead where a repacking has moved things to. What was changed meanwhile leads to what was moved with
// it, so nothing has to be read or put; should that fail, the state leads to the old packs for another while.
func (s *Space) relocate(r *tree.Repacking, was *head, files tree.Tree) {
	for {
		from, err := s.durableHead()
		if err != nil {
			return // what was moved is at the remote, and the journal is broken
		}
		t := files
		if from.tree != was.tree {
			if t, err = r.Move(context.Background(), from.tree); err != nil {
				s.log.Warn("rewritten packs are not used yet", "error", err)
				return
			}
		}
		s.changing.Lock()
		done := s.replaceHead(from, &head{tree: t, seq: from.seq})
		s.changing.Unlock()
		if done {
			return
		}
	}
}
