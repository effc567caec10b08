package crypto

import (
	"fmt"
	"io"
)

// Random reads a fresh key, or another type of 32 bytes, from rand. The error is rand's; it also fails if rand ends
// early.
func Random[K ~[32]byte](rand io.Reader) (K, error) {
	var k [32]byte
	if _, err := io.ReadFull(rand, k[:]); err != nil {
		return K{}, fmt.Errorf("no randomness: %w", err)
	}
	return K(k), nil
}
