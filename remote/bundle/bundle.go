// Package bundle carries sealed blobs, signed pointers, letters and records of names in a file, from one remote to
// another without a connection between them.
//
// BUNDLE.md in this folder specifies the format, byte by byte. The caller chooses the blobs: only the holder of the
// keys knows which blobs a commit refers to.
package bundle

import (
	"encoding/binary"
	"errors"
	"fmt"

	"postern/crypto"
	"postern/remote"
	"postern/remote/transfer"
)

// magic is the beginning of every bundle; its last byte is the version. A bundle is of version 2 if it has letters or
// records of names, so that readers of version 1 read all others.
const (
	magic     = "PSTNBDL1"
	magicMail = "PSTNBDL2"
)

// The sizes of records, in bytes.
const (
	headerSize = 40
	endSize    = 56
	idSize     = 32 // before a letter or a record of a name
)

// maxPointers bounds the bases, and the pointers, of a bundle: an account has one pointer for each of its spaces,
// hundreds at most, and a reader holds all of them.
const maxPointers = 1 << 14

// maxMail bounds the letters and records of names of a bundle, which a reader holds, too: those of four full inboxes.
const maxMail = 4 * remote.MaxLetters

// kind is the kind of a record. Records come in the order of their kinds, and the end comes last.
type kind byte

const (
	kindBase kind = iota + 1
	kindPointer
	kindBlob
	kindEnd
	kindLetter
	kindName
)

// header is the beginning of a record.
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

// parseHeader decodes a header, and rejects lengths that a record of the kind cannot have.
func parseHeader(b [headerSize]byte) (header, error) {
	h := header{kind: kind(b[0]), length: int64(binary.BigEndian.Uint32(b[4:])), hash: [32]byte(b[8:])}
	if b[1]|b[2]|b[3] != 0 {
		return h, errors.New("a record does not begin with its marker")
	}
	fits := false
	switch h.kind {
	case kindBase, kindPointer:
		fits = h.length == int64(crypto.PointerSize)
	case kindBlob:
		fits = h.length <= crypto.MaxBlobSize
	case kindEnd:
		fits = h.length == endSize
	case kindLetter:
		fits = h.length == idSize+crypto.LetterSize
	case kindName:
		fits = h.length == idSize+crypto.NameRecordSize
	default:
		return h, fmt.Errorf("unknown kind of record %d", h.kind)
	}
	if !fits {
		return h, fmt.Errorf("a record of kind %d cannot have %d bytes", h.kind, h.length)
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

// Contents are the pointers of a bundle and, for some of them, the earlier state that the destination must have, and
// what comes after the blobs.
type Contents struct {
	Pointers []crypto.Pointer
	Bases    []crypto.Pointer // for some of the pointers' ids
	Mail     []transfer.Item  // letters, and then records of names
}

// magic returns the beginning of a bundle with the contents.
func (c Contents) magic() string {
	if len(c.Mail) > 0 {
		return magicMail
	}
	return magic
}

// check enforces the rules of BUNDLE.md for the pointers.
func (c Contents) check() error {
	if len(c.Pointers) > maxPointers || len(c.Bases) > maxPointers {
		return fmt.Errorf("a bundle has at most %d pointers", maxPointers)
	}
	next := make(map[crypto.PointerID]uint64, len(c.Pointers))
	for _, p := range c.Pointers {
		if _, twice := next[p.ID]; twice {
			return fmt.Errorf("pointer %v occurs twice", p.ID)
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
			return fmt.Errorf("the base of pointer %v at sequence %d is not an earlier state of a pointer in the bundle",
				base.ID, base.Seq)
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

// opRead is the operation that errors name for reading a bundle.
const opRead = "read"

// place stands for the bundle in errors; callers add the file's name.
const place = "bundle"

// damaged returns the error of a file that is not a bundle, or a damaged one.
func damaged(off int64, cause error) error {
	return &remote.Error{Op: opRead, On: place, Kind: remote.ErrCorrupt, Err: fmt.Errorf("at byte %d: %w", off, cause)}
}
