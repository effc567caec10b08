package space_test

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/mem"
	"postern/vfs/gc"
)

// forgetful is a remote that, while armed, loses the packs of a repacking right before the commit, at the next lookup.
type forgetful struct {
	remote.Store
	mu    sync.Mutex
	armed bool
	packs map[crypto.BlobName]bool // put while armed; true: also read back, as a collection does
	lost  int
}

func (f *forgetful) Put(ctx context.Context, name crypto.BlobName, body remote.Body) error {
	f.mu.Lock()
	if f.armed {
		f.packs[name] = false
	}
	f.mu.Unlock()
	return f.Store.Put(ctx, name, body)
}

func (f *forgetful) Get(ctx context.Context, name crypto.BlobName) ([]byte, error) {
	f.mu.Lock()
	if _, fresh := f.packs[name]; fresh {
		f.packs[name] = true
	}
	f.mu.Unlock()
	return f.Store.Get(ctx, name)
}

func (f *forgetful) Stat(ctx context.Context, name crypto.BlobName) (int64, error) {
	f.mu.Lock()
	for pack, moved := range f.packs {
		if moved {
			f.lost++
			delete(f.packs, pack)
			if err := f.Store.Delete(ctx, pack); err != nil {
				f.mu.Unlock()
				return 0, err
			}
		}
	}
	f.mu.Unlock()
	return f.Store.Stat(ctx, name)
}

func (f *forgetful) arm(armed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed, f.packs = armed, map[crypto.BlobName]bool{}
}

// TestMovedPacksAreThere checks that rewritten packs are looked up before the pointer moves, and that the old ones stay
// if a new one is missing.
func TestMovedPacksAreThere(t *testing.T) {
	store, clock := &forgetful{Store: mem.New()}, newDial()
	h := newHomeAt(t, store, clock.now())
	h.options.Now, h.options.Deadlines.Commit = clock.now, time.Millisecond
	s := h.open()
	want := map[string][]byte{}
	for i := range 100 {
		path := fmt.Sprintf("/%02d", i)
		want[path] = noise(uint64(i), 8000)
		put(t, s, path, want[path])
	}
	flush(t, s)
	for path := range want {
		if path[2] != '5' {
			delete(want, path)
			if err := s.Remove(t.Context(), path, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	flush(t, s)
	clock.pass(4 * month)
	put(t, s, "/last", []byte("last"))
	want["/last"] = []byte("last")
	flush(t, s)
	store.arm(true)
	failed := 0
	for range 3 {
		clock.pass(time.Second)
		if _, err := s.Keeper().Collect(t.Context(), gc.Options{Grace: -1}); err != nil {
			if !remote.OfKind(err, remote.ErrUnavailable) {
				t.Error(err)
			}
			failed++
		}
	}
	if store.lost == 0 || failed == 0 {
		t.Errorf("%d packs were lost, and %d collections failed over it", store.lost, failed)
	}
	store.arm(false)
	other := h.device(2, "phone")
	o := other.open()
	defer other.close(o)
	for path, b := range want {
		if got := get(t, o, path); !bytes.Equal(got, b) {
			t.Errorf("%s: %d bytes instead of %d", path, len(got), len(b))
		}
	}
	clock.pass(time.Second)
	if r, err := s.Keeper().Collect(t.Context(), gc.Options{Grace: -1}); err != nil || r.Repacked.Blobs == 0 {
		t.Errorf("afterwards: %+v, %v", r, err)
	}
	h.close(s)
}
