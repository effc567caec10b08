package crypto

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// Sizes of a marshalled capability in bytes: one that can read, and one that can also write.
const (
	ReadCapabilitySize  = capOffEpoch + 4
	WriteCapabilitySize = ReadCapabilitySize + KeySize
)

// The first byte of a capability states what it grants, and thereby its length.
const (
	capRead  = 1
	capWrite = 2
)

// The layout of a marshalled capability, behind its first byte. A writer seed follows the epoch in one that can write.
const (
	capOffID    = 1
	capOffRead  = capOffID + 32
	capOffOwner = capOffRead + KeySize
	capOffStore = capOffOwner + 32
	capOffEpoch = capOffStore + 16
)

// StoreID names the part of a remote that holds one account's blobs. It is random, and stays the same when the account
// moves to another remote.
type StoreID [16]byte

// IsZero reports whether id names no store.
func (id StoreID) IsZero() bool { return id == StoreID{} }

// String returns the id as 32 lower-case hex digits.
func (id StoreID) String() string { return hex.EncodeToString(id[:]) }

// Capability opens a space. Write access includes read access; nothing else grants anything.
type Capability struct {
	ID     PointerID // of the space
	Read   ReadKey
	Owner  AuthorID // the author whose blobs the space consists of
	Store  StoreID  // where they are
	Epoch  uint32   // the lowest epoch that the space's roster may have
	Writer WriterSeed
}

// Keys returns the capability to write a new space. The caller fills in Store and Owner.
func (x SpaceSecret) Keys() Capability {
	seed := WriterSeed(derive(x, nil, labelSpaceWriter))
	return Capability{ID: seed.Key().ID(), Read: derive(x, nil, labelSpaceReader), Writer: seed}
}

// PairSecret returns the secret of the space that the account keeps for somebody else. All devices of the account
// compute the same, so that two of them never make two spaces. turn grows when the account needs another one for the
// same person.
func (s AccountSecret) PairSecret(friend AuthorID, turn uint32) SpaceSecret {
	return derive(s, binary.BigEndian.AppendUint32(friend[:], turn), labelAccountPair)
}

// NextSecret returns the secret of the space that replaces another one of the account. All devices of the account
// compute the same, so that two of them that replace a space at once make one new space.
func (s AccountSecret) NextSecret(old PointerID) SpaceSecret {
	return derive(s, old[:], labelAccountNext)
}

// Key returns the writer key of the seed.
func (s WriterSeed) Key() WriterKey { return NewWriterKey(s) }

// IsZero reports whether s is no seed.
func (s WriterSeed) IsZero() bool { return s == WriterSeed{} }

// CanWrite reports whether the capability opens the space for writing.
func (c Capability) CanWrite() bool { return !c.Writer.IsZero() }

// ReadOnly returns the part of the capability that only reads.
func (c Capability) ReadOnly() Capability {
	c.Writer = WriterSeed{}
	return c
}

// Marshal returns the capability's one encoding: ReadCapabilitySize or WriteCapabilitySize bytes. Either fits a
// pointer's value.
func (c Capability) Marshal() []byte {
	b := make([]byte, 0, WriteCapabilitySize)
	kind := byte(capRead)
	if c.CanWrite() {
		kind = capWrite
	}
	b = append(b, kind)
	b = append(b, c.ID[:]...)
	b = append(b, c.Read[:]...)
	b = append(b, c.Owner[:]...)
	b = append(b, c.Store[:]...)
	b = binary.BigEndian.AppendUint32(b, c.Epoch)
	if c.CanWrite() {
		b = append(b, c.Writer[:]...)
	}
	return b
}

// ParseCapability parses the encoding of Marshal. It returns ErrFormat for anything else, also for a writer seed that
// is not the space's.
func ParseCapability(b []byte) (Capability, error) {
	var kind byte
	switch len(b) {
	case ReadCapabilitySize:
		kind = capRead
	case WriteCapabilitySize:
		kind = capWrite
	default:
		return Capability{}, fmt.Errorf("capability: %w: %d bytes", ErrFormat, len(b))
	}
	if b[0] != kind {
		return Capability{}, fmt.Errorf("capability: %w: kind %d in %d bytes", ErrFormat, b[0], len(b))
	}
	c := Capability{
		ID:    PointerID(b[capOffID:capOffRead]),
		Read:  ReadKey(b[capOffRead:capOffOwner]),
		Owner: AuthorID(b[capOffOwner:capOffStore]),
		Store: StoreID(b[capOffStore:capOffEpoch]),
		Epoch: binary.BigEndian.Uint32(b[capOffEpoch:ReadCapabilitySize]),
	}
	if kind == capWrite {
		c.Writer = WriterSeed(b[ReadCapabilitySize:])
		if c.Writer.IsZero() || c.Writer.Key().ID() != c.ID {
			return Capability{}, fmt.Errorf("capability: %w: its writer key is another space's", ErrFormat)
		}
	}
	return c, nil
}

// SealedSeedSize is the length of a writer seed as a mount holds it, in bytes.
const SealedSeedSize = KeySize + TagSize

// SealSeed seals the writer seed of an inner space for a mount: anybody who can write the outer space can open it. The
// key is used for this seed only: its salt is the inner space's id, which follows from the seed.
func (s WriterSeed) SealSeed(inner WriterSeed) [SealedSeedSize]byte {
	id := inner.Key().ID()
	return [SealedSeedSize]byte(sealOnce(nil, derive(s, id[:], labelMountKey), inner[:], []byte(labelMountSeed)))
}

// OpenSeed returns the writer seed of the inner space id that SealSeed sealed. It returns ErrOpen when it was sealed by
// another writer or for another space, ErrFormat when the seed is not that space's.
func (s WriterSeed) OpenSeed(id PointerID, sealed [SealedSeedSize]byte) (WriterSeed, error) {
	plain, err := openOnce(nil, derive(s, id[:], labelMountKey), sealed[:], []byte(labelMountSeed))
	if err != nil {
		return WriterSeed{}, fmt.Errorf("writer seed of space %v: %w", id, err)
	}
	inner := WriterSeed(plain)
	if got := inner.Key().ID(); got != id {
		return WriterSeed{}, fmt.Errorf("writer seed of space %v: %w: it is that of %v", id, ErrFormat, got)
	}
	return inner, nil
}
