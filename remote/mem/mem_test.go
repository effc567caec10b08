package mem_test

import (
	"crypto/rand"
	"errors"
	"testing"

	"postern/crypto"
	"postern/remote"
	"postern/remote/mem"
	"postern/remote/remotetest"
)

func TestContract(t *testing.T) {
	remotetest.RunHandles(t, func(*testing.T) func() (remote.Store, error) {
		s := mem.New().LimitLetters(8)
		return func() (remote.Store, error) { return s.Another(), nil }
	})
}

func TestEnds(t *testing.T) {
	if err := remotetest.Ends(t.Context(), mem.New(), rand.Reader); err != nil {
		t.Error(err)
	}
}

func TestCapacity(t *testing.T) {
	ctx := t.Context()
	s := mem.NewSized(10_000)
	put := func(fill byte, size int) (crypto.BlobName, error) {
		data := make([]byte, size)
		data[0] = fill
		name := crypto.NameOf(data)
		return name, s.Put(ctx, name, remote.BytesBody(data))
	}
	first, err := put(1, 6000)
	if err != nil {
		t.Fatal(err)
	}
	over, err := put(2, 4001)
	if !errors.Is(err, remote.ErrFull) {
		t.Fatalf("a blob that doesn't fit: %v", err)
	}
	if _, err := s.Stat(ctx, over); !errors.Is(err, remote.ErrNotFound) {
		t.Fatalf("a blob that was refused: %v", err)
	}
	if _, err := put(1, 6000); err != nil {
		t.Fatalf("a blob that is there needs no room: %v", err)
	}
	if _, err := put(3, 4000); err != nil {
		t.Fatalf("a blob that just fits: %v", err)
	}
	if space, err := s.Space(ctx); err != nil || space != (remote.Space{Used: 10_000, Free: 0}) {
		t.Fatalf("space when full: %+v, %v", space, err)
	}
	if err := s.Delete(ctx, first); err != nil {
		t.Fatal(err)
	}
	if space, err := s.Space(ctx); err != nil || space != (remote.Space{Used: 4000, Free: 6000}) {
		t.Fatalf("space after delete: %+v, %v", space, err)
	}
	if _, err := put(2, 4001); err != nil {
		t.Fatalf("a blob once there is room again: %v", err)
	}
}

func TestAnotherOutlivesClose(t *testing.T) {
	ctx := t.Context()
	s := mem.New()
	data := []byte("sealed")
	name := crypto.NameOf(data)
	if err := s.Put(ctx, name, remote.BytesBody(data)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Another().Get(ctx, name); err != nil {
		t.Fatalf("another handle after the first was closed: %v", err)
	}
}
