package crypto

import (
	"fmt"
	"io"
	"math/bits"
	"slices"
)

// PaddedSize returns the length to which a blob of n bytes is padded: at least MinBlobSize, then the next size of
// Padmé (Nikitin, Barman, Lueks, Underwood, Hubaux, Ford, “Reducing Metadata Leakage from Encrypted Files and
// Communication with PURBs”, 2019), and never beyond MaxBlobSize, so that a full chunk needs no padding. A length
// beyond that is returned unchanged.
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

// paddingStep returns the power of two to whose multiples sizes near n are rounded up. n is more than MinBlobSize.
func paddingStep(n int) int {
	exponent := bits.Len(uint(n)) - 1    // floor(log2 n)
	mantissa := bits.Len(uint(exponent)) // bits needed to write the exponent
	return 1 << (exponent - mantissa)    // this many low bits become zero
}

// Pad appends random bytes to a blob, up to PaddedSize. Zeros would show the exact size. It fails for bytes longer than
// any blob, and if rand fails.
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
