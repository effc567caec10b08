package gc

import (
	"maps"
	"slices"
	"time"

	"postern/crypto"
	"postern/vfs/object"
)

// Ledger remembers from one run to the next. To lose it is safe: grace periods begin anew, and what was put for commits
// that were given up is no longer known.
type Ledger interface {
	// Load returns what was saved last, or nothing.
	Load() (Notes, error)
	// Save replaces it, durably.
	Save(n Notes) error
}

// Notes are what a Ledger keeps of all spaces of one owner at one store.
type Notes struct {
	// Walked is the commit of the own space up to which all are looked through: what they lead to is in Blobs, or gone.
	Walked object.CommitHash
	// Spaces are the other spaces that were ever marked. The number of each is its index here and one more; the own
	// space has the number 0.
	Spaces []Seen
	// Blobs are the blobs of this drive, and since when (nanoseconds since 1970) each has been seen not to be needed;
	// 0: it is.
	Blobs map[crypto.BlobName]int64
	// From holds the numbers, sorted, of the spaces that each was learnt from, unless that is the own space alone.
	From map[crypto.BlobName][]uint32
	Last Last
}

// Seen is a space besides the own one.
type Seen struct {
	ID     crypto.PointerID
	Walked object.CommitHash // as of Notes
}

// Last is what the last run saw.
type Last struct {
	At         int64 // when it began, in nanoseconds since 1970; 0: there was none
	Needed     int64 // bytes
	Candidates int64 // bytes
	// Commit is the latest time of a commit that was looked at, and Doubted, unless it is 0, the earliest At of the
	// runs that saw one dated ahead of their clock, both in nanoseconds since 1970.
	Commit, Doubted int64
	Due             time.Time // when the first candidate may be deleted; zero: there is none
}

// Memory is a Ledger that lasts as long as the process. The zero value is empty.
type Memory struct{ notes Notes }

// Load implements Ledger.
func (m *Memory) Load() (Notes, error) {
	n := m.notes
	n.Blobs, n.From, n.Spaces = maps.Clone(n.Blobs), maps.Clone(n.From), slices.Clone(n.Spaces)
	return n, nil
}

// Save implements Ledger.
func (m *Memory) Save(n Notes) error {
	m.notes = n
	copied, _ := m.Load()
	m.notes = copied
	return nil
}
