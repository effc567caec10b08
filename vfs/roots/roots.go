// Package roots finds and opens the spaces that one owner has at one store. The owner needs their contents, so package
// gc marks from them, package fsck checks them, and a bundle holds them.
//
// There are three sources. The account's own space is always a root. A registry, which the own space holds, names the
// others and their stages. A mount that a walk finds and that the registry lacks is a root as well.
package roots

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"postern/crypto"
	"postern/remote"
	"postern/vfs"
	"postern/vfs/authors"
	"postern/vfs/layout"
	"postern/vfs/object"
	"postern/vfs/tree"
)

// Stage is the stage in the life of a space. It only ever grows.
type Stage uint8

// The stages of a space.
const (
	// Making is the stage of a space that may have no pointer yet.
	Making Stage = iota + 1
	// Live is the stage of a space in use.
	Live
	// Closing is the stage of a space that is being replaced by another one.
	Closing
	// Retired is the stage of a space whose last commit is Final, whatever its pointer leads to.
	Retired
	// Gone is the stage of a space that is not needed unless a mount still refers to it.
	Gone
)

// Space is one of the owner's spaces.
type Space struct {
	crypto.Capability
	Stage  Stage
	Final  object.Ref // for a retired space, its last commit; otherwise zero
	Shared bool       // another account reads or writes it
	Place  string     // the folder of the drive where it is mounted; "": not known
}

// Show returns a path of the space's tree as a path of the drive, if there is one, or else with the space's name.
func (s Space) Show(path string) string {
	within, ok := layout.CutFiles(path)
	switch {
	case s.Place == "", !ok && path != "/":
		return s.String() + ": " + path
	case !ok:
		return s.Place
	}
	return s.Place + within
}

// String returns the name of the space for users.
func (s Space) String() string {
	if s.Place == "" {
		return fmt.Sprintf("space %v", s.ID)
	}
	return s.Place
}

// Registry returns the spaces of the owner other than the own one, including Gone ones, as of a state of the own space.
// Errors: those of reading that state.
type Registry func(ctx context.Context, own State) ([]Space, error)

// State is one open commit of a space.
type State struct {
	Ref    object.Ref
	Hash   object.CommitHash
	Commit object.Commit
	Tree   tree.Tree // the whole tree: files, history, and anything else in the root folder
}

// Head is the newest known commit of a space.
type Head struct {
	Space
	Version uint8      // of its format
	Commit  object.Ref // the newest commit, or the final one; zero if there is none or Err is set
	Pointer crypto.Pointer
	Met     bool // only a mount leads to the space; the registry lacks it
	// Err says why the space can't be found although the store responds: its pointer is missing, damaged or older than one
	// seen before.
	Err error
}

// ErrUnknown says that the owner may have spaces that this program can't name.
var ErrUnknown = errors.New("this drive may hold shared folders, which this program does not know: use a newer one")

// Options of a Set. Own, Pointers and Nodes are needed.
type Options struct {
	Own      crypto.Capability // opens the account's own space
	Pointers remote.Pointers
	Nodes    *tree.Nodes
	Registry Registry // nil: a drive of version 2 has unknown spaces
	// Place returns the folder of the drive where a space is mounted, "" if it is not; nil: unknown.
	Place func(crypto.PointerID) string
}

// Set is the set of spaces of one owner at one store. It may be used by several goroutines.
type Set struct{ o Options }

// New returns a Set.
func New(o Options) *Set { return &Set{o} }

// lookups is how many pointers are loaded at once.
const lookups = 8

// Heads loads the pointers of all spaces: the own one first, then those of the registry, Gone ones without a commit,
// and those of met that it lacks. A space of met is never Gone. Errors: ErrUnknown, with the known heads; those of the
// own space and its registry; remote.ErrUnavailable.
func (s *Set) Heads(ctx context.Context, met []Space) ([]Head, error) { return s.heads(ctx, nil, met) }

