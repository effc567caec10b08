package crypto

import (
	"bytes"
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestFrameRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := FrameKey(rapid.SliceOfN(rapid.Byte(), KeySize, KeySize).Draw(t, "key"))
		n := rapid.Uint64().Draw(t, "n")
		ad := rapid.SliceOf(rapid.Byte()).Draw(t, "ad")
		plain := rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
		sealed := SealFrame([]byte("header"), k, n, ad, plain)
		if len(sealed) != len("header")+len(plain)+FrameOverhead {
			t.Fatalf("%d bytes", len(sealed))
		}
		got, err := OpenFrame(k, n, ad, sealed[len("header"):])
		if err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("opened %x, error %v", got, err)
		}
	})
}

func TestFrameNoticesDamage(t *testing.T) {
	k, ad := fresh[FrameKey](t, "frame"), []byte("header")
	sealed := SealFrame(nil, k, 9, ad, []byte("an operation"))
	eachFlip(sealed, func(_ int, damaged []byte) {
		_, err := OpenFrame(k, 9, ad, damaged)
		wantKind(t, err, ErrOpen, "a flipped bit")
	})
	eachLength(sealed, func(damaged []byte) {
		_, err := OpenFrame(k, 9, ad, damaged)
		wantKind(t, err, ErrOpen, "another length")
	})
	eachFlip(ad, func(_ int, other []byte) {
		_, err := OpenFrame(k, 9, other, sealed)
		wantKind(t, err, ErrOpen, "another header")
	})
	eachLength(ad, func(other []byte) {
		_, err := OpenFrame(k, 9, other, sealed)
		wantKind(t, err, ErrOpen, "a header of another length")
	})
	for _, n := range []uint64{0, 8, 10, 9 << 8, 9 << 32, 9 << 56, math.MaxUint64} {
		_, err := OpenFrame(k, n, ad, sealed)
		wantKind(t, err, ErrOpen, "another number")
	}
}

func TestFrameNoncesDiffer(t *testing.T) {
	seen := make(map[[nonceSize]byte]uint64)
	for shift := range 64 {
		for _, n := range []uint64{1 << shift, 1<<shift - 1, 1<<shift + 1} {
			nonce := frameNonce(n)
			if other, ok := seen[nonce]; ok && other != n {
				t.Errorf("frames %d and %d have one nonce", n, other)
			}
			seen[nonce] = n
		}
	}
}
