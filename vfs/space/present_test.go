package space_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"postern/crypto"
	"postern/remote"
	"postern/remote/disk"
	"postern/remote/verify"
)

// spoiling is a remote on a disk that changes the first large blob right after it has accepted it.
type spoiling struct {
	remote.Store
	spoil func(name crypto.BlobName)
	once  sync.Once
}

func (s *spoiling) Put(ctx context.Context, name crypto.BlobName, body remote.Body) error {
	err := s.Store.Put(ctx, name, body)
	if err == nil && body.Size() > 1<<20 {
		s.once.Do(func() { s.spoil(name) })
	}
	return err
}

// TestCommitNeedsItsBlobs checks that a blob that the remote loses or truncates before the pointer moves is put again
// from staging. Staged files must not share their bytes with the store, or there would be nothing left to put.
func TestCommitNeedsItsBlobs(t *testing.T) {
	for what, spoil := range map[string]func(path string) error{
		"truncated": func(path string) error { return os.Truncate(path, 100) },
		"emptied":   func(path string) error { return os.Truncate(path, 0) },
		"removed":   os.Remove,
	} {
		t.Run(what, func(t *testing.T) {
			// The store lies on the disk of the home, where files can be linked.
			top := t.TempDir()
			inner, err := disk.Open(filepath.Join(top, "store"), disk.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer inner.Close()
			store := &spoiling{Store: inner, spoil: func(name crypto.BlobName) {
				if err := spoil(filepath.Join(top, "store", "blobs", name.String()[:2], name.String())); err != nil {
					t.Error(err)
				}
			}}
			h := newHome(t, verify.New(store, &verify.MemoryPins{}))
			h.options.Dir = filepath.Join(top, "home")
			if err := os.Mkdir(h.options.Dir, 0o700); err != nil {
				t.Fatal(err)
			}
			s := h.open()
			want := noise(1, 3<<20)
			put(t, s, "/large", want)
			flush(t, s)
			h.close(s)
			other := h.device(2, "phone")
			s = other.open()
			defer other.close(s)
			if got := get(t, s, "/large"); !bytes.Equal(got, want) {
				t.Errorf("the other device reads %d bytes that were not written", len(got))
			}
		})
	}
}

// TestOwnStoreIsLinked checks that a store beside the home, without other writers, gets staged files as hard links.
func TestOwnStoreIsLinked(t *testing.T) {
	top := t.TempDir()
	inner, err := disk.Open(filepath.Join(top, "store"), disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	for _, own := range []bool{false, true} {
		linked := make(chan bool, 1)
		store := &spoiling{Store: inner, spoil: func(name crypto.BlobName) {
			staged, err := os.Stat(filepath.Join(top, "home", "staging", name.String()))
			if err != nil {
				t.Error(err)
			}
			stored, err := os.Stat(filepath.Join(top, "store", "blobs", name.String()[:2], name.String()))
			if err != nil {
				t.Error(err)
			}
			linked <- os.SameFile(staged, stored)
		}}
		h := newHome(t, verify.New(store, &verify.MemoryPins{}))
		h.options.Dir, h.options.Own = filepath.Join(top, "home"), own
		if err := os.MkdirAll(h.options.Dir, 0o700); err != nil {
			t.Fatal(err)
		}
		s := h.open()
		put(t, s, "/large", noise(1, 3<<20))
		flush(t, s)
		h.close(s)
		if got := <-linked; got != own {
			t.Errorf("own %v: linked %v", own, got)
		}
		if err := os.RemoveAll(h.options.Dir); err != nil {
			t.Fatal(err)
		}
	}
}
