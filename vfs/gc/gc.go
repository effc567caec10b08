// Package gc deletes what no state of an owner's spaces needs any more, and rewrites packs that are mostly dead.
//
// A run marks what the newest commits of all the owner's spaces at the store lead to (see package roots): the files and
// all kept history. Every unmarked blob becomes a candidate, with the time it was first seen unmarked. A later run
// deletes it if it is still unmarked, has been a candidate for longer than the grace period, and no commit since the
// last run has led to it: each such commit restarts its grace period. If commits since the last run are gone, all grace
// periods restart. The run takes no lock and needs no other gateway. Blobs that a gateway has put for a commit in
// progress are at most candidates, and a gateway that was away for longer than half the grace period checks that its
// blobs are still there before it moves its pointer (package space/commit, doubt.go).
//
// The spaces share blobs, so a file may move between two spaces during a run. Therefore the run loads all pointers,
// marks, and loads them again, until no space has anything new. It does the same before each batch of deletions. A
// space that can't be read completely may hide references: blobs learnt from it stay, and those of the other spaces are
// deleted.
//
// Times come from the gateway's own clock. Dates of commits never shorten a grace period; they extend it when they show
// that the clock was behind.
//
// A remote may keep other accounts' blobs beside ours, and does not know the owner of a blob. So a run deletes only
// blobs known to be this owner's: those that some commit of a space was seen to lead to, and those that the gateway
// itself put for abandoned commits.
package gc

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"sync/atomic"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/roots"
	"postern/vfs/tree"
)

// DefaultGrace is how long unneeded blobs stay. It is how long a gateway may be offline, or take for one commit,
// without having to check that its blobs are still there: a week's journey. Twice as long would double the cost of
// deleted files; a day would make every laptop that was shut over a weekend check its commit blob by blob.
const DefaultGrace = 7 * 24 * time.Hour

// ErrDamaged says that parts of the drive could not be read, so that what lies below the damage can't be distinguished
// from garbage.
var ErrDamaged = errors.New("the drive is damaged, so nothing is deleted; run postern fsck --repair")

// ErrForgotten says that the drive no longer lists a space that an earlier run marked.
var ErrForgotten = errors.New(
	"a shared folder that was there at an earlier collection is missing from the drive's list of its " +
		"spaces, so nothing is deleted: bring the drive up to date on this device, or collect on another one")

// ErrShared says that an option is not allowed because other accounts read or write the owner's blobs.
var ErrShared = errors.New("folders of this drive are shared, so others may need what it puts and deletes for " +
	"7 days: collect without another grace period, and not as if the drive were alone at the remote")

// Roots are the owner's spaces at the store: a roots.Set.
type Roots interface {
	// Heads loads the heads of all spaces, including those met by mounts; the own space comes first.
	Heads(ctx context.Context, met []roots.Space) ([]roots.Head, error)
	// Open opens the newest commit of a space.
	Open(ctx context.Context, space roots.Space, at object.Ref) (roots.State, error)
	// Earlier opens a commit that a later one names as its parent.
	Earlier(ctx context.Context, at object.Ref) (roots.State, error)
	// Mounted returns the space that a mount refers to, and whether it is one of the owner's at the store.
	Mounted(t *object.Target) (roots.Space, bool)
}

// Plan says how a repacking moves the live parts of some packs. The spaces of an owner use the same plan, so that they
// keep sharing what they share now.
type Plan struct {
	Repacking *tree.Repacking
	// Packs returns the packs that the repacking has put so far, with their sizes.
	Packs func() map[crypto.BlobName]int64
}

// Drive is this gateway's side of a collection.
type Drive interface {
	// Held returns the blobs that this gateway has put, or is about to put, for commits that have not landed. They are not
	// deleted, however long the commits take.
	Held() []crypto.BlobName
	// GivenUp returns the blobs put since the last call for commits that will not land. They belong to this drive,
	// although no commit leads to them.
	GivenUp() []crypto.BlobName
	// Writes reports whether Repack can commit to a space.
	Writes(space crypto.PointerID) bool
	// Repack applies a plan to the newest state of a space and to the local changes on top of it, and commits the result.
	// Errors: those of the remote; remote.ErrConflict when another device was faster.
	Repack(ctx context.Context, space crypto.PointerID, plan Plan) error
}

