package crypto

import (
	"encoding/binary"
	"fmt"
)

// FrameOverhead is how much longer a sealed frame is than its plain bytes.
const FrameOverhead = TagSize

// SealFrame appends frame n of a local file to dst. ad is authenticated, not sealed, and must be known to whoever opens.
//
// A number is used once under a key, also when writing the frame failed or the frame was cut off later: two frames with one
// number and one key give away what they differ in. After either the file must be left as it is and another, with a fresh
// salt, begun.
func SealFrame(dst []byte, k FrameKey, n uint64, ad, plain []byte) []byte {
	nonce := frameNonce(n)
	return newAEAD(k).Seal(dst, nonce[:], plain, frameAD(ad))
}

// OpenFrame returns the plain bytes of frame n, in new memory. The error is ErrOpen.
func OpenFrame(k FrameKey, n uint64, ad, sealed []byte) ([]byte, error) {
	nonce := frameNonce(n)
	plain, err := newAEAD(k).Open(nil, nonce[:], sealed, frameAD(ad))
	if err != nil {
		return nil, fmt.Errorf("frame %d: %w", n, ErrOpen)
	}
	return plain, nil
}

func frameNonce(n uint64) (nonce [nonceSize]byte) {
	binary.BigEndian.PutUint64(nonce[nonceSize-8:], n)
	return nonce
}

func frameAD(ad []byte) []byte {
	return append(append([]byte(labelFrame), 0), ad...)
}
