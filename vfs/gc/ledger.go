package gc

import (
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

// Notes are what a Ledger keeps.
type Notes struct {
	// Walked is the commit up to which all are looked through: what they lead to is in Blobs, or gone.
	Walked object.CommitHash
	// Blobs are the blobs of this drive, and since when (nanoseconds since 1970) each has been seen not to be needed;
	// 0: it is.
	Blobs map[crypto.BlobName]int64
	Last  Last
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
	n.Blobs = make(map[crypto.BlobName]int64, len(m.notes.Blobs))
	for name, since := range m.notes.Blobs {
		n.Blobs[name] = since
	}
	return n, nil
}

// Save implements Ledger.
func (m *Memory) Save(n Notes) error {
	m.notes = n
	copied, _ := m.Load()
	m.notes = copied
	return nil
}
