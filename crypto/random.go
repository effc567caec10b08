package crypto

import (
	"fmt"
	"io"
)

// Random takes a fresh key, or anything else of 32 bytes, from rand. The error is rand's; a reader that ends early is one.
func Random[K ~[32]byte](rand io.Reader) (K, error) {
	var k [32]byte
	if _, err := io.ReadFull(rand, k[:]); err != nil {
		return K{}, fmt.Errorf("no randomness: %w", err)
	}
	return K(k), nil
}
