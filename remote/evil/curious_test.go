package evil_test

import (
	"crypto/rand"
	mrand "math/rand/v2"
	"slices"
	"testing"

	"postern/crypto"
	"postern/remote"
	"postern/remote/evil"
	"postern/remote/mem"
	"postern/remote/remotetest"
)

func TestCurious(t *testing.T) {
	remotetest.Run(t, func(*testing.T) remote.Store { return evil.NewCurious(mem.New()) })
}

// TestOverlaps plants a run of every length and alignment in random blobs: it finds all runs of 32 bytes or more, and
// nothing else.
func TestOverlaps(t *testing.T) {
	random := mrand.New(mrand.NewPCG(1, 2))
	for try := range 3000 {
		blobs := map[crypto.BlobName][]byte{}
		var names []crypto.BlobName
		for range 4 {
			data := make([]byte, 200+random.IntN(400))
			rand.Read(data)
			name := crypto.NameOf(data)
			blobs[name], names = data, append(names, name)
		}
		if found := evil.Overlaps(blobs); found != nil {
			t.Fatalf("in random bytes: %v", found)
		}
		n := 16 + random.IntN(64)
		a, b := names[random.IntN(4)], names[random.IntN(4)]
		i, j := random.IntN(len(blobs[a])-n), random.IntN(len(blobs[b])-n)
		copy(blobs[b][j:j+n], slices.Clone(blobs[a][i:i+n]))
		if a == b && max(i-j, j-i) < n {
			continue // the copy has overwritten part of the original
		}
		found := evil.Overlaps(blobs)
		if n >= evil.LeastOverlap && (len(found) == 0 || found[0].Len < n) {
			t.Fatalf("try %d: a run of %d bytes at %d and %d was not found: %v", try, n, i, j, found)
		}
		if n < evil.LeastOverlap-8 && len(found) > 0 { // its neighbours may be equal by chance
			t.Fatalf("try %d: a run of %d bytes was found: %v", try, n, found)
		}
	}
}
