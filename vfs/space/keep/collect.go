// Package keep maintains a space: it collects garbage, checks and repairs, merges states that arrived in a bundle, and
// lists what a state leads to.
package keep

import (
	"context"
	"path/filepath"
	"sync/atomic"

	"postern/crypto"
	"postern/remote"
	"postern/vfs"
	"postern/vfs/gc"
	"postern/vfs/roots"
	"postern/vfs/space/base"
	"postern/vfs/space/commit"
	"postern/vfs/space/local"
	"postern/vfs/space/working"
	"postern/vfs/tree"
)

// Options of a keeper. All but Registry and Place are needed.
type Options struct {
	Home      *local.Home
	Copy      *working.Copy
	Committer *commit.Committer
	Uploads   *commit.Uploads
	Nodes     *tree.Nodes
	Store     remote.Store
	Space     crypto.Capability
	Grace     base.Grace
	Registry  roots.Registry // of the owner's other spaces; nil: unknown
	// Place returns where one of them is mounted; see roots.Options.
	Place func(crypto.PointerID) string
	// Files is the space as its users see it. Repairs write through it.
	Files vfs.FS
	// Settle returns when a recorded change is durable, and also committed if changes wait for that.
	Settle func(ctx context.Context, seq uint64) error
}

// Keeper maintains one space. Its methods may be called by several goroutines at once, except for Collect.
type Keeper struct {
	Options
	collectedAt atomic.Uint64 // bytes put by commits until the last collection
}

// New returns a keeper.
func New(o Options) *Keeper { return &Keeper{Options: o} }

// garbageName is the file beside the journal that remembers unneeded blobs.
const garbageName = "garbage"

// Collect deletes what no state of the owner's spaces needs any more; see package gc. Call it for the account's own
// space, one call at a time. It sets the options Store, Roots, Drive, Ledger, Usual, Lost, Rand, Now and Log.
func (k *Keeper) Collect(ctx context.Context, o gc.Options) (gc.Report, error) {
	o.Store, o.Roots, o.Drive, o.Ledger = k.Store, k.roots(k.Store, k.Nodes), collected{k}, k.ledger()
	o.Usual, o.Lost, o.Rand, o.Now, o.Log = k.Grace.Period, k.lost(), k.Home.Rand, k.Home.Now, k.Home.Log
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

// LastCollected returns the figures of the newest collection on this device. It reads one local file.
func (k *Keeper) LastCollected() (gc.Last, error) {
	notes, err := k.ledger().Load()
	return notes.Last, err
}

func (k *Keeper) ledger() *gc.File {
	return &gc.File{Path: filepath.Join(k.Home.Dir, garbageName), FS: k.Home.FS, Log: k.Home.Log}
}

// roots returns the owner's spaces at a store. They are opened through nodes.
func (k *Keeper) roots(store remote.Pointers, nodes *tree.Nodes) *roots.Set {
	return roots.New(roots.Options{Own: k.Space, Pointers: store, Nodes: nodes, Registry: k.Registry, Place: k.Place})
}

// collected is the space as package gc sees it.
type collected struct{ k *Keeper }

// Held implements gc.Drive.
func (d collected) Held() []crypto.BlobName { return d.k.Uploads.Held() }

// GivenUp implements gc.Drive.
func (d collected) GivenUp() []crypto.BlobName { return d.k.Uploads.GivenUp() }

// Writes implements gc.Drive.
func (d collected) Writes(space crypto.PointerID) bool { return space == d.k.Space.ID }

// Repack implements gc.Drive: the committer repacks between two commits.
func (d collected) Repack(ctx context.Context, _ crypto.PointerID, plan gc.Plan) error {
	return d.k.Committer.Repack(ctx, plan)
}
