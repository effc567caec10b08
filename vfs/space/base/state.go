// Package base holds the newest commit of a space that a gateway knows: its pointer leads to it, local changes apply to
// it, and the next commit follows it. The package reads, judges and compares such states; it changes nothing at the
// remote.
package base

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/vfs"
	"postern/vfs/authors"
	"postern/vfs/object"
	"postern/vfs/registry"
	"postern/vfs/tree"
)

// ErrNoSpace says that the remote has no pointer of the space.
var ErrNoSpace = errors.New("there is no drive of this account at the remote")

// A commit's tree has two folders: the current files, and the history, where each commit stores its files by reference
// under the time of the commit. So the code that finds, checks and collects folders covers the history, too.
const (
	FilesPath   = "/files"
	HistoryPath = "/history"
)

// State is one open commit of a space.
type State struct {
	Pointer crypto.Pointer
	Version uint8 // of the format, as in the pointer's head; 0 before the first commit
	Ref     object.Ref
	Hash    object.CommitHash
	Commit  object.Commit
	Whole   tree.Tree // the commit's tree: files, history and private state
	Files   tree.Tree // the files alone
	Shown   time.Time // when the remote last showed it as the newest, by the local clock

	private *registry.State // what the commit's private folder holds; nil: not read
	Authors
}

// Loader loads pointers. remote.Pointers is a Loader.
type Loader interface {
	Load(ctx context.Context, id crypto.PointerID) (crypto.Pointer, error)
}

// Load follows a space's pointer to its newest commit, and judges that alone. Errors: ErrNoSpace, those of the remote,
// vfs.ErrCorrupt.
func Load(ctx context.Context, store Loader, nodes *tree.Nodes, space crypto.Capability) (State, error) {
	p, err := load(ctx, store, space)
	if err != nil {
		return State{}, err
	}
	return Open(ctx, nodes, space, p)
}

// LoadOn follows a space's pointer to its newest commit, and judges it as Take does. Errors: ErrNoSpace, those of Take.
func LoadOn(
	ctx context.Context, store Loader, nodes *tree.Nodes, space crypto.Capability, was State,
) (State, error) {
	p, err := load(ctx, store, space)
	if err != nil {
		return State{}, err
	}
	return Take(ctx, nodes, space, was, p)
}

func load(ctx context.Context, store Loader, space crypto.Capability) (crypto.Pointer, error) {
	p, err := store.Load(ctx, space.ID)
	if errors.Is(err, remote.ErrNotFound) {
		return p, ErrNoSpace
	}
	if err != nil {
		return p, fmt.Errorf("load the drive's newest state: %w", err)
	}
	return p, nil
}

// Open opens the commit that a pointer leads to, and judges it alone. Errors: those of the remote, vfs.ErrCorrupt.
func Open(ctx context.Context, nodes *tree.Nodes, space crypto.Capability, p crypto.Pointer) (State, error) {
	const op = "open the drive's newest state"
	s, err := openAny(ctx, op, nodes, space, p)
	if err != nil {
		return State{}, err
	}
	if s.Roster, err = authors.Check(ctx, nodes, space, &s.Commit); err != nil {
		return State{}, refused(op, err)
	}
	return s, nil
}

// openAny opens the commit that a pointer leads to, whoever made it. If only its files can't be found, it returns the
// commit with the error.
func openAny(
	ctx context.Context, op string, nodes *tree.Nodes, space crypto.Capability, p crypto.Pointer,
) (State, error) {
	if err := p.Verify(); err != nil { // cheap, and then no wrapper has to be trusted
		return State{}, Corrupt(op, err)
	}
	head, err := OpenHead(op, space, p)
	if err != nil {
		return State{}, err
	}
	s, err := OpenCommit(ctx, nodes, head)
	if err != nil {
		return s, err
	}
	if s.Commit.Roster != (object.Ref{}) && !p.Listed {
		return State{}, Corrupt(op, errors.New("a roster in an account's own space, which has one author"))
	}
	s.Pointer = p
	return s, nil
}

// OpenCommit opens the commit that a head leads to. Its Pointer is not set, and its author is not verified.
func OpenCommit(ctx context.Context, nodes *tree.Nodes, head object.Head) (State, error) {
	commit, hash, err := nodes.Commit(ctx, head.Commit)
	if err != nil {
		return State{}, err
	}
	s := State{Version: head.Version, Ref: head.Commit, Hash: hash, Commit: commit,
		Whole: Tree(nodes, commit.Root, head.Version)}
	s.Files, err = s.Whole.Sub(ctx, FilesPath)
	return s, err
}

// Tree returns the tree of a root entry in a space of a version of the format. Only version 2 has mounts.
func Tree(nodes *tree.Nodes, root object.Entry, version uint8) tree.Tree {
	t := tree.New(nodes, root)
	if version >= object.Version2 {
		return t.MayMount()
	}
	return t
}

// OpenHead returns the head that a pointer of the space holds. Errors name the operation op. The error is
// vfs.ErrCorrupt.
func OpenHead(op string, space crypto.Capability, p crypto.Pointer) (object.Head, error) {
	value, err := crypto.OpenValue(space.Read, p)
	if err != nil {
		return object.Head{}, Corrupt(op, err)
	}
	head, err := object.DecodeHead(value)
	if err != nil {
		return object.Head{}, Corrupt(op, err)
	}
	return head, nil
}

// Head returns the head for a pointer to this state. A commit on top of the state has the same version of the format.
func (s State) Head() object.Head {
	return object.Head{Version: max(s.Version, object.Version1), Commit: s.Ref}
}

// Parent returns the state as the parent of a commit on top of it, or the commit that it is shown instead of.
func (s State) Parent() object.Parent {
	if s.Instead != (object.Parent{}) {
		return s.Instead
	}
	if s.Ref.Blob.IsZero() {
		return object.Parent{}
	}
	return object.Parent{Commit: s.Ref, Hash: s.Hash}
}

// IsAt reports whether p is the state's own pointer.
func (s State) IsAt(p crypto.Pointer) bool { return bytes.Equal(s.Pointer.Marshal(), p.Marshal()) }

// Corrupt returns a vfs.ErrCorrupt for a space as a whole.
func Corrupt(op string, err error) error {
	return &vfs.Error{Op: op, Path: "/", Kind: vfs.ErrCorrupt, Err: err}
}

// NewVersion returns a random name for new contents.
func NewVersion(rand io.Reader) (v vfs.Version, err error) {
	if _, err := io.ReadFull(rand, v[:]); err != nil {
		return v, fmt.Errorf("no randomness: %w", err)
	}
	return v, nil
}
