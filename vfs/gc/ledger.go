package gc

import (
	"maps"
	"slices"
	"time"

	"postern/crypto"
	"postern/vfs/object"
)

// Ledger stores notes between runs. Losing it is safe: grace periods restart, and blobs put for abandoned commits are
// no longer known.
type Ledger interface {
	// Load returns the notes saved last, or empty notes.
	Load() (Notes, error)
	// Save durably replaces the notes.
	Save(n Notes) error
}

// Notes are what a Ledger keeps of all spaces of one owner at one store.
type Notes struct {
	// Walked is the commit of the own space up to which all commits were walked: what they lead to is in Blobs, or gone.
	Walked object.CommitHash
	// Spaces are the other spaces that any run has marked. The number of each is its index plus one; the own space has the
	// number 0.
	Spaces []Seen
	// Blobs are this drive's blobs. The value is the time, in nanoseconds since 1970, since when each has been unneeded;
	// 0: it is needed.
	Blobs map[crypto.BlobName]int64
	// From holds, sorted, the numbers of the spaces that each blob was learnt from, unless that is the own space alone.
	From map[crypto.BlobName][]uint32
	Last Last
}

// Seen is a space other than the own one.
type Seen struct {
	ID     crypto.PointerID
	Walked object.CommitHash // as of Notes
}

// Last holds the figures of the last run.
type Last struct {
	At         int64     // when it had seen the newest states, in nanoseconds since 1970; 0: there was none
	Needed     int64     // bytes
	Candidates int64     // bytes
	Commit     int64     // the latest credible time of a commit that any run saw, in nanoseconds since 1970
	Due        time.Time // when the first candidate may be deleted; zero: there is none
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
