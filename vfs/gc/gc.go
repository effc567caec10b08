// Package gc deletes what no state of a drive needs any more, and rewrites packs that are mostly dead.
//
// A run marks what the newest commit leads to, which is the files and all of the history that is kept. What isn't
// marked becomes a candidate, with the time it was first seen so. A later run deletes it when it is still unmarked, has
// been a candidate for longer than the grace period, and no commit since the run before has led to it: each commit that
// does begins its grace period anew. Where the commits since then are gone, all grace periods begin anew. Nothing is
// locked, and other gateways need not be asked: what they have put for a commit under way is at most a candidate, and a
// gateway that was away for longer than half the grace period looks whether what its commit refers to is there before
// its pointer swings (package space, check.go).
//
// Times are those of the gateway's own clock. Dates of commits never shorten a grace period.
//
// A remote may keep other accounts' blobs beside ours, and does not know whose they are. So only what is known to be
// this drive's is ever deleted: what some commit of it, the newest or one before, has been seen to lead to, and what
// the gateway itself put for commits that were given up.
package gc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync/atomic"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/tree"
)

// DefaultGrace is how long what is not needed stays. It is how long a gateway may be offline, or take for one commit,
// without having to look whether what it refers to is still there: a week's journey. Twice as long would double what
// deleted files go on costing; a day would make every laptop that was shut over a weekend check its commit blob by
// blob.
const DefaultGrace = 7 * 24 * time.Hour

// ErrDamaged says that not all of the drive could be read, so that what lies below the damage can't be told from
// garbage.
var ErrDamaged = errors.New("the drive is damaged, so nothing is deleted; run postern fsck --repair")

// State is one commit of the drive, open.
type State struct {
	Ref    object.Ref
	Hash   object.CommitHash
	Commit object.Commit
	Tree   tree.Tree // files and history
}

// Plan says what a repacking is to move; see tree.RepackOptions.
type Plan struct {
	Source tree.Source
	Moves  func(crypto.BlobName) bool
	Leads  func(object.Ref) bool
	Emit   func(ctx context.Context, blob []byte) (crypto.BlobName, error)
}

// Drive is what is collected.
type Drive interface {
	// Newest asks the remote for the pointer and opens the commit it leads to. Errors: those of the remote,
	// vfs.ErrCorrupt.
	Newest(ctx context.Context) (State, error)
	// Open opens an older commit. Errors: vfs.ErrUnavailable, vfs.ErrCorrupt.
	Open(ctx context.Context, at object.Ref) (State, error)
	// Held names what this gateway has put, or is about to put, for commits that have not landed: it is not deleted,
	// however long they take.
	Held() []crypto.BlobName
	// GivenUp names what this gateway has put since it was asked last for commits that will not land. It is this
	// drive's, though no commit leads to it.
	GivenUp() []crypto.BlobName
	// Repack moves what plan says, of the newest state and of what is on top of it here, and commits that. Errors:
	// those of the remote; remote.ErrConflict when another device was faster.
	Repack(ctx context.Context, plan Plan) error
}

// Options of a run. Store, Drive and Ledger are needed; the zero value of the rest works.
type Options struct {
	Store  remote.Blobs
	Drive  Drive
	Ledger Ledger

	Grace  time.Duration // 0: DefaultGrace; negative: none, which is safe only when no other gateway writes
	DryRun bool          // report only: nothing is deleted, moved or noted
	// Alone says that the remote keeps nothing but this drive, so that what nobody knows is garbage, too.
	Alone bool
	// Lost are blobs that nobody has any more, as a repair has found: that they can't be read is no damage that is
	// still to be repaired, and nothing is kept that only they lead to.
	Lost map[crypto.BlobName]bool
	// DespiteDamage goes on when the drive is damaged, and keeps nothing that only what is lost leads to.
	DespiteDamage bool
	NoRepack      bool
	Parallel      int // nodes loaded at once; 0: tree.DefaultParallel

	Log *slog.Logger     // nil: quiet
	Now func() time.Time // nil: time.Now
	// Progress is called often, by several goroutines; nil: nobody wants to know.
	Progress func(Progress)
}

// Progress is how far a run has come: it looks through the drive, and then deletes.
type Progress struct {
	Seen     int64 // parts of the drive that were looked at
	Deleted  int64 // blobs
	ToDelete int64 // of them in all; 0: not known yet
}

// Amount is a number of blobs and their bytes.
type Amount struct {
	Blobs int64 `json:"blobs"`
	Bytes int64 `json:"bytes"`
}

func (a *Amount) add(size int64) {
	a.Blobs++
	a.Bytes += size
}

// Report is what a run found and did.
type Report struct {
	DryRun     bool      `json:"dry_run"`
	Started    time.Time `json:"started"`
	Commit     time.Time `json:"commit"`       // of the state that was marked
	Needed     Amount    `json:"needed"`       // what the drive needs, or may still
	Live       int64     `json:"live_bytes"`   // of Needed, without padding and what is dead in packs
	Candidates Amount    `json:"candidates"`   // not needed, and waiting for the grace period to end
	Deleted    Amount    `json:"deleted"`      // or, in a dry run, what would be
	Repacked   Amount    `json:"repacked"`     // packs that were emptied, or would be
	Others     Amount    `json:"others"`       // not known to be this drive's
	Due        time.Time `json:"due,omitzero"` // when the first of the candidates may be deleted
	Damaged    []string  `json:"damaged,omitempty"`
}

