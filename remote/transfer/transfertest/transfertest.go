// Package transfertest makes the blobs, pointers and stores that the tests of packages transfer and bundle share.
package transfertest

import (
	"context"
	"math/rand/v2"
	"testing"

	"postern/crypto"
	"postern/remote"
	"postern/remote/mem"
)

// Key is the writer key of the pointer.
var Key = crypto.NewWriterKey([32]byte{1})

// State returns a state of the pointer; states of one sequence differ by variant.
func State(seq uint64, variant byte) crypto.Pointer {
	return Key.Sign(seq, crypto.PointerValue{variant})
}

// Blob returns n bytes that follow from seed, and their name.
func Blob(seed uint64, n int) (crypto.BlobName, []byte) {
	data := make([]byte, n)
	r := rand.New(rand.NewPCG(seed, 1))
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	return crypto.NameOf(data), data
}

// Store returns a store with n blobs: the first has 100 bytes, each further one a byte more.
func Store(t testing.TB, n uint64) (*mem.Store, []crypto.BlobName) {
	t.Helper()
	s := mem.New()
	var names []crypto.BlobName
	for i := range n {
		name, data := Blob(i, 100+int(i))
		if err := s.Put(context.Background(), name, remote.BytesBody(data)); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	return s, names
}

// Letter returns a letter with a stamp.
func Letter() (letter crypto.Letter) {
	_, _ = rand.NewChaCha8([32]byte{}).Read(letter[:crypto.LetterSize-8])
	copy(letter[crypto.LetterSize-3:], []byte{0x02, 0x81, 0x68})
	return letter
}
