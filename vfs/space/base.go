package space

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/tree"
)

// ErrNoSpace says that the account has no space at this remote.
var ErrNoSpace = errors.New("there is no drive of this account at the remote")

// A commit's tree has two folders: the files as they are, and the history, in which every commit leaves its files, by reference,
// under the time it was made. So the history is found, thinned, checked and collected by what does all that for folders.
const (
	filesPath   = "/files"
	historyPath = "/history"
)

// base is the newest commit that this gateway knows: what the pointer leads to.
type base struct {
	pointer crypto.Pointer
	version uint8 // of the format, as the pointer's head has it; 0 before the first commit
	ref     object.Ref
	hash    object.CommitHash
	commit  object.Commit
	whole   tree.Tree // the commit's tree: files and history
	files   tree.Tree // what users see of it
	shown   time.Time // when the remote last showed it as the newest, by the clock here
}

// open makes the trees of a commit.
func (b base) open(ctx context.Context, nodes *tree.Nodes) (_ base, err error) {
	b.whole = tree.New(nodes, b.commit.Root)
	b.files, err = b.whole.Sub(ctx, filesPath)
	return b, err
}

// head is what a pointer to the base holds. A commit on top of it is of the same version of the format.
func (b base) head() object.Head {
	return object.Head{Version: max(b.version, object.Version1), Commit: b.ref}
}

// parent is how a commit on top of base names it.
func (b base) parent() object.Parent {
	if b.ref.Blob.IsZero() {
		return object.Parent{}
	}
	return object.Parent{Commit: b.ref, Hash: b.hash}
}

// loadBase follows a space's pointer to its newest commit. Errors: ErrNoSpace, those of the remote, vfs.ErrCorrupt.
func loadBase(ctx context.Context, store remote.Pointers, nodes *tree.Nodes, space crypto.Capability) (base, error) {
	p, err := store.Load(ctx, space.ID)
	if errors.Is(err, remote.ErrNotFound) {
		return base{}, ErrNoSpace
	}
	if err != nil {
		return base{}, fmt.Errorf("load the drive's newest state: %w", err)
	}
	return openBase(ctx, nodes, space, p)
}

func openBase(ctx context.Context, nodes *tree.Nodes, space crypto.Capability, p crypto.Pointer) (base, error) {
	if err := p.Verify(); err != nil { // cheap, and then no wrapper has to be trusted with it
		return base{}, corrupt("open the drive's newest state", err)
	}
	head, err := openHead("open the drive's newest state", space, p)
	if err != nil {
		return base{}, err
	}
	commit, hash, err := nodes.Commit(ctx, head.Commit)
	if err != nil {
		return base{}, err
	}
	if commit.Author != space.Owner {
		return base{}, corrupt("open the drive's newest state", fmt.Errorf("commit by %v, who may not write here", commit.Author))
	}
	if commit.Roster != (object.Ref{}) {
		err := errors.New("a roster in an account's own space, which has one author")
		return base{}, corrupt("open the drive's newest state", err)
	}
	return base{pointer: p, version: head.Version, ref: head.Commit, hash: hash, commit: commit}.open(ctx, nodes)
}

func corrupt(op string, err error) error {
	return &vfs.Error{Op: op, Path: "/", Kind: vfs.ErrCorrupt, Err: err}
}

// Create makes a space at a remote: one commit of an empty folder. It returns remote.ErrConflict when it is there already.
func Create(
	ctx context.Context, store remote.Store, keys Keys, device Device, random io.Reader, now time.Time,
) error {
	version, err := newVersion(random)
	if err != nil {
		return err
	}
	// A space without a journal: its first commit is made like any other.
	s := &Space{store: store, keys: keys, device: device, rand: random, now: func() time.Time { return now }}
	s.nodes = tree.NewNodes(store, tree.Options{})
	folder := func(v vfs.Version) tree.Tree {
		return tree.New(s.nodes, object.Entry{Version: v, Created: now.UnixNano(), Modified: now.UnixNano()})
	}
	whole, err := folder(vfs.Version{}).Graft(ctx, historyPath, folder(vfs.Version{}))
	if err != nil {
		return err
	}
	made, err := s.seal(ctx, base{whole: whole}, &head{tree: folder(version)}, nil)
	if err != nil {
		return err
	}
	return store.Swap(ctx, crypto.PointerHash{}, made.next.pointer)
}
