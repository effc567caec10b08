package crypto

import (
	"encoding/hex"
	"fmt"
	"hash"

	"github.com/zeebo/blake3"
)

// BlobName is the BLAKE3-256 hash of a whole blob, padding included. It is comparable; the zero value names no blob.
type BlobName [32]byte

// NameOf returns the name of a blob.
func NameOf(blob []byte) BlobName { return blake3.Sum256(blob) }

// NewNameHash returns a hash whose Sum(nil) is the name of the written bytes, for blobs that arrive in pieces.
func NewNameHash() hash.Hash { return blake3.New() }

// ParseBlobName parses the text of String: 64 lower-case hex digits. The error is ErrFormat.
func ParseBlobName(s string) (BlobName, error) {
	b, err := parseHex32(s)
	if err != nil {
		return BlobName{}, fmt.Errorf("blob name: %w", err)
	}
	return b, nil
}

// String returns the name as 64 lower-case hex digits.
func (n BlobName) String() string { return hex.EncodeToString(n[:]) }

// IsZero reports whether n names no blob.
func (n BlobName) IsZero() bool { return n == BlobName{} }

// MarshalText returns the same text as String.
func (n BlobName) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, n[:]), nil }

// UnmarshalText parses the text of MarshalText.
func (n *BlobName) UnmarshalText(text []byte) error { return unmarshalHex32(n, text) }
