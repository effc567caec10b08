package space

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
		b, err := openBase(ctx, nodes, keys, *beyond)
		if err != nil {
			return nil, err
		}
		known[b.ref.Blob] = true
		err = walker.Walk(ctx, b.whole, func(_ context.Context, v tree.Visit) error {
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
	b, err := openBase(ctx, nodes, keys, of)
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
	add(b.ref.Blob)
	err = walker.Walk(ctx, b.whole, func(_ context.Context, v tree.Visit) error {
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

// ErrUntold says that two states can't be compared.
var ErrUntold = errors.New("its commit was collected")

// Contains reports whether a state contains all that another one, of a smaller sequence, does: by what each device had brought into both, for
// a later commit never holds less. The commits are read from the store. Errors: ErrUntold; those of the remote.
func Contains(ctx context.Context, store remote.Store, keys crypto.Capability, have, next crypto.Pointer) (bool, error) {
	nodes := tree.NewNodes(store, tree.Options{})
	from, err := openBase(ctx, nodes, keys, next)
	if err != nil {
		return false, err
	}
	head, err := openHead("open the other state", keys, have)
	if err != nil {
		return false, err
	}
	old := base{pointer: have, version: head.Version, ref: head.Commit}
	old.commit, old.hash, err = nodes.Commit(ctx, head.Commit)
	if errors.Is(err, vfs.ErrCorrupt) {
		return false, ErrUntold
	}
	if err != nil {
		return false, err
	}
	yes, _, err := holds(ctx, nodes, from, old)
	return yes, err
}

// Files are those of the newest commit that this gateway knows.
func (s *Space) Files(ctx context.Context) (tree.Tree, error) {
	return s.committed.Load().Sub(ctx, filesPath)
}

// Look has the committer look at the remote now, and returns when it has.
func (s *Space) Look(ctx context.Context) error {
	s.Retry() // it may be in the pause before another try
	return s.committer.do(ctx, func(ctx context.Context) error {
		err := s.committer.look(ctx)
		s.committer.note(err)
		return err
	})
}

// Keep puts the files of a commit into a folder of the drive, by reference. What is not at the remote any more is put again if it is at hand
// here; it returns the paths, sorted, of the files and folders in it that nobody has, which are left out. Errors: vfs.ErrCorrupt when nothing
// can be kept.
func (s *Space) Keep(ctx context.Context, files tree.Tree, path string) (gone []string, err error) {
	paths, err := s.needs(ctx, base{whole: tree.New(s.nodes, object.Entry{})}, files, nil)
	if err != nil {
		return nil, err
	}
	lost, err := s.restore(ctx, paths)
	if err != nil {
		return nil, err
	}
	if gone, err = pathsOf(ctx, files, lost); err != nil {
		return nil, err
	}
	// Between two commits, so that none holds what is left out.
	var seq uint64
	err = s.committer.do(ctx, func(ctx context.Context) (err error) {
		seq, err = s.graftWithout(ctx, files, path, gone)
		return err
	})
	if err != nil {
		return nil, err
	}
	return gone, s.settle(ctx, seq)
}

// graftWithout grafts a tree, and takes some paths out of it.
func (s *Space) graftWithout(ctx context.Context, files tree.Tree, path string, gone []string) (seq uint64, err error) {
	entry, _ := files.Root().Object()
	if _, seq, err = s.record(ctx, change{op: tree.Graft{Path: path, Entry: entry}}); err != nil {
		return 0, err
	}
	for _, name := range gone {
		at := path
		if name != "/" {
			at += name
		}
		_, next, err := s.record(ctx, change{op: tree.Remove{Path: at}})
		switch {
		case err == nil:
			seq = next
		case errors.Is(err, vfs.ErrNotExist), errors.Is(err, vfs.ErrNotFolder): // with the folder above
		default:
			_, _, undone := s.record(ctx, change{op: tree.Remove{Path: path}})
			return 0, errors.Join(err, undone)
		}
	}
	return seq, nil
}

// pathsOf tells all paths of a tree that need one of the blobs, sorted.
func pathsOf(ctx context.Context, files tree.Tree, lost []Lost) ([]string, error) {
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

// Openable returns why what a pointer leads to can't be a state of the drive: nil when it can.
func Openable(ctx context.Context, store remote.Store, keys crypto.Capability, p crypto.Pointer) error {
	_, err := openBase(ctx, tree.NewNodes(store, tree.Options{}), keys, p)
	return err
}
