package space_test

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/mem"
	"postern/vfs"
	"postern/vfs/space"
	"postern/vfs/space/base"
	"postern/vfs/tree"
)

// published counts the blobs that are put, and calls racing before each swap.
type published struct {
	remote.Store
	puts, swaps int
	racing      func()
}

func (c *published) Put(ctx context.Context, name crypto.BlobName, body remote.Body) error {
	c.puts++
	return c.Store.Put(ctx, name, body)
}

func (c *published) Swap(ctx context.Context, old crypto.PointerHash, next crypto.Pointer) error {
	c.swaps++
	if racing := c.racing; racing != nil {
		c.racing = nil
		racing()
	}
	return c.Store.Swap(ctx, old, next)
}

// mkdir returns an edit that makes a folder among the files, unless it is there.
func mkdir(name string) func(context.Context, *tree.Nodes, tree.Tree) (tree.Tree, error) {
	return func(ctx context.Context, _ *tree.Nodes, t tree.Tree) (tree.Tree, error) {
		next, _, err := tree.Apply(ctx, t, tree.Mkdir{Path: base.FilesPath + "/" + name, Version: vfs.Version{1},
			Time: time.Unix(1, 0)})
		if errors.Is(err, vfs.ErrExist) {
			return t, nil
		}
		return next, err
	}
}

// TestPublish: a space that is published again holds what the edits made, is not written when an edit changes nothing,
// and keeps what another device has published meanwhile. It keeps no history.
func TestPublish(t *testing.T) {
	store := &published{Store: mem.New()}
	h := newHome(t, mem.New())
	keys := listedKeys(h.account, 3)
	o := space.PublishOptions{Device: h.options.Device, Rand: rand.Reader, Now: time.Now}
	publish := func(edit func(context.Context, *tree.Nodes, tree.Tree) (tree.Tree, error)) space.State {
		t.Helper()
		s, err := space.Publish(t.Context(), store, keys, o, edit)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	publish(mkdir("a"))
	if store.puts != 1 || store.swaps != 1 {
		t.Errorf("the first took %d blobs and %d swaps", store.puts, store.swaps)
	}
	publish(mkdir("a"))
	if store.swaps != 1 {
		t.Errorf("it was written although nothing had changed")
	}
	store.racing = func() { publish(mkdir("b")) }
	last := publish(mkdir("c"))
	var names []string
	for e, err := range last.Whole.List(t.Context(), base.FilesPath) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, e.Info().Name)
	}
	if len(names) != 3 {
		t.Errorf("it holds %v", names)
	}
	if _, err := last.Whole.Lookup(t.Context(), base.HistoryPath); !errors.Is(err, vfs.ErrNotExist) {
		t.Errorf("its history: %v", err)
	}
}
