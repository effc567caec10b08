package crypto

import (
	"encoding/binary"
	"fmt"
)

// FrameOverhead is how much longer a sealed frame is than its plain bytes.
const FrameOverhead = TagSize

// SealFrame appends frame n of a local file to dst. ad is authenticated, not sealed, and must be known to open the
// frame.
//
// A number must be used only once under a key, even if writing the frame failed or the frame was cut off later: two
// frames with the same number and key reveal their difference. After such a failure the file must stay as it is, and a
// new file with a fresh salt must begin.
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
