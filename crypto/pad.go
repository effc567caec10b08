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
	step := paddingStep(n)
	return min((n+step-1)&^(step-1), MaxBlobSize)
}

// paddingStep returns the power of two that sizes near n, which is more than MinBlobSize, are rounded up to.
func paddingStep(n int) int {
	exponent := bits.Len(uint(n)) - 1    // floor(log2 n)
	mantissa := bits.Len(uint(exponent)) // bits needed to write the exponent
	return 1 << (exponent - mantissa)    // so many low bits become zero
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
