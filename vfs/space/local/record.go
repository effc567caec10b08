package local

import (
	"errors"
	"fmt"

	"postern/crypto"
	"postern/vfs"
)

// Record is one change in the journal, in parts by space. For a move between two spaces, the first part adds and the
// second removes.
type Record struct{ Parts []Part }

// Part is the change that a record makes in one space: an operation, and the staged blobs that it leads to, since the
// tree alone names only those at the top of a file's index; and what it changes of the private state, if the space is
// the account's own. A part may instead note a merge: the records after it apply to the merge of those before it with a
// commit of another device.
type Part struct {
	Space crypto.PointerID
	Op    []byte // empty: a merge, or a change of the private state only
	Blobs []crypto.BlobName
	Notes []byte // see registry.Decode; empty: the private state does not change

	Theirs []byte // the head that leads to the other commit; empty: a change
	Device string // the name of this device in the merge
	Time   int64  // nanoseconds since 1970, for the merge
}

// One returns a record with one part.
func One(p Part) Record { return Record{Parts: []Part{p}} }

// Of returns the part that changes a space, or nil.
func (r Record) Of(space crypto.PointerID) *Part { return r.part(space) }

func (r Record) part(space crypto.PointerID) *Part {
	for i := range r.Parts {
		if r.Parts[i].Space == space {
			return &r.Parts[i]
		}
	}
	return nil
}

// wireOwn is a record of the account's own space alone, encoded as before there were other spaces.
type wireOwn struct {
	_      struct{} `cbor:",toarray"`
	Op     []byte
	Blobs  []crypto.BlobName
	Theirs []byte
	Device string
	Time   int64
}

// wireNoted is a wireOwn that changes the private state, too.
type wireNoted struct {
	_      struct{} `cbor:",toarray"`
	Op     []byte
	Blobs  []crypto.BlobName
	Theirs []byte
	Device string
	Time   int64
	Notes  []byte
}

// wireMany is any other record.
type wireMany struct {
	_     struct{} `cbor:",toarray"`
	Parts []wirePart
}

type wirePart struct {
	_      struct{} `cbor:",toarray"`
	Space  crypto.PointerID
	Op     []byte
	Blobs  []crypto.BlobName
	Theirs []byte
	Device string
	Time   int64
}

// The first byte of an encoded wireMany and wireNoted, arrays of one and six; a wireOwn is an array of five.
const (
	manyMark  = 0x81
	notedMark = 0x86
)

// errNoted says why a record can't be encoded: no caller moves something between two spaces and notes something.
var errNoted = errors.New("only a change of the account's own space alone changes the private state")

func (r Record) encode(own crypto.PointerID) ([]byte, error) {
	if len(r.Parts) == 1 && r.Parts[0].Space == own {
		p := r.Parts[0]
		if len(p.Notes) > 0 {
			return crypto.Encode(wireNoted{Op: p.Op, Blobs: p.Blobs, Theirs: p.Theirs, Device: p.Device, Time: p.Time,
				Notes: p.Notes})
		}
		return crypto.Encode(wireOwn{Op: p.Op, Blobs: p.Blobs, Theirs: p.Theirs, Device: p.Device, Time: p.Time})
	}
	w := wireMany{}
	for _, p := range r.Parts {
		if len(p.Notes) > 0 {
			return nil, errNoted
		}
		w.Parts = append(w.Parts, wirePart{
			Space: p.Space, Op: p.Op, Blobs: p.Blobs, Theirs: p.Theirs, Device: p.Device, Time: p.Time,
		})
	}
	return crypto.Encode(w)
}

// maxParts is the maximum number of spaces that one record changes.
const maxParts = 2

// decode is the inverse of encode. The error is crypto.ErrFormat.
func decode(b []byte, own crypto.PointerID) (Record, error) {
	var r Record
	switch {
	case len(b) > 0 && b[0] == manyMark:
		var w wireMany
		if err := crypto.Decode(b, &w); err != nil {
			return Record{}, fmt.Errorf("journal record: %w", err)
		}
		for _, p := range w.Parts {
			r.Parts = append(r.Parts, Part{
				Space: p.Space, Op: p.Op, Blobs: p.Blobs, Theirs: p.Theirs, Device: p.Device, Time: p.Time,
			})
		}
		if n := len(r.Parts); n == 0 || n > maxParts || n == 1 && r.Parts[0].Space == own ||
			n == 2 && r.Parts[0].Space == r.Parts[1].Space {
			return Record{}, fmt.Errorf("journal record: %w: its parts are not of one or two spaces", crypto.ErrFormat)
		}
	case len(b) > 0 && b[0] == notedMark:
		var w wireNoted
		if err := crypto.Decode(b, &w); err != nil {
			return Record{}, fmt.Errorf("journal record: %w", err)
		}
		if len(w.Notes) == 0 {
			return Record{}, fmt.Errorf("journal record: %w: it notes nothing", crypto.ErrFormat)
		}
		r = One(Part{Space: own, Op: w.Op, Blobs: w.Blobs, Theirs: w.Theirs, Device: w.Device, Time: w.Time, Notes: w.Notes})
	default:
		var w wireOwn
		if err := crypto.Decode(b, &w); err != nil {
			return Record{}, fmt.Errorf("journal record: %w", err)
		}
		r = One(Part{Space: own, Op: w.Op, Blobs: w.Blobs, Theirs: w.Theirs, Device: w.Device, Time: w.Time})
	}
	for _, p := range r.Parts {
		if (len(p.Op)+len(p.Notes) == 0) == (len(p.Theirs) == 0) || len(p.Theirs) > 0 && len(r.Parts) > 1 {
			return Record{}, fmt.Errorf("journal record: %w: neither a change nor a merge", crypto.ErrFormat)
		}
	}
	return r, nil
}

func lostStaged(name crypto.BlobName) error {
	return &vfs.Error{Op: "recover", Path: "/", Kind: vfs.ErrCorrupt,
		Err: fmt.Errorf("the staging area has lost blob %v, which the journal needs; restore the folder staging", name)}
}
