package crypto

import (
	"encoding/binary"
	"fmt"
	"io"
)

// The layout of a pointer's value: a random salt, then the sealed bytes. The plain bytes are a length, that many bytes,
// and zeros.
const (
	valueSaltSize   = 32
	valueLengthSize = 2
	valuePlainSize  = PointerValueSize - valueSaltSize - TagSize

	// MaxValue is how many bytes a pointer can hold.
	MaxValue = valuePlainSize - valueLengthSize
)

// SealValue seals up to MaxValue bytes for the state seq of pointer id, and for no other. Each value has a key of its
// own, derived from k and a random salt. It fails if plain is too long, and if rand fails.
func SealValue(k ReadKey, id PointerID, seq uint64, plain []byte, rand io.Reader) (PointerValue, error) {
	if len(plain) > MaxValue {
		return PointerValue{}, fmt.Errorf("a pointer can't hold %d bytes, %d at most", len(plain), MaxValue)
	}
	salt, err := Random[[valueSaltSize]byte](rand)
	if err != nil {
		return PointerValue{}, err
	}
	var padded [valuePlainSize]byte
	binary.BigEndian.PutUint16(padded[:], uint16(len(plain)))
	copy(padded[valueLengthSize:], plain)
	v := append(make([]byte, 0, PointerValueSize), salt[:]...)
	v = sealOnce(v, derive(k, salt[:], labelValueKey), padded[:], valueAD(id, seq))
	return PointerValue(v), nil
}

// OpenValue returns the bytes that a pointer holds. It does not verify the signature. The error is ErrOpen, or
// ErrFormat when the value is authentic but not what this format writes.
func OpenValue(k ReadKey, p Pointer) ([]byte, error) {
	salt, sealed := p.Value[:valueSaltSize], p.Value[valueSaltSize:]
	padded, err := openOnce(nil, derive(k, salt, labelValueKey), sealed, valueAD(p.ID, p.Seq))
	if err != nil {
		return nil, fmt.Errorf("value of pointer %v, sequence %d: %w", p.ID, p.Seq, err)
	}
	return unpadValue(padded)
}

func unpadValue(padded []byte) ([]byte, error) {
	n, rest := int(binary.BigEndian.Uint16(padded)), padded[valueLengthSize:]
	if n > len(rest) {
		return nil, fmt.Errorf("pointer value: %w: a length of %d", ErrFormat, n)
	}
	if !isZero(rest[n:]) {
		return nil, fmt.Errorf("pointer value: %w: its padding is not zero", ErrFormat)
	}
	return rest[:n:n], nil
}

// valueAD binds a value to its place: another pointer or another sequence number does not open it.
func valueAD(id PointerID, seq uint64) []byte {
	ad := append([]byte(labelValue), 0)
	ad = append(ad, id[:]...)
	return binary.BigEndian.AppendUint64(ad, seq)
}