// Run collects once. It can be broken off at any point, by ctx or a crash, and nothing is lost; the next run goes on.
// One run at a time. Errors: ErrDamaged, those of the remote and the ledger; the report is as far as it came.
func Run(ctx context.Context, o Options) (Report, error) {
	switch {
	case o.Grace == 0:
		o.Grace = DefaultGrace
	case o.Grace < 0:
		o.Grace = 0
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	c := &collection{Options: o, start: o.Now()}
	c.report = Report{DryRun: o.DryRun, Started: c.start.UTC()}
	err := c.run(ctx)
	return c.report, err
}

// collection is one run.
type collection struct {
	Options
	start  time.Time
	shown  time.Time // when the remote had shown the newest state: what that does not need may have been needed until then
	latest int64     // the latest believable time of a commit that was looked at, in nanoseconds since 1970
	notes  Notes
	report Report

	seen atomic.Int64 // parts of the drive

	state  State
	marks  *marks
	listed map[crypto.BlobName]int64 // sizes of what is this drive's
}

func (c *collection) run(ctx context.Context) (err error) {
	if c.notes, err = c.Ledger.Load(); err != nil {
		return err
	}
	if c.notes.Blobs == nil {
		c.notes.Blobs = map[crypto.BlobName]int64{}
	}
	c.checkClock()
	if !c.DryRun {
		c.giveUp()
		defer func() {
			if err != nil { // what was learnt stays known
				err = errors.Join(err, c.save())
			}
		}()
	}
	if err := c.look(ctx); err != nil {
		return err
	}
	if moves := c.choose(); len(moves) > 0 && !c.NoRepack {
		for name := range moves {
			c.report.Repacked.add(c.listed[name])
		}
		if !c.DryRun {
			if err := c.repack(ctx, moves); err != nil {
				return err
			}
		}
	}
	return c.sweep(ctx)
}

// look marks from the newest commit and lists what is there.
func (c *collection) look(ctx context.Context) (err error) {
	if c.state, err = c.Drive.Newest(ctx); err != nil {
		return err
	}
	c.shown = c.Now()
	c.marks = newMarks(c.Parallel, c.saw)
	c.marks.lost = c.Lost
	if err := c.marks.need(ctx, c.state); err != nil {
		return fmt.Errorf("mark what the drive needs: %w", err)
	}
	if err := c.whole(); err != nil {
		return err
	}
	if err := c.learn(ctx); err != nil {
		return fmt.Errorf("look through older commits: %w", err)
	}
	if err := c.list(ctx); err != nil {
		return err
	}
	if err := c.missing(ctx); err != nil {
		return fmt.Errorf("look for what is not listed: %w", err)
	}
	return c.whole()
}

// saw counts a part of the drive that was looked at.
func (c *collection) saw() { c.Progress(Progress{Seen: c.seen.Add(1)}) }

// whole ends the run when the drive is damaged.
func (c *collection) whole() error {
	c.report.Damaged = c.marks.damaged
	if len(c.marks.damaged) > 0 && !c.DespiteDamage {
		return ErrDamaged
	}
	return nil
}

// missing looks whether what is needed and was not listed is there: listings may lag, and remotes may lose.
func (c *collection) missing(ctx context.Context) error {
	for name := range c.marks.blobs {
		if _, ok := c.listed[name]; ok || c.Lost[name] {
			continue
		}
		_, err := c.Store.Stat(ctx, name)
		switch {
		case errors.Is(err, remote.ErrNotFound) && len(c.marks.damaged) < maxNamed:
			c.marks.damaged = append(c.marks.damaged, "blob "+name.String())
		case err != nil && !errors.Is(err, remote.ErrNotFound):
			return err
		}
	}
	return nil
}

// repack commits the drive without the packs in moves, and looks again. That another device was faster is no failure: a
// later run finds the same packs.
func (c *collection) repack(ctx context.Context, moves map[crypto.BlobName]bool) error {
	leads := c.marks.leads(moves)
	plan := Plan{
		Source: newWhole(c.Store, func(name crypto.BlobName) bool { return moves[name] }),
		Moves:  func(name crypto.BlobName) bool { return moves[name] },
		Leads: func(ref object.Ref) bool {
			id := c.marks.walker.NodeID(ref)
			return id == 0 || leads[id] // what came since may lead anywhere
		},
		Emit: c.emit,
	}
	err := c.Drive.Repack(ctx, plan)
	if errors.Is(err, remote.ErrConflict) {
		c.Log.Info("packs were not rewritten: another device committed meanwhile")
		c.report.Repacked = Amount{}
	} else if err != nil {
		return fmt.Errorf("rewrite packs: %w", err)
	}
	c.giveUp()
	return c.look(ctx)
}

// giveUp notes what was put in vain.
func (c *collection) giveUp() {
	for _, name := range c.Drive.GivenUp() {
		if _, known := c.notes.Blobs[name]; !known {
			c.notes.Blobs[name] = 0 // its grace begins with the sweep
		}
	}
}

// save notes what is known, without what was deleted.
func (c *collection) save() error {
	maps.DeleteFunc(c.notes.Blobs, func(_ crypto.BlobName, since int64) bool { return since == deleted })
	return c.Ledger.Save(c.notes)
}

// emit puts a new pack and reads it back, for the packs that hold the same will be deleted.
func (c *collection) emit(ctx context.Context, blob []byte) (crypto.BlobName, error) {
	name := crypto.NameOf(blob)
	c.notes.Blobs[name] = 0
	if err := c.Store.Put(ctx, name, remote.BytesBody(blob)); err != nil {
		return name, err
	}
	got, err := c.Store.Get(remote.PastCaches(ctx), name)
	if err == nil && crypto.NameOf(got) != name {
		err = remote.Fail(remote.OpPut, name, remote.ErrCorrupt, errors.New("it was not stored as it was put"))
	}
	return name, err
}

// corrupt tells what is lost from what can't be reached now.
func corrupt(err error) bool {
	return errors.Is(err, vfs.ErrCorrupt) && !errors.Is(err, vfs.ErrUnavailable)
}
