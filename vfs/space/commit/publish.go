package commit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/vfs/object"
	"postern/vfs/space/base"
	"postern/vfs/space/local"
	"postern/vfs/tree"
)

// races is how often Publish begins anew when another device of the account was faster.
const races = 3

// PublishOptions of Publish. All are needed.
type PublishOptions struct {
	Device local.Device
	Rand   io.Reader
	Now    func() time.Time
}

// Edit returns the next tree of a space, with its folder files and, if it keeps one, its history. Trees are of nodes.
// It may be called again.
type Edit func(ctx context.Context, nodes *tree.Nodes, whole tree.Tree) (tree.Tree, error)

// Publish makes the next commit of a space of this account without opening it, or the first one. If edit changes
// nothing, it writes nothing. Errors: those of the remote and of edit; remote.ErrConflict when other devices are always
// faster.
func Publish(ctx context.Context, store remote.Store, keys base.Keys, o PublishOptions, edit Edit) (base.State, error) {
	for try := 1; ; try++ {
		s, err := publish(ctx, store, keys, o, edit)
		if try == races || !errors.Is(err, remote.ErrConflict) {
			return s, err
		}
	}
}

func publish(ctx context.Context, store remote.Store, keys base.Keys, o PublishOptions, edit Edit) (base.State, error) {
	nodes := tree.NewNodes(store, tree.Options{})
	on, err := base.Load(ctx, store, nodes, keys.Capability)
	there := err == nil
	if errors.Is(err, base.ErrNoSpace) {
		on, err = empty(ctx, nodes, o)
	}
	if err != nil {
		return base.State{}, err
	}
	whole, err := edit(ctx, nodes, on.Whole)
	if err != nil || there && whole == on.Whole {
		return on, err
	}
	s := &sealer{
		keys: keys, device: o.Device.Name, now: o.Now, rand: o.Rand,
		uploads: &Uploads{Store: store, Lane: local.NewLane(store.Roles().Pace)},
		applied: func(*object.Commit, uint64) []object.Applied { return nil },
		warn:    func(string, ...any) {},
	}
	a := &attempt{put: map[crypto.BlobName]int64{}}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sending := s.uploads.begin(ctx)
	if err := s.pack(ctx, a, on, whole, sending); err != nil {
		cancel()
		return base.State{}, errors.Join(err, sending.wait())
	}
	if err := sending.wait(); err != nil {
		return base.State{}, err
	}
	var old crypto.PointerHash
	if there {
		old = on.Pointer.Hash()
	}
	if err := store.Swap(ctx, old, a.next.Pointer); err != nil {
		return base.State{}, fmt.Errorf("publish: %w", err)
	}
	return a.next, nil
}

// empty returns the state before the first commit: an empty folder of files, and no history.
func empty(ctx context.Context, nodes *tree.Nodes, o PublishOptions) (base.State, error) {
	version, err := base.NewVersion(o.Rand)
	if err != nil {
		return base.State{}, err
	}
	now := o.Now().UnixNano()
	whole := tree.New(nodes, object.Entry{Created: now, Modified: now})
	files := tree.New(nodes, object.Entry{Version: version, Created: now, Modified: now})
	whole, err = whole.Graft(ctx, base.FilesPath, files)
	return base.State{Version: object.Version2, Whole: whole, Files: files}, err
}