// Options of a run. Store, Roots, Drive and Ledger are needed; the zero value of the rest works.
type Options struct {
	Store  remote.Blobs
	Roots  Roots
	Drive  Drive
	Ledger Ledger

	// Grace is the grace period of this run; 0: Usual; negative: none, which is safe only if no other gateway writes. Once
	// another account reads or writes a space, only DefaultGrace is accepted.
	Grace time.Duration
	// Usual is the grace period of a drive whose spaces only the owner reads and writes; 0: DefaultGrace.
	Usual  time.Duration
	DryRun bool // report only: nothing is deleted, moved or noted
	// Alone says that the remote keeps nothing but this drive, so that unknown blobs are garbage, too. It is rejected once
	// another account reads or writes a space, because unknown blobs may be that account's.
	Alone bool
	// Lost are blobs that a repair has found to be lost for good. They no longer count as damage, and a run keeps nothing
	// that only they lead to.
	Lost map[crypto.BlobName]bool
	// DespiteDamage makes the run go on when the drive is damaged. It then keeps nothing that only lost parts lead to.
	DespiteDamage bool
	NoRepack      bool
	Parallel      int // nodes loaded at once; 0: tree.DefaultParallel

	Rand io.Reader        // keys of rewritten packs; nil: crypto/rand
	Log  *slog.Logger     // nil: quiet
	Now  func() time.Time // nil: time.Now
	// Progress is called often, by several goroutines; nil: no call.
	Progress func(Progress)
}

