package space

import (
	"context"
	"errors"
	"fmt"

	"postern/crypto"
	"postern/remote"
	"postern/vfs"
	"postern/vfs/layout"
	"postern/vfs/object"
	"postern/vfs/tree"
)

// Join brings in a state of the drive that came here past the remote, in a bundle, and that was committed on its own since the two were
// one: what both sides did is merged and committed, on top of what the remote shows. joined is false when all of it was here already. A
// device on the other side finds that commit to hold all of its own, and goes on from it. Errors: those of Missing and of a commit.
func (s *Space) Join(ctx context.Context, p crypto.Pointer) (joined bool, err error) {
	s.Retry() // the committer may be in the pause before another try
	err = s.committer.do(ctx, func(ctx context.Context) (err error) {
		joined, err = s.committer.join(ctx, p)
		return err
	})
	return joined, err
}

// Missing reports whether all that a pointer's state leads to is at the remote. Errors: remote.ErrRefused when it isn't; those of the remote.
func (s *Space) Missing(ctx context.Context, p crypto.Pointer) error {
	theirs, err := openBase(ctx, s.nodes, s.keys.Capability, p)
	if errors.Is(err, vfs.ErrCorrupt) {
		return remote.Fail("join", p.ID, remote.ErrRefused, err)
	}
	if err != nil {
		return err
	}
	known := base{whole: *s.committed.Load()}
	paths, err := s.needs(ctx, known, theirs.whole, nil)
	if err != nil {
		return err
	}
	lost, err := s.restore(ctx, paths)
	if err == nil && len(lost) > 0 {
		err = remote.Fail("join", p.ID, remote.ErrRefused, fmt.Errorf("%d blobs that it takes for granted are not there: import an earlier bundle first, or export since further back", len(lost)))
	}
	return err
}

func (c *committer) join(ctx context.Context, p crypto.Pointer) (bool, error) {
	if err := c.look(ctx); err != nil {
		return false, err
	}
	if err := c.s.Missing(ctx, p); err != nil {
		return false, err
	}
	theirs, err := openBase(ctx, c.s.nodes, c.s.keys.Capability, p)
	if err != nil {
		return false, err
	}
	if yes, sure, err := holds(ctx, c.s.nodes, c.base, theirs); err != nil || yes && sure {
		return false, err
	}
	on, files, err := c.s.join(ctx, c.base, theirs)
	if err != nil {
		return false, fmt.Errorf("merge what came: %w", err)
	}
	return true, c.supersede(ctx, c.base.pointer, on, files)
}

// supersede commits files on top of a state, in the place of what the remote shows. What is pending here is merged with that as with
// any other commit.
func (c *committer) supersede(ctx context.Context, shown crypto.Pointer, on base, files tree.Tree) error {
	c.s.puts.begin()
	a, err := c.s.seal(ctx, on, &head{tree: files}, nil)
	if err == nil {
		c.accepted = a.next.ref
		err = c.s.store.Swap(ctx, shown.Hash(), a.next.pointer)
	}
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	c.s.puts.landed()
	return c.look(ctx)
}

// goBack makes an older commit the newest again, in the place of one that is lost. What came after it is lost, too; what is pending is not.
func (s *Space) goBack(ctx context.Context, at object.Ref) error {
	return s.committer.do(ctx, func(ctx context.Context) error {
		shown, err := s.store.Load(ctx, s.keys.ID)
		if err != nil {
			return fmt.Errorf("load the drive's newest state: %w", err)
		}
		commit, hash, err := s.nodes.Commit(ctx, at)
		if err != nil {
			return err
		}
		on, err := base{pointer: shown, ref: at, hash: hash, commit: commit}.open(ctx, s.nodes)
		if err != nil {
			return err
		}
		return s.committer.supersede(ctx, shown, on, on.files)
	})
}

