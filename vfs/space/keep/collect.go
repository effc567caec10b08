// Package keep looks after a space: it collects garbage, checks and repairs, brings in states that came past the remote, and lists
// what a state leads to.
package keep

import (
	"context"
	"errors"
	"path/filepath"
	"sync/atomic"

	"postern/crypto"
	"postern/remote"
	"postern/vfs"
	"postern/vfs/gc"
	"postern/vfs/object"
	"postern/vfs/space/base"
	"postern/vfs/space/commit"
	"postern/vfs/space/local"
	"postern/vfs/space/working"
	"postern/vfs/tree"
)

// Options of a keeper. All are needed.
type Options struct {
	Home      *local.Home
	Copy      *working.Copy
	Committer *commit.Committer
	Uploads   *commit.Uploads
	Nodes     *tree.Nodes
	Store     remote.Store
	Space     crypto.Capability
	Grace     base.Grace
	// Files is the space as its users see it: a repair writes through it.
	Files vfs.FS
	// Settle returns when a recorded change is durable, and committed if that is what changes wait for.
	Settle func(ctx context.Context, seq uint64) error
}

// Keeper looks after one space. Its methods may be called by several goroutines at once, but for Collect.
type Keeper struct {
	Options
	collectedAt atomic.Uint64 // what the commits had put when it was collected last, in bytes
}

// New returns a keeper.
func New(o Options) *Keeper { return &Keeper{Options: o} }

// garbageName is the file, beside the journal, that remembers what nobody needs.
const garbageName = "garbage"

// errSharedGarbage says that the drive has spaces which this program does not mark.
var errSharedGarbage = errors.New(
	"this drive may hold shared folders, which this program does not know: collect garbage with a newer one")

// Collect deletes what no state of the space needs any more; see package gc. Store, Drive, Ledger, Lost, Now and Log of the options are the
// space's. One call at a time.
func (k *Keeper) Collect(ctx context.Context, o gc.Options) (gc.Report, error) {
	o.Store, o.Drive, o.Ledger = k.Store, collected{k}, k.ledger()
	o.Now, o.Log, o.Lost = k.Home.Now, k.Home.Log, k.lost()
	if o.Grace == 0 {
		o.Grace = k.Grace.Period
	}
	put, removed := k.Committer.Status().BytesPut, k.Copy.Removed()
	r, err := gc.Run(ctx, o)
	if err == nil && !o.DryRun {
		k.collectedAt.Store(put)
		k.Copy.Counted(removed)
	}
	return r, err
}

// WorthCollecting reports whether Collect is worth its requests now. It reads one local file.
func (k *Keeper) WorthCollecting() bool {
	notes, err := k.ledger().Load()
	if err != nil {
		return false
	}
	put := k.Committer.Status().BytesPut - k.collectedAt.Load()
	return gc.Worth(gc.Figures{Last: notes.Last, Now: k.Home.Now(), Put: int64(put), Removed: k.Copy.Removed()})
}

// LastCollected returns what the newest collection on this device saw. It reads one local file.
func (k *Keeper) LastCollected() (gc.Last, error) {
	notes, err := k.ledger().Load()
	return notes.Last, err
}

func (k *Keeper) ledger() *gc.File {
	return &gc.File{Path: filepath.Join(k.Home.Dir, garbageName), FS: k.Home.FS, Log: k.Home.Log}
}

// collected is the space as package gc sees it.
type collected struct{ k *Keeper }

// Newest implements gc.Drive.
func (d collected) Newest(ctx context.Context) (gc.State, error) {
	b, err := base.Load(ctx, d.k.Store, d.k.Nodes, d.k.Space)
	if err == nil && b.Version > object.Version1 {
		// What only a mount leads to is not marked from here, and would be deleted.
		return gc.State{}, errSharedGarbage
	}
	return gc.State{Ref: b.Ref, Hash: b.Hash, Commit: b.Commit, Tree: b.Whole}, err
}

// Open implements gc.Drive.
func (d collected) Open(ctx context.Context, at object.Ref) (gc.State, error) {
	c, hash, err := d.k.Nodes.Commit(ctx, at)
	return gc.State{Ref: at, Hash: hash, Commit: c, Tree: tree.New(d.k.Nodes, c.Root)}, err
}

// Held implements gc.Drive.
func (d collected) Held() []crypto.BlobName { return d.k.Uploads.Held() }

// GivenUp implements gc.Drive.
func (d collected) GivenUp() []crypto.BlobName { return d.k.Uploads.GivenUp() }

// Repack implements gc.Drive: the committer does it between two commits.
func (d collected) Repack(ctx context.Context, plan gc.Plan) error {
	return d.k.Committer.Repack(ctx, plan)
}