// Progress is how far a run has come: it first walks the drive, then deletes.
type Progress struct {
	Seen     int64 // parts of the drive that were read
	Deleted  int64 // blobs
	ToDelete int64 // number of blobs to delete; 0: not known yet
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

// Report is the result of a run.
type Report struct {
	DryRun     bool      `json:"dry_run"`
	Started    time.Time `json:"started"`
	Commit     time.Time `json:"commit"`       // time of the own space's marked state
	Spaces     int       `json:"spaces"`       // marked spaces
	Needed     Amount    `json:"needed"`       // needed by the drive, or possibly needed
	Live       int64     `json:"live_bytes"`   // Needed without padding and without dead parts of packs
	Candidates Amount    `json:"candidates"`   // not needed, within the grace period
	Deleted    Amount    `json:"deleted"`      // or, in a dry run, what would be
	Repacked   Amount    `json:"repacked"`     // packs that were emptied, or would be
	HeldBack   Amount    `json:"held_back"`    // seems unneeded, but was learnt from a damaged space
	Others     Amount    `json:"others"`       // not known to be this drive's
	Due        time.Time `json:"due,omitzero"` // when the first of the candidates may be deleted
	Damaged    []string  `json:"damaged,omitempty"`
}

// Run collects once. It can be interrupted at any point, by ctx or a crash, and nothing is lost; the next run
// continues. One run at a time. If only some of several spaces are damaged, the report names the damage and there is no
// error. Errors: ErrDamaged, ErrForgotten, ErrShared, roots.ErrUnknown, those of the remote and the ledger; the report
// then covers the run up to the error.
func Run(ctx context.Context, o Options) (Report, error) {
	if o.Usual == 0 {
		o.Usual = DefaultGrace
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
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
	c := &collection{Options: o, start: o.Now(), sets: newSets()}
	c.grace = o.Grace
	switch {
	case o.Grace == 0:
		c.grace = o.Usual
	case o.Grace < 0:
		c.grace = 0
	}
	c.report = Report{DryRun: o.DryRun, Started: c.start.UTC()}
	err := c.run(ctx)
	return c.report, err
}

// collection is one run.
type collection struct {
	Options
	grace time.Duration
	start time.Time
	// when the remote had shown the newest states; blobs that they do not need may have been needed until then
	shown  time.Time
	latest int64 // the latest credible time of the commits seen, as of Last.Commit
	notes  Notes
	sets   *sets
	from   map[crypto.BlobName]set // as Notes.From
	report Report

	seen atomic.Int64 // parts of the drive

	heads  []roots.Head // as of the last look
	spaces []*space     // in the order in which they were marked, the own one first
	byID   map[crypto.PointerID]*space
	mounts []*mount                    // found and not yet resolved
	met    []roots.Space               // through mounts, each once
	holder map[crypto.PointerID]*mount // the mount that led to a space
	marks  *marks
	listed map[crypto.BlobName]int64 // this drive's blobs, with their sizes
}

func (c *collection) run(ctx context.Context) (err error) {
	if c.notes, err = c.Ledger.Load(); err != nil {
		return err
	}
	c.unpack()
	if !c.DryRun {
		c.giveUp()
		defer func() {
			if err != nil { // keep what was learnt
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

// look marks from the newest commits of all spaces and lists the blobs of the remote.
func (c *collection) look(ctx context.Context) (err error) {
	c.spaces, c.mounts, c.met = nil, nil, nil
	c.byID, c.holder = map[crypto.PointerID]*space{}, map[crypto.PointerID]*mount{}
	c.marks = newMarks(c.Parallel, c.sets, c.saw)
	c.marks.lost = c.Lost
	c.marks.mounted = func(m *mount) {
		c.marks.mu.Lock()
		defer c.marks.mu.Unlock()
		c.mounts = append(c.mounts, m)
	}
	if _, err := c.follow(ctx); err != nil {
		return fmt.Errorf("mark what the drive needs: %w", err)
	}
	if err := c.known(); err != nil {
		return err
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

// saw counts a visited part of the drive.
func (c *collection) saw() { c.Progress(Progress{Seen: c.seen.Add(1)}) }

// missing checks that needed blobs absent from the listing exist: listings may lag, and remotes may lose blobs.
func (c *collection) missing(ctx context.Context) error {
	for name, u := range c.marks.blobs {
		if _, ok := c.listed[name]; ok || u.by == 0 || c.Lost[name] {
			continue
		}
		_, err := c.Store.Stat(ctx, name)
		switch {
		case errors.Is(err, remote.ErrNotFound):
			for _, number := range c.sets.members[u.by] {
				c.marks.damage(number, "blob "+name.String())
			}
		case err != nil:
			return err
		}
	}
	return nil
}

// repack commits the spaces without the packs in moves, and looks again. A conflict with another device is no failure:
// a later run finds the same packs.
func (c *collection) repack(ctx context.Context, moves map[crypto.BlobName]bool) error {
	leads := c.marks.leads(moves)
	packs := map[crypto.BlobName]int64{}
	plan := Plan{
		Repacking: tree.NewRepacking(tree.RepackOptions{
			Source: newWhole(c.Store, func(name crypto.BlobName) bool { return moves[name] }),
			Moves:  func(name crypto.BlobName) bool { return moves[name] },
			Leads: func(ref object.Ref) bool {
				id := c.marks.walker.NodeID(ref)
				return id == 0 || leads[id] // newer states may lead anywhere
			},
			Emit: func(ctx context.Context, blob []byte) (crypto.BlobName, error) {
				packs[crypto.NameOf(blob)] = int64(len(blob))
				return c.emit(ctx, blob)
			},
			Rand: c.Rand,
		}),
		Packs: func() map[crypto.BlobName]int64 { return packs },
	}
	blocked := c.blocked()
	for _, s := range c.spaces {
		if blocked[s.number] {
			continue
		}
		err := c.Drive.Repack(ctx, s.ID, plan)
		if errors.Is(err, remote.ErrConflict) {
			c.Log.Info("packs were not rewritten: another device committed meanwhile", "space", s.ID.String())
			c.report.Repacked = Amount{}
		} else if err != nil {
			return fmt.Errorf("rewrite packs: %w", err)
		}
	}
	c.giveUp()
	return c.look(ctx)
}

// giveUp notes blobs that were put for abandoned commits.
func (c *collection) giveUp() {
	for _, name := range c.Drive.GivenUp() {
		if _, known := c.notes.Blobs[name]; !known {
			c.notes.Blobs[name] = 0 // the sweep starts its grace period
		}
	}
}

// unpack reads the ledger's notes into the collection.
func (c *collection) unpack() {
	if c.notes.Blobs == nil {
		c.notes.Blobs = map[crypto.BlobName]int64{}
	}
	c.from = make(map[crypto.BlobName]set, len(c.notes.From))
	for name, spaces := range c.notes.From {
		c.from[name] = c.sets.intern(spaces)
	}
}

// save stores the notes, without deleted blobs.
func (c *collection) save() error {
	maps.DeleteFunc(c.notes.Blobs, func(_ crypto.BlobName, since int64) bool { return since == deleted })
	c.notes.From = nil
	for name, from := range c.from {
		if _, known := c.notes.Blobs[name]; !known || from == ofOwn {
			continue
		}
		if c.notes.From == nil {
			c.notes.From = map[crypto.BlobName][]uint32{}
		}
		c.notes.From[name] = c.sets.members[from]
	}
	return c.Ledger.Save(c.notes)
}

// learntFrom returns the set of spaces that a blob was learnt from.
func (c *collection) learntFrom(name crypto.BlobName) set {
	if from, other := c.from[name]; other {
		return from
	}
	return ofOwn
}

// attribute notes which blobs are needed, and which spaces the marked blobs were learnt from.
func (c *collection) attribute() {
	c.marks.spread()
	for name, u := range c.marks.blobs {
		from := u.from
		if _, before := c.notes.Blobs[name]; before {
			from = c.sets.union(c.learntFrom(name), from)
		}
		if from != ofOwn || c.learntFrom(name) != ofOwn {
			c.from[name] = from
		}
		if u.by != 0 {
			c.notes.Blobs[name] = 0
		}
	}
}

// emit puts a new pack and reads it back, since the old packs with the same contents will be deleted.
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

// corrupt reports whether an error means that something is lost rather than unreachable.
func corrupt(err error) bool {
	return errors.Is(err, vfs.ErrCorrupt) && !errors.Is(err, vfs.ErrUnavailable)
}
