package disk

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"

	"github.com/zeebo/blake3"

	"postern/crypto"
	"postern/remote"
)

// The file of changes is an array of records of one size. The first is the header: the file's random generation, and
// how many records were kept when the file was written anew. Each other record is the id of a listed pointer that
// moved, and random bytes, so that a cursor does not fit a file that was cut off and then grew again.
const (
	recordSize   = 48
	recordCheck  = 40 // where the check of a record lies: the beginning of the BLAKE3 hash of what is in front of it
	logMagic     = "changes1"
	generationAt = len(logMagic)
	keptAt       = generationAt + 16
)

const (
	// logSlack is how many records the file grows by, beyond twice what it kept, before it is written anew. Every cursor
	// then starts from the beginning, so this must be rare.
	logSlack = 4096
	// maxRecords bounds the file: 48 MiB. A longer one was not written by us.
	maxRecords = 1 << 20
	// pageRecords is how many records one page of changes is made of.
	pageRecords = remote.MaxChanges
)

// record is one record of the file of changes.
type record [recordSize]byte

// logHeader is what the first record holds.
type logHeader struct {
	generation [16]byte
	kept       uint64
}

// seal fills in the check.
func (r *record) seal() {
	sum := blake3.Sum256(r[:recordCheck])
	copy(r[recordCheck:], sum[:])
}

// intact reports whether the check is right.
func (r *record) intact() bool {
	sum := blake3.Sum256(r[:recordCheck])
	return bytes.Equal(r[recordCheck:], sum[:recordSize-recordCheck])
}

// newHeader returns the first record of a new file.
func newHeader(kept int) (r record) {
	copy(r[:], logMagic)
	_, _ = rand.Read(r[generationAt:keptAt]) // it never fails
	binary.BigEndian.PutUint64(r[keptAt:], uint64(kept))
	r.seal()
	return r
}

// header parses a first record; false: it is damaged.
func (r *record) header() (h logHeader, ok bool) {
	if !r.intact() || string(r[:generationAt]) != logMagic {
		return logHeader{}, false
	}
	kept := binary.BigEndian.Uint64(r[keptAt:])
	return logHeader{[16]byte(r[generationAt:keptAt]), kept}, kept <= maxRecords
}

// newMove returns the record of a pointer that moves.
func newMove(id crypto.PointerID) (r record) {
	copy(r[:], id[:])
	_, _ = rand.Read(r[len(id):recordCheck])
	r.seal()
	return r
}

// move parses a record after the first; false: it is damaged.
func (r *record) move() (id crypto.PointerID, ok bool) {
	return crypto.PointerID(r[:len(id)]), r.intact()
}

// full reports whether a file with so many records is to be written anew.
func (h logHeader) full(records, slack int64) bool {
	return records >= min(2*int64(h.kept)+slack, maxRecords)
}

// cursorSize is the length of a cursor: the generation of the file, the number of a record, and a copy of that record,
// after which the cursor stands.
const cursorSize = 16 + 8 + recordSize

// cursor returns the place after record number at.
func (h logHeader) cursor(at int64, last record) remote.Cursor {
	b := make([]byte, 0, cursorSize)
	b = append(b, h.generation[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(at))
	return remote.Cursor(append(b, last[:]...))
}

// parse returns the record after which a cursor stands; false: the cursor is of another file, or not ours.
func (h logHeader) parse(c remote.Cursor) (at int64, last record, ok bool) {
	if len(c) != cursorSize || c[:16] != remote.Cursor(h.generation[:]) {
		return 0, record{}, false
	}
	n := binary.BigEndian.Uint64([]byte(c[16:24]))
	return int64(n), record([]byte(c[24:])), n <= maxRecords
}
