package crypto

import (
	"encoding/hex"
	"fmt"
)

// AuthorID names the author of commits: an Ed25519 public key. Only readers of a space see it.
type AuthorID [32]byte

// AuthorKey signs commits. The zero value is no key.
type AuthorKey struct{ key signer }

// NewAuthorKey returns the author key of a seed, which is secret.
func NewAuthorKey(seed [KeySize]byte) AuthorKey { return AuthorKey{newSigner(seed)} }

// ID returns the author of k's signatures.
func (k AuthorKey) ID() AuthorID { return k.key.public() }

// SignCommit signs the encoding of a commit.
func (k AuthorKey) SignCommit(msg []byte) Signature { return k.key.sign(commitMessage(msg)) }

// VerifyCommit returns ErrSignature unless sig is id's over this encoding of a commit.
func (id AuthorID) VerifyCommit(msg []byte, sig Signature) error {
	if !verify(id, commitMessage(msg), sig) {
		return fmt.Errorf("commit by %v: %w", id, ErrSignature)
	}
	return nil
}

// SignRoster signs the encoding of a roster.
func (k AuthorKey) SignRoster(msg []byte) Signature { return k.key.sign(rosterMessage(msg)) }

// VerifyRoster returns ErrSignature unless sig is id's over this encoding of a roster.
func (id AuthorID) VerifyRoster(msg []byte, sig Signature) error {
	if !verify(id, rosterMessage(msg), sig) {
		return fmt.Errorf("roster by %v: %w", id, ErrSignature)
	}
	return nil
}

// String returns the id as 64 lower-case hex digits.
func (id AuthorID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText returns the same text as String.
func (id AuthorID) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, id[:]), nil }

// UnmarshalText parses the text of MarshalText.
func (id *AuthorID) UnmarshalText(text []byte) error { return unmarshalHex32(id, text) }

func commitMessage(msg []byte) []byte {
	return append(signedMessage(labelSignCommit, len(msg)), msg...)
}

func rosterMessage(msg []byte) []byte {
	return append(signedMessage(labelSignRoster, len(msg)), msg...)
}
