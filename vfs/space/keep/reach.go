package keep

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"postern/crypto"
	"postern/remote"
	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/space/base"
	"postern/vfs/space/commit"
	"postern/vfs/space/working"
	"postern/vfs/tree"
)

// Reach tells all blobs that the states of some pointers lead to, files and history, beyond those that the states of others do, sorted
// by nothing in particular. seen, unless it is nil, is told by several goroutines how many parts were looked at. Errors: those of the
// remote; vfs.ErrCorrupt when part of what is to be told can't be read.
func Reach(ctx context.Context, store remote.Store, keys crypto.Capability, of crypto.Pointer, beyond *crypto.Pointer, seen func(parts int64)) ([]crypto.BlobName, error) {
	nodes, walker := tree.NewNodes(store, tree.Options{}), tree.NewWalker(0)
	var parts atomic.Int64
	look := func() {
		if n := parts.Add(1); seen != nil {
			seen(n)
		}
	}
	var mu sync.Mutex
	known := map[crypto.BlobName]bool{}
	if beyond != nil {
		b, err := base.Open(ctx, nodes, keys, *beyond)
		if err != nil {
			return nil, err
		}
		known[b.Ref.Blob] = true
		err = walker.Walk(ctx, b.Whole, func(_ context.Context, v tree.Visit) error {
			look()
			if v.Err != nil && !errors.Is(v.Err, vfs.ErrCorrupt) { // what is lost is not taken for granted
				return v.Err
			}
			if name, _, ok := v.Place(); ok && v.Err == nil {
				mu.Lock()
				defer mu.Unlock()
				known[name] = true
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	b, err := base.Open(ctx, nodes, keys, of)
	if err != nil {
		return nil, err
	}
	var names []crypto.BlobName
	add := func(name crypto.BlobName) {
		mu.Lock()
		defer mu.Unlock()
		if !known[name] {
			known[name] = true
			names = append(names, name)
		}
	}
	add(b.Ref.Blob)
	err = walker.Walk(ctx, b.Whole, func(_ context.Context, v tree.Visit) error {
		look()
		if v.Err != nil {
			return v.Err
		}
		if name, _, ok := v.Place(); ok {
			add(name)
		}
		return nil
	})
	return names, err
}

// Keep puts the files of a commit into a folder of the drive, by reference. What is not at the remote any more is put again if it is at hand
// here; it returns the paths, sorted, of the files and folders in it that nobody has, which are left out. Errors: vfs.ErrCorrupt when nothing
// can be kept.
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
	// Between two commits, so that none holds what is left out.
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

// graftWithout grafts a tree, and takes some paths out of it.
func (k *Keeper) graftWithout(ctx context.Context, files tree.Tree, path string, gone []string) (seq uint64, err error) {
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
		case errors.Is(err, vfs.ErrNotExist), errors.Is(err, vfs.ErrNotFolder): // with the folder above
		default:
			_, _, undone := k.Copy.Record(ctx, working.Change{Op: tree.Remove{Path: path}})
			return 0, errors.Join(err, undone)
		}
	}
	return seq, nil
}

// pathsOf tells all paths of a tree that need one of the blobs, sorted.
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
