package keep

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"postern/crypto"
	"postern/remote"
	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/roots"
	"postern/vfs/space/commit"
	"postern/vfs/space/working"
	"postern/vfs/tree"
)

// Reach returns everything that the owner's spaces lead to at one moment, as found at a store; see package roots.
func (k *Keeper) Reach(ctx context.Context, store remote.Store, o roots.ReachOptions) (roots.Reached, error) {
	return k.roots(store, tree.NewNodes(store, tree.Options{})).Reach(ctx, o)
}

// Keep puts the files of a commit into a folder of the drive, by reference. It restores blobs that are missing at the
// remote if they are available locally. It omits files and folders whose blobs are lost, and returns their paths,
// sorted. Errors: vfs.ErrCorrupt when nothing can be kept.
func (k *Keeper) Keep(ctx context.Context, files tree.Tree, path string) (gone []string, err error) {
	paths, err := commit.Needs(ctx, tree.New(k.Nodes, object.Entry{}), files, nil)
	if err != nil {
		return nil, err
	}
	lost, err := k.Uploads.Restore(ctx, paths)
	if err != nil {
		return nil, err
	}
	if gone, err = pathsOf(ctx, files, lost); err != nil {
		return nil, err
	}
	// Between two commits, so that no commit holds the omitted paths.
	var seq uint64
	err = k.Committer.Do(ctx, func(ctx context.Context) (err error) {
		seq, err = k.graftWithout(ctx, files, path, gone)
		return err
	})
	if err != nil {
		return nil, err
	}
	return gone, k.Settle(ctx, seq)
}

// graftWithout grafts a tree, and removes some paths from it.
func (k *Keeper) graftWithout(
	ctx context.Context, files tree.Tree, path string, gone []string,
) (seq uint64, err error) {
	entry, _ := files.Root().Object()
	if _, seq, err = k.Copy.Record(ctx, working.Change{Op: tree.Graft{Path: path, Entry: entry}}); err != nil {
		return 0, err
	}
	for _, name := range gone {
		at := path
		if name != "/" {
			at += name
		}
		_, next, err := k.Copy.Record(ctx, working.Change{Op: tree.Remove{Path: at}})
		switch {
		case err == nil:
			seq = next
		case errors.Is(err, vfs.ErrNotExist), errors.Is(err, vfs.ErrNotFolder): // removed with its parent folder
		default:
			_, _, undone := k.Copy.Record(ctx, working.Change{Op: tree.Remove{Path: path}})
			return 0, errors.Join(err, undone)
		}
	}
	return seq, nil
}

// pathsOf returns all paths of a tree that need one of the blobs, sorted.
func pathsOf(ctx context.Context, files tree.Tree, lost []commit.Lost) ([]string, error) {
	if len(lost) == 0 {
		return nil, nil
	}
	blobs := map[crypto.BlobName]bool{}
	for _, l := range lost {
		blobs[l.Blob] = true
	}
	var mu sync.Mutex
	found := map[string]bool{}
	err := tree.NewWalker(0).Walk(ctx, files, func(_ context.Context, v tree.Visit) error {
		mu.Lock()
		defer mu.Unlock()
		if name, _, ok := v.Place(); ok && blobs[name] || v.Err != nil && errors.Is(v.Err, vfs.ErrCorrupt) {
			found[v.Path()] = true
			return nil
		}
		return v.Err
	})
	return slices.Sorted(maps.Keys(found)), err
}
