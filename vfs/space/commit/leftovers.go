package commit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"postern/crypto"
	"postern/remote"
	"postern/remote/localfs"
	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/space/base"
	"postern/vfs/tree"
)

// leftovers remembers the packs that a writer puts for its commits in a space of another owner, whose garbage collector
// does not know them. It notes each before it is put. Once the pointer has moved on, the commit can't land any more,
// and the packs are deleted unless the newest commit descends from it. All methods of nil do nothing.
type leftovers struct {
	path string
	fs   localfs.FS

	mu      sync.Mutex
	old, on [32]byte // the pointer and the commit that the next attempt replaces
	tries   []try
}

// try is one attempt to commit.
type try struct {
	_     struct{} `cbor:",toarray"`
	Old   [32]byte // the pointer that it replaces
	On    [32]byte // the blob of the commit that it follows
	Sent  bool     // the pointer may have moved to it
	Packs [][32]byte
}

// openLeftovers returns the leftovers of a space of another owner, with those that earlier runs noted.
func openLeftovers(path string, files localfs.FS) (*leftovers, error) {
	l := &leftovers{path: path, fs: files}
	b, err := localfs.Read(files, path)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err == nil {
		err = crypto.Decode(b, &l.tries)
	}
	if err != nil {
		return l, fmt.Errorf("%s, the list of what was put for commits that may not have landed: %w", path, err)
	}
	for i := range l.tries { // nobody knows how far it came
		l.tries[i].Sent = true
	}
	return l, nil
}

// at says which state the next attempt replaces.
func (l *leftovers) at(on *base.State) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.old, l.on = on.Pointer.Hash(), on.Ref.Blob
}

// begin begins an attempt.
func (l *leftovers) begin() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tries = append(l.tries, try{Old: l.old, On: l.on})
}

// add notes a pack of the newest attempt durably, before it is put.
func (l *leftovers) add(name crypto.BlobName) error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	last := &l.tries[len(l.tries)-1]
	last.Packs = append(last.Packs, name)
	return l.save()
}

// sent says that the pointer may move to the newest attempt.
func (l *leftovers) sent() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.tries); n > 0 {
		l.tries[n-1].Sent = true
	}
}

// landed says that the newest attempt has landed.
func (l *leftovers) landed() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.tries); n > 0 { // the file names it until the next attempt
		l.tries = l.tries[:n-1]
	}
}

// save writes the list. The caller holds mu.
func (l *leftovers) save() error {
	b, err := crypto.Encode(l.tries)
	if err == nil {
		err = localfs.Replace(l.fs, l.path, b)
	}
	return err
}

// clean deletes the packs of the attempts that can't land any more, now that the pointer leads to a state. No attempt
// is being made meanwhile, but one may be about to be sent again.
func (l *leftovers) clean(ctx context.Context, nodes *tree.Nodes, store remote.Store, now *base.State) error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	left, failed := l.tries[:0:0], error(nil)
	for _, t := range l.tries {
		gone := !t.Sent
		if t.Sent {
			if t.Old == now.Pointer.Hash() {
				left = append(left, t)
				continue
			}
			gone = !follows(ctx, nodes, now, &t)
		}
		if !gone {
			continue
		}
		for _, name := range t.Packs {
			err := store.Delete(ctx, name)
			if errors.Is(err, remote.ErrUnavailable) || ctx.Err() != nil {
				left, failed = append(left, t), err
				break
			}
		}
	}
	if len(left) == len(l.tries) {
		return failed
	}
	l.tries = left
	return errors.Join(failed, l.save())
}

// follows reports whether a state follows from an attempt, or may.
func follows(ctx context.Context, nodes *tree.Nodes, now *base.State, t *try) bool {
	at, commit := now.Ref, now.Commit
	for range mostBack {
		switch {
		case slices.Contains(t.Packs, [32]byte(at.Blob)):
			return true
		case at.Blob == t.On, commit.Parent == object.Parent{}:
			return false
		}
		at = commit.Parent.Commit
		var err error
		if commit, _, err = nodes.Commit(ctx, at); err != nil {
			return errors.Is(err, vfs.ErrCorrupt) || errors.Is(err, vfs.ErrUnavailable)
		}
	}
	return true
}

// mostBack limits how many commits are walked back from the newest one to one that an attempt followed.
const mostBack = 100
