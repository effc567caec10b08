package space

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"postern/crypto"
	"postern/remote"
	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/tree"
)

// Reach tells all blobs that the states of some pointers lead to, files and history, beyond those that the states of others do, sorted
// by nothing in particular. Errors: those of the remote; vfs.ErrCorrupt when part of what is to be told can't be read.
func Reach(ctx context.Context, store remote.Store, account crypto.AccountSecret, of crypto.Pointer, beyond *crypto.Pointer) ([]crypto.BlobName, error) {
	nodes, walker := tree.NewNodes(store, tree.Options{}), tree.NewWalker(0)
	var mu sync.Mutex
	known := map[crypto.BlobName]bool{}
	if beyond != nil {
		b, err := openBase(ctx, nodes, account, *beyond)
		if err != nil {
			return nil, err
		}
		known[b.ref.Blob] = true
		err = walker.Walk(ctx, b.whole, func(_ context.Context, v tree.Visit) error {
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
	b, err := openBase(ctx, nodes, account, of)
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

// errUntold says that two states can't be compared.
var errUntold = errors.New("what lies between the two was collected, so it can't be told whether one contains the other")

// Contains tells whether a state contains all that another one, of a smaller sequence, does: by walking from commit to parent back to it, and
// where that way was collected, by what each device had brought into both (a later commit of one history never holds less). The commits
// are read from the store.
func Contains(ctx context.Context, store remote.Store, account crypto.AccountSecret, have, next crypto.Pointer) (bool, error) {
	nodes := tree.NewNodes(store, tree.Options{})
	from, err := openBase(ctx, nodes, account, next)
	if err != nil {
		return false, err
	}
	value, err := crypto.OpenValue(account.Reader(), have)
	if err != nil {
		return false, corrupt("open the other state", err)
	}
	goal, err := object.DecodeHead(value)
	if err != nil {
		return false, corrupt("open the other state", err)
	}
	for at := from.commit; ; {
		up := at.Parent
		switch {
		case up == (object.Parent{}):
			return false, nil // the first commit of all
		case up.Commit == goal:
			return true, nil
		}
		commit, hash, err := nodes.Commit(ctx, up.Commit)
		if errors.Is(err, vfs.ErrCorrupt) {
			break // collected
		}
		if err != nil {
			return false, err
		}
		if hash != up.Hash {
			return false, corrupt("walk the history", fmt.Errorf("commit %v is not the one that is named as a parent", up.Commit.Blob))
		}
		at = commit
	}
	old, _, err := nodes.Commit(ctx, goal)
	if errors.Is(err, vfs.ErrCorrupt) {
		return false, errUntold
	}
	if err != nil {
		return false, err
	}
	for _, a := range old.Applied {
		if from.commit.Latest(a.Device).Seq < a.Seq {
			return false, nil
		}
	}
	return true, nil
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

// errGone says that something can't be kept.
var errGone = errors.New("part of it is not at the remote any more")

// Keep puts the files of a commit into a folder of the drive, by reference, if all of it is still at the remote.
func (s *Space) Keep(ctx context.Context, files tree.Tree, path string) error {
	paths, err := s.needs(ctx, base{whole: tree.New(s.nodes, object.Entry{})}, files, nil)
	if err != nil {
		return err
	}
	lost, err := s.restore(ctx, paths)
	if err != nil {
		return err
	}
	if len(lost) > 0 {
		return &vfs.Error{Op: "keep", Path: path, Kind: vfs.ErrCorrupt, Err: errGone}
	}
	entry, _ := files.Root().Object()
	_, err = s.make(ctx, change{op: tree.Graft{Path: path, Entry: entry}})
	return err
}

// Openable tells why what a pointer leads to can't be a state of the drive: nil when it can.
func Openable(ctx context.Context, store remote.Store, account crypto.AccountSecret, p crypto.Pointer) error {
	_, err := openBase(ctx, tree.NewNodes(store, tree.Options{}), account, p)
	return err
}
