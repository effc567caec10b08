package crypto

import (
	"encoding/hex"
	"fmt"
)

// parseHex32 parses 64 lower-case hex digits. It rejects upper case: one value has one spelling.
func parseHex32(s string) ([32]byte, error) {
	var b [32]byte
	if len(s) != 2*len(b) {
		return b, fmt.Errorf("%w: %d characters instead of %d", ErrFormat, len(s), 2*len(b))
	}
	for i := range len(s) {
		if c := s[i]; c >= 'A' && c <= 'F' {
			return b, fmt.Errorf("%w: an upper-case digit", ErrFormat)
		}
	}
	if _, err := hex.Decode(b[:], []byte(s)); err != nil {
		return [32]byte{}, fmt.Errorf("%w: not hexadecimal", ErrFormat)
	}
	return b, nil
}

// unmarshalHex32 sets 32 bytes from 64 hex digits. On an error it leaves them unchanged.
func unmarshalHex32[T ~[32]byte](to *T, text []byte) error {
	b, err := parseHex32(string(text))
	if err == nil {
		*to = T(b)
	}
	return err
}
