package staging

import (
	"errors"
	"testing"

	"postern/crypto"
	"postern/vfs"
)

// TestShare checks that a user with a share fills that and no more, that shares of a share add up, and that everything
// is given back.
func TestShare(t *testing.T) {
	const limit = 16 * crypto.MaxBlobSize
	a := open(t, Options{Limit: limit, Patience: -1, KeepFree: -1})
	guests := a.Share(nil, 2)
	parts := []*Share{a.Share(guests, 2), a.Share(guests, 2), a.Share(guests, 2)}
	free := func(want ...int) {
		t.Helper()
		for i, s := range append([]*Share{nil, guests}, parts...) {
			room := a.room
			if s != nil {
				room = s.room
			}
			if used, _ := room.figures(); int(used) != want[i] {
				t.Errorf("share %d has %d bytes used instead of %d", i, used, want[i])
			}
		}
	}
	size := crypto.MaxBlobSize
	var batches []*Batch
	fill := func(s *Share, want int) {
		t.Helper()
		for n := 0; ; n++ {
			b := a.BeginIn(s)
			_, err := b.Add(t.Context(), blob(100*len(batches)+1, size))
			if err == nil {
				err = b.Seal(t.Context())
			}
			if errors.Is(err, vfs.ErrFull) {
				b.Abort()
				if n != want {
					t.Errorf("there was room for %d blobs instead of %d", n, want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			batches = append(batches, b)
		}
	}
	fill(parts[0], 4)
	fill(parts[1], 4)
	fill(parts[2], 0)
	free(8*size, 8*size, 4*size, 4*size, 0)
	fill(nil, 8)
	for i, b := range batches {
		if i%2 == 0 {
			b.Abort()
			continue
		}
		b.Done()
		b.Abort()
		if give := b.Give(); give != nil {
			give()
			give()
		}
		a.Release(b.Names()...)
	}
	free(0, 0, 0, 0, 0)
}