// join is what a commit of both is made on, and its files: ours, with the history of both, and a greater sequence than either.
func (s *Space) join(ctx context.Context, ours, theirs base) (on base, files tree.Tree, err error) {
	common, err := s.lastCommon(ctx, ours, theirs)
	if errors.Is(err, vfs.ErrNotExist) {
		common, err = keptCommon(ctx, ours.whole, theirs.whole)
	}
	if errors.Is(err, vfs.ErrNotExist) {
		common, err = tree.New(s.nodes, object.Entry{}), nil // then everything was made on both sides
	}
	if err != nil {
		return on, files, err
	}
	if files, err = s.merge(ctx, common, ours.files, theirs, record{Device: ours.commit.Device, Time: s.now().UnixNano()}); err != nil {
		return on, files, err
	}
	on = ours
	on.pointer.Seq = max(on.pointer.Seq, theirs.pointer.Seq)
	for _, a := range theirs.commit.Applied {
		if on.commit.Latest(a.Device).Seq < a.Seq {
			on.commit.Applied = object.WithApplied(on.commit.Applied, a.Device, a.Seq)
		}
	}
	for e, err := range theirs.whole.List(ctx, historyPath) {
		if err != nil {
			return on, files, err
		}
		at := historyPath + "/" + e.Info().Name
		if _, err := on.whole.Lookup(ctx, at); !errors.Is(err, vfs.ErrNotExist) {
			if err != nil {
				return on, files, err
			}
			continue // of two states of one second the one that is here stays
		}
		state, err := theirs.whole.Sub(ctx, at)
		if err == nil {
			on.whole, err = on.whole.Graft(ctx, at, state)
		}
		if err != nil {
			return on, files, err
		}
	}
	return on, files, nil
}

// lastCommon is the newest state that two come from: it goes from commit to parent on both sides until they meet. Error: vfs.ErrNotExist
// when they don't, when the way there was collected, or what they meet at.
func (s *Space) lastCommon(ctx context.Context, ours, theirs base) (tree.Tree, error) {
	at := [2]base{ours, theirs}
	seen := map[object.Ref]bool{}
	for ended := 0; ended < len(at); {
		ended = 0
		for i := range at {
			if at[i].ref == (object.Ref{}) {
				ended++
				continue
			}
			if seen[at[i].ref] {
				return shared(ctx, ours.whole, theirs.whole, layout.StateName(object.Time(at[i].commit.Time)))
			}
			seen[at[i].ref] = true
			up := at[i].commit.Parent
			at[i] = base{} // its commit and ref are all that is used here
			if up == (object.Parent{}) {
				continue
			}
			commit, hash, err := s.nodes.Commit(ctx, up.Commit)
			switch {
			case err == nil && hash == up.Hash:
				at[i] = base{ref: up.Commit, hash: hash, commit: commit}
			case err != nil && !errors.Is(err, vfs.ErrCorrupt):
				return tree.Tree{}, err
			}
		}
	}
	return tree.Tree{}, errNotShared
}

// keptCommon is a state that the histories of both sides keep, the newest by its time: both come from it, whatever became of the commits
// between. Error: vfs.ErrNotExist when there is none.
func keptCommon(ctx context.Context, ours, theirs tree.Tree) (tree.Tree, error) {
	states := map[string]object.Ref{}
	for e, err := range ours.List(ctx, historyPath) {
		if err != nil {
			return tree.Tree{}, err
		}
		o, _ := e.Object()
		states[o.Name] = o.Root
	}
	newest := ""
	for e, err := range theirs.List(ctx, historyPath) {
		if err != nil {
			return tree.Tree{}, err
		}
		o, _ := e.Object()
		if ref, both := states[o.Name]; both && ref == o.Root {
			newest = max(newest, o.Name)
		}
	}
	if newest == "" {
		return tree.Tree{}, errNotShared
	}
	return shared(ctx, ours, theirs, newest)
}

var errNotShared = &vfs.Error{Op: "look up", Path: historyPath, Kind: vfs.ErrNotExist}

// shared is a state of the history that both sides keep. That both have one of that second is not enough: the newest of a second replaces
// those before it, and may be of one side alone.
func shared(ctx context.Context, ours, theirs tree.Tree, name string) (tree.Tree, error) {
	var states [2]tree.Tree
	var roots [2]object.Ref
	for i, whole := range []tree.Tree{ours, theirs} {
		state, err := whole.Sub(ctx, historyPath+"/"+name)
		if err != nil {
			return tree.Tree{}, err
		}
		o, _ := state.Root().Object()
		states[i], roots[i] = state, o.Root
	}
	if roots[0] != roots[1] {
		return tree.Tree{}, errNotShared
	}
	return states[0], nil
}
