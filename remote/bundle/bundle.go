// Package bundle carries sealed blobs and signed pointers in a file, from one remote to another that no line leads to.
//
// BUNDLE.md beside this file is the format, byte by byte. Which blobs go in is the caller's choice: only who has the
// keys knows what a commit refers to.
package bundle

import (
	"encoding/binary"
	"errors"
	"fmt"

	"postern/crypto"
	"postern/remote"
)

// magic begins every bundle; its last byte is the version.
const magic = "PSTNBDL1"

// The sizes of records, in bytes.
const (
	headerSize = 40
	endSize    = 56
)

// maxPointers bounds how many bases, and how many pointers, a bundle has: an account has one pointer for each of its
// spaces, hundreds at most, and a reader holds all of them.
const maxPointers = 1 << 14

// The kinds of records, in the order in which they come.
type kind byte

const (
	kindBase kind = iota + 1
	kindPointer
	kindBlob
	kindEnd
)

// header is what a record begins with.
type header struct {
	kind   kind
	length int64
	hash   [32]byte // of the payload; of a blob, its name
}

// marshal returns the encoding.
func (h header) marshal() (b [headerSize]byte) {
	b[0] = byte(h.kind)
	binary.BigEndian.PutUint32(b[4:], uint32(h.length))
	copy(b[8:], h.hash[:])
	return b
}

// parseHeader reads what marshal writes, and refuses lengths that a record of the kind can't have.
func parseHeader(b [headerSize]byte) (header, error) {
	h := header{kind: kind(b[0]), length: int64(binary.BigEndian.Uint32(b[4:])), hash: [32]byte(b[8:])}
	if b[1]|b[2]|b[3] != 0 {
		return h, errors.New("a record does not begin as records do")
	}
	fits := false
	switch h.kind {
	case kindBase, kindPointer:
		fits = h.length == int64(crypto.PointerSize)
	case kindBlob:
		fits = h.length <= crypto.MaxBlobSize
	case kindEnd:
		fits = h.length == endSize
	default:
		return h, fmt.Errorf("there are no records of kind %d", h.kind)
	}
	if !fits {
		return h, fmt.Errorf("no record of kind %d has %d bytes", h.kind, h.length)
	}
	return h, nil
}

// end is the payload of the last record.
type end struct {
	blobs, bytes, pointers uint64
	hash                   [32]byte
}

// marshal returns the encoding.
func (e end) marshal() []byte {
	b := make([]byte, 0, endSize)
	b = binary.BigEndian.AppendUint64(b, e.blobs)
	b = binary.BigEndian.AppendUint64(b, e.bytes)
	b = binary.BigEndian.AppendUint64(b, e.pointers)
	return append(b, e.hash[:]...)
}

// Contents is what a bundle brings: pointers, and for each the state that the bundle takes for granted, if any.
type Contents struct {
	Pointers []crypto.Pointer
	Bases    []crypto.Pointer // of some of their ids
}

// check insists on what BUNDLE.md asks of the two lists.
func (c Contents) check() error {
	if len(c.Pointers) > maxPointers || len(c.Bases) > maxPointers {
		return fmt.Errorf("a bundle has at most %d pointers", maxPointers)
	}
	next := make(map[crypto.PointerID]uint64, len(c.Pointers))
	for _, p := range c.Pointers {
		if _, twice := next[p.ID]; twice {
			return fmt.Errorf("pointer %v is in it twice", p.ID)
		}
		if err := p.Verify(); err != nil {
			return err
		}
		next[p.ID] = p.Seq
	}
	seen := make(map[crypto.PointerID]bool, len(c.Bases))
	for _, base := range c.Bases {
		seq, there := next[base.ID]
		if !there || seen[base.ID] || base.Seq >= seq {
			return fmt.Errorf("the base of pointer %v at sequence %d is not of an earlier state in it", base.ID, base.Seq)
		}
		if err := base.Verify(); err != nil {
			return err
		}
		seen[base.ID] = true
	}
	return nil
}

// ErrIncomplete is the error of a bundle that ends before its end record.
var ErrIncomplete = errors.New("the bundle is incomplete: its export, or the copying of the file, was cut")

// opRead is what errors call the reading of a bundle.
const opRead = "read"

// place names a bundle in errors; callers add the file's name.
const place = "bundle"

// damaged is the error of a bundle that isn't one, or not any more.
func damaged(off int64, cause error) error {
	return &remote.Error{Op: opRead, On: place, Kind: remote.ErrCorrupt, Err: fmt.Errorf("at byte %d: %w", off, cause)}
}
