package crypto

import (
	"fmt"
	"io"
	"math/bits"
	"slices"
)

// PaddedSize returns the length of the blob that n bytes become: at least MinBlobSize, then the next size of Padmé (Nikitin,
// Barman, Lueks, Underwood, Hubaux, Ford, “Reducing Metadata Leakage from Encrypted Files and Communication with PURBs”,
// 2019), and never beyond MaxBlobSize, so that a full chunk needs no padding. What is longer than any blob stays as it is.
func PaddedSize(n int) int {
	switch {
	case n <= MinBlobSize:
		return MinBlobSize
	case n >= MaxBlobSize:
		return n
	}
	exponent := bits.Len(uint(n)) - 1    // floor(log2 n)
	mantissa := bits.Len(uint(exponent)) // bits needed to write the exponent
	mask := 1<<(exponent-mantissa) - 1   // so many low bits become zero
	return min((n+mask)&^mask, MaxBlobSize)
}

// Pad appends random bytes to a blob, up to PaddedSize. Zeros would show the exact size. It fails for what is longer than any
// blob, and when rand does.
func Pad(blob []byte, rand io.Reader) ([]byte, error) {
	if len(blob) > MaxBlobSize {
		return nil, fmt.Errorf("a blob of %d bytes is longer than %d", len(blob), MaxBlobSize)
	}
	n := len(blob)
	blob = slices.Grow(blob, PaddedSize(n)-n)[:PaddedSize(n)]
	if _, err := io.ReadFull(rand, blob[n:]); err != nil {
		return nil, fmt.Errorf("no randomness: %w", err)
	}
	return blob, nil
}
