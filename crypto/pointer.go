package crypto

import (
	"crypto/ed25519"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/zeebo/blake3"
)

// PointerValueSize is the length of every pointer's value in bytes; PointerSize that of a marshalled pointer.
const (
	PointerValueSize = 256
	PointerSize      = pointerOffSignature + ed25519.SignatureSize
)

// The layout of a marshalled pointer.
const (
	pointerMagic        = "pointer1" // of an unlisted pointer
	listedMagic         = "pointer2" // of a listed one
	pointerOffID        = len(pointerMagic)
	pointerOffSeq       = pointerOffID + 32
	pointerOffValue     = pointerOffSeq + 8
	pointerOffSignature = pointerOffValue + PointerValueSize
)

type (
	// PointerID names a pointer: the Ed25519 public key of its writer key.
	PointerID [32]byte

	// PointerHash is the BLAKE3-256 hash of a marshalled pointer. The zero hash stands for no pointer.
	PointerHash [32]byte

	// PointerValue is the content of a pointer, opaque to the remote; see SealValue.
	PointerValue [PointerValueSize]byte

	// Signature is an Ed25519 signature.
	Signature [64]byte
)

// Pointer is one signed state of a small register. All unlisted pointers, of spaces and of login records, look alike.
type Pointer struct {
	ID        PointerID
	Seq       uint64 // grows with every state
	Value     PointerValue
	Listed    bool      // a remote may report its moves to all users; the same in all its states
	Signature Signature // by ID's writer key, over all of the above
}

// Marshal returns the pointer's one encoding, PointerSize bytes.
func (p Pointer) Marshal() []byte {
	b := make([]byte, 0, PointerSize)
	b = append(b, p.magic()...)
	b = append(b, p.ID[:]...)
	b = binary.BigEndian.AppendUint64(b, p.Seq)
	b = append(b, p.Value[:]...)
	return append(b, p.Signature[:]...)
}

// magic returns the first bytes of the pointer's encoding.
func (p Pointer) magic() string {
	if p.Listed {
		return listedMagic
	}
	return pointerMagic
}

// ParsePointer parses the encoding of Marshal. It does not verify the signature. The error is ErrFormat.
func ParsePointer(b []byte) (Pointer, error) {
	if len(b) != PointerSize {
		return Pointer{}, fmt.Errorf("pointer: %w: %d bytes instead of %d", ErrFormat, len(b), PointerSize)
	}
	magic := string(b[:pointerOffID])
	if magic != pointerMagic && magic != listedMagic {
		return Pointer{}, fmt.Errorf("pointer: %w: it begins neither with %q nor with %q", ErrFormat, pointerMagic,
			listedMagic)
	}
	return Pointer{
		Listed:    magic == listedMagic,
		ID:        PointerID(b[pointerOffID:pointerOffSeq]),
		Seq:       binary.BigEndian.Uint64(b[pointerOffSeq:]),
		Value:     PointerValue(b[pointerOffValue:pointerOffSignature]),
		Signature: Signature(b[pointerOffSignature:]),
	}, nil
}

// Verify returns ErrSignature unless the writer key of the pointer's id has signed it.
func (p Pointer) Verify() error {
	if !verify(p.ID, p.message(), p.Signature) {
		return fmt.Errorf("pointer %v, sequence %d: %w", p.ID, p.Seq, ErrSignature)
	}
	return nil
}

// Hash returns the hash of the marshalled pointer, which compare-and-swap compares.
func (p Pointer) Hash() PointerHash { return blake3.Sum256(p.Marshal()) }

// ParsePointerID parses the text of String: 64 lower-case hex digits. The error is ErrFormat.
func ParsePointerID(s string) (PointerID, error) {
	b, err := parseHex32(s)
	if err != nil {
		return PointerID{}, fmt.Errorf("pointer id: %w", err)
	}
	return b, nil
}

// String returns the id as 64 lower-case hex digits.
func (id PointerID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText returns the same text as String.
func (id PointerID) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, id[:]), nil }

// UnmarshalText parses the text of MarshalText.
func (id *PointerID) UnmarshalText(text []byte) error { return unmarshalHex32(id, text) }

// String returns the hash as 64 lower-case hex digits.
func (h PointerHash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText returns the same text as String.
func (h PointerHash) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

// UnmarshalText parses the text of MarshalText.
func (h *PointerHash) UnmarshalText(text []byte) error { return unmarshalHex32(h, text) }

// IsZero reports whether h stands for no pointer.
func (h PointerHash) IsZero() bool { return h == PointerHash{} }

// message returns what a writer key signs. A listed pointer has a label of its own, so that no remote can make an
// unlisted pointer listed, or hide a listed one.
func (p Pointer) message() []byte {
	label := labelSignPointer
	if p.Listed {
		label = labelSignListed
	}
	msg := signedMessage(label, len(p.ID)+8+len(p.Value))
	msg = append(msg, p.ID[:]...)
	msg = binary.BigEndian.AppendUint64(msg, p.Seq)
	return append(msg, p.Value[:]...)
}
