package space_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"postern/crypto"
	"postern/remote"
	"postern/remote/mem"
	"postern/vfs/object"
	"postern/vfs/space"
	"postern/vfs/tree"
)

// ledger notes what is put through it, and fails swaps on request.
type ledger struct {
	remote.Store
	mu   sync.Mutex
	put  []crypto.BlobName
	fail bool // swaps do not reach the store
}

func (l *ledger) Put(ctx context.Context, name crypto.BlobName, body remote.Body) error {
	l.mu.Lock()
	l.put = append(l.put, name)
	l.mu.Unlock()
	return l.Store.Put(ctx, name, body)
}

func (l *ledger) Swap(ctx context.Context, old crypto.PointerHash, next crypto.Pointer) error {
	l.mu.Lock()
	fail := l.fail
	l.mu.Unlock()
	if fail {
		return remote.Fail(remote.OpSwap, next.ID, remote.ErrUnavailable, errors.New("the line is down"))
	}
	return l.Store.Swap(ctx, old, next)
}

// needed returns the blobs that the newest state leads to, and those of the commits before it.
func (s *shared) needed() map[crypto.BlobName]bool {
	s.t.Helper()
	var mu sync.Mutex
	blobs := map[crypto.BlobName]bool{}
	state := s.state()
	err := tree.NewWalker(0).Walk(s.t.Context(), state.Whole, func(_ context.Context, v tree.Visit) error {
		mu.Lock()
		defer mu.Unlock()
		if name, _, ok := v.Place(); ok {
			blobs[name] = true
		}
		return v.Err
	})
	nodes := tree.NewNodes(s.store, tree.Options{})
	at, c := state.Ref, state.Commit
	for err == nil {
		blobs[at.Blob] = true
		if c.Parent == (object.Parent{}) {
			return blobs
		}
		at = c.Parent.Commit
		c, _, err = nodes.Commit(s.t.Context(), at)
	}
	s.t.Fatal(err)
	return nil
}

// TestLeftovers checks that a writer deletes what it has put in the space of another owner for commits that did not
// land: after a lost race, and after a crash in the middle of a commit. What landed stays.
func TestLeftovers(t *testing.T) {
	s := share(t, mem.New(), 1, nil)
	alice := s.as(0)
	defer alice.close(t)
	line := &ledger{Store: s.store}
	open := func() person {
		own := s.homes[1].open()
		sp, err := own.Home().Open(t.Context(), space.Options{Store: line, Keys: s.keys(1)})
		if err != nil {
			t.Fatal(err)
		}
		return person{sp, own}
	}
	bob := open()
	clean := func(after string) {
		t.Helper()
		needed := s.needed()
		for _, name := range line.put {
			_, err := s.store.Stat(t.Context(), name)
			switch {
			case needed[name] && err != nil:
				t.Errorf("%s, a needed blob is gone: %v", after, err)
			case !needed[name] && !errors.Is(err, remote.ErrNotFound):
				t.Errorf("%s, a blob of no commit is there: %v", after, err)
			}
		}
	}
	write := func(p person, path string) {
		t.Helper()
		put(t, p, path, []byte(path))
		flush(t, p.Space)
	}
	write(bob, "/first")
	write(alice, "/race")
	write(bob, "/lost") // and won in the second attempt
	write(bob, "/next")
	clean("after a race")
	if len(line.put) < 4 {
		t.Fatal("there was no race")
	}

	line.fail = true
	put(t, bob, "/crash", []byte("crash"))
	ctx, cancel := context.WithCancel(t.Context())
	before := len(line.put)
	go func() {
		for {
			line.mu.Lock()
			done := len(line.put) > before
			line.mu.Unlock()
			if done || ctx.Err() != nil {
				cancel()
				return
			}
		}
	}()
	_ = bob.Flush(ctx)
	cancel()
	bob.close(t)
	line.fail = false
	write(alice, "/meanwhile")
	bob = open()
	defer func() { bob.close(t) }()
	flush(t, bob.Space)
	write(bob, "/after")
	clean("after a crash")
	alice.look(t)
	if all := listing(t, alice, "/"); len(all) != 7 {
		t.Errorf("%v", all)
	}
}