// heads is Heads with the state of the own space replaced, unless of is nil.
func (s *Set) heads(ctx context.Context, of *crypto.Pointer, met []Space) ([]Head, error) {
	own, err := Head{}, error(nil)
	if space := (Space{Capability: s.o.Own, Stage: Live}); of == nil {
		own, err = s.head(ctx, space)
	} else if own, err = s.headAt(space, *of); err != nil {
		err = fmt.Errorf("open a state of the drive: %w: %w", vfs.ErrCorrupt, err)
	}
	if err == nil {
		err = own.Err
	}
	if err != nil {
		return nil, err
	}
	spaces, registered, unknown, err := s.spaces(ctx, own, met)
	if err != nil {
		return nil, err
	}
	heads := make([]Head, len(spaces)+1)
	heads[0] = own
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(lookups)
	for i, space := range spaces {
		g.Go(func() (err error) {
			heads[i+1], err = s.head(ctx, space)
			heads[i+1].Met = i >= registered
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return heads, unknown
}

// spaces returns the spaces other than the own one; those of the registry come first.
func (s *Set) spaces(ctx context.Context, own Head, met []Space) (all []Space, registered int, unknown, err error) {
	switch {
	case s.o.Registry != nil:
		state, err := s.Open(ctx, own.Space, own.Commit)
		if err != nil {
			return nil, 0, nil, err
		}
		if all, err = s.o.Registry(ctx, state); err != nil {
			return nil, 0, nil, fmt.Errorf("read which spaces the drive has: %w", err)
		}
	case own.Version > object.Version1:
		unknown = ErrUnknown
	}
	registered = len(all)
	at := map[crypto.PointerID]int{s.o.Own.ID: -1}
	for i := range all {
		at[all[i].ID] = i
	}
	for _, space := range met {
		i, known := at[space.ID]
		switch {
		case !known:
			at[space.ID] = len(all)
			all = append(all, space)
		case i >= 0 && all[i].Stage == Gone:
			all[i].Stage = space.Stage
			if all[i].Final != (object.Ref{}) {
				all[i].Stage = Retired
			}
		}
	}
	return all, registered, unknown, nil
}

// head loads the head of a space.
func (s *Set) head(ctx context.Context, space Space) (Head, error) {
	if s.o.Place != nil {
		space.Place = s.o.Place(space.ID)
	}
	h := Head{Space: space}
	switch space.Stage {
	case Gone:
		return h, nil
	case Retired:
		h.Version, h.Commit = object.Version2, space.Final
		return h, nil
	}
	p, err := s.o.Pointers.Load(ctx, space.ID)
	if err == nil {
		h, err = s.headAt(space, p)
	}
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return h, ctx.Err()
	case errors.Is(err, remote.ErrUnavailable):
		return h, fmt.Errorf("load the newest state of %s: %w", s.name(space), err)
	case space.Stage == Making && errors.Is(err, remote.ErrNotFound):
	case errors.Is(err, crypto.ErrOpen), errors.Is(err, crypto.ErrFormat), errors.Is(err, crypto.ErrSignature):
		h.Err = fmt.Errorf("load the newest state of %s: %w: %w", s.name(space), vfs.ErrCorrupt, err)
	default:
		h.Err = fmt.Errorf("load the newest state of %s: %w", s.name(space), err)
	}
	return h, nil
}

// name returns what errors call a space.
func (s *Set) name(space Space) string {
	if space.ID == s.o.Own.ID {
		return "the drive"
	}
	return space.String()
}

// headAt opens a pointer of a space. Errors: crypto.ErrOpen, crypto.ErrFormat, crypto.ErrSignature.
func (s *Set) headAt(space Space, p crypto.Pointer) (Head, error) {
	h := Head{Space: space, Pointer: p}
	if err := p.Verify(); err != nil { // cheap, and then no wrapper has to be trusted
		return h, err
	}
	value, err := crypto.OpenValue(space.Read, p)
	if err != nil {
		return h, err
	}
	head, err := object.DecodeHead(value)
	h.Version, h.Commit = head.Version, head.Commit
	return h, err
}

// Open opens the newest commit of a space. Its author must be the owner, or an account with write access in its roster.
// Errors: vfs.ErrUnavailable, vfs.ErrCorrupt.
func (s *Set) Open(ctx context.Context, space Space, at object.Ref) (State, error) {
	state, err := s.Earlier(ctx, at)
	if err != nil {
		return state, err
	}
	_, err = authors.Check(ctx, s.o.Nodes, space.Capability, &state.Commit)
	if breach, ok := errors.AsType[*authors.BreachError](err); ok {
		err = &vfs.Error{Op: "open the newest state of", Path: "/", Kind: vfs.ErrCorrupt, Err: breach}
	}
	return state, err
}

// Earlier opens a commit that a later one names as its parent. Errors: vfs.ErrUnavailable, vfs.ErrCorrupt.
func (s *Set) Earlier(ctx context.Context, at object.Ref) (State, error) {
	c, hash, err := s.o.Nodes.Commit(ctx, at)
	return State{Ref: at, Hash: hash, Commit: c, Tree: tree.New(s.o.Nodes, c.Root)}, err
}

// Mounted returns the space that a mount refers to, and whether it is one of this owner's at this store. These spaces
// do not lead to blobs of other owners or at other stores.
func (s *Set) Mounted(t *object.Target) (Space, bool) {
	c := t.Capability
	elsewhere := c.Store != s.o.Own.Store && c.Store != (crypto.StoreID{}) && s.o.Own.Store != (crypto.StoreID{})
	return Space{Capability: c, Stage: Live}, c.Owner == s.o.Own.Owner && !elsewhere
}
