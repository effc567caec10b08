package crypto

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/zeebo/blake3"
)

// seeded returns endless reproducible bytes.
func seeded(seed string) io.Reader { return rand.NewChaCha8(blake3.Sum256([]byte(seed))) }

// fresh returns a reproducible key.
func fresh[K ~[32]byte](t testing.TB, seed string) K {
	t.Helper()
	k, err := Random[K](seeded(seed))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// someBytes returns n reproducible bytes.
func someBytes(t testing.TB, seed string, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	if _, err := io.ReadFull(seeded(seed), b); err != nil {
		t.Fatal(err)
	}
	return b
}

// unhex reads hexadecimal digits.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return b
}

// wantKind fails the test unless err is of the kind.
func wantKind(t testing.TB, err, kind error, what string) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("%s: error %v, want %v", what, err, kind)
	}
}

// eachFlip calls f with a copy of b for each of its bits, that bit flipped.
func eachFlip(b []byte, f func(bit int, damaged []byte)) {
	for bit := range 8 * len(b) {
		damaged := bytes.Clone(b)
		damaged[bit/8] ^= 1 << (bit % 8)
		f(bit, damaged)
	}
}

// eachLength calls f with every truncation of b, and with b and one byte more.
func eachLength(b []byte, f func(damaged []byte)) {
	for n := range b {
		f(bytes.Clone(b[:n]))
	}
	f(append(bytes.Clone(b), 0))
}

// errNoRandomness is the error of brokenRandom.
var errNoRandomness = errors.New("the source is broken")

// brokenRandom returns left bytes, then fails.
type brokenRandom struct{ left int }

func (r *brokenRandom) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, errNoRandomness
	}
	n := min(len(p), r.left)
	r.left -= n
	return n, nil
}
