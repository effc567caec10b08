package home

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"go.etcd.io/bbolt"

	"postern/crypto"
	"postern/remote/verify"
)

// The buckets of state.db.
var (
	pinBucket  = []byte("pins")  // pointer id → sequence (8 bytes, big-endian) and hash (32 bytes)
	lockBucket = []byte("locks") // lock token → what the drive keeps of the lock
)

// stateTimeout is how long opening waits for another process; the home's lock should have kept it out already.
const stateTimeout = time.Second

// State keeps across restarts what is not in the journal: the newest state seen of each pointer, and the drive's
// locks. Every change is durable when the call returns. It is safe for concurrent use.
type State struct {
	db   *bbolt.DB
	path string
}

// OpenState opens state.db, and makes it if there is none.
func (h Home) OpenState() (*State, error) {
	if err := checkPlain(h.State()); err != nil {
		return nil, fmt.Errorf("can't open %s: %w", h.State(), cause(err))
	}
	db, err := bbolt.Open(h.State(), 0o600, &bbolt.Options{Timeout: stateTimeout})
	if err == nil {
		err = db.Update(func(tx *bbolt.Tx) error {
			for _, name := range [][]byte{pinBucket, lockBucket} {
				if _, err := tx.CreateBucketIfNotExists(name); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			_ = db.Close()
		}
	}
	var path *os.PathError
	switch {
	case err == nil:
		return &State{db: db, path: h.State()}, nil
	case errors.As(err, &path):
		return nil, fmt.Errorf("can't open %s: %w", h.State(), path.Err)
	}
	return nil, fmt.Errorf("the state file %s is damaged (%w): move it away; Postern then trusts the remote anew at its "+
		"next sight", h.State(), err)
}

// Close closes the file.
func (s *State) Close() error { return s.db.Close() }

// Pins are the newest states seen of pointers.
func (s *State) Pins() verify.Pins { return pins{s} }

// Locks are the drive's locks.
func (s *State) Locks() Locks { return Locks{s} }

type pins struct{ *State }

const pinSize = 8 + len(crypto.PointerHash{})

// Load returns the pin of a pointer, and whether there is one.
func (p pins) Load(id crypto.PointerID) (pin verify.Pin, found bool, err error) {
	err = p.db.View(func(tx *bbolt.Tx) error {
		raw := tx.Bucket(pinBucket).Get(id[:])
		if raw == nil {
			return nil
		}
		if len(raw) != pinSize {
			return fmt.Errorf("a pin in %s has %d bytes instead of %d", p.path, len(raw), pinSize)
		}
		found = true
		pin.Seq = binary.BigEndian.Uint64(raw)
		copy(pin.Hash[:], raw[8:])
		return nil
	})
	return pin, found, err
}

// Save replaces the pin of a pointer, durably.
func (p pins) Save(id crypto.PointerID, pin verify.Pin) error {
	raw := binary.BigEndian.AppendUint64(make([]byte, 0, pinSize), pin.Seq)
	raw = append(raw, pin.Hash[:]...)
	if err := p.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(pinBucket).Put(id[:], raw) }); err != nil {
		return fmt.Errorf("can't write %s: %w", p.path, err)
	}
	return nil
}

// Locks keeps the drive's locks over a restart, as opaque bytes under their tokens.
type Locks struct{ s *State }

// Load returns all locks.
func (l Locks) Load() (map[string][]byte, error) {
	locks := map[string][]byte{}
	err := l.s.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(lockBucket).ForEach(func(token, lock []byte) error {
			locks[string(token)] = append([]byte(nil), lock...) // bbolt's bytes die with the transaction
			return nil
		})
	})
	return locks, err
}

// Save keeps one lock, in place of an older state of it.
func (l Locks) Save(token string, lock []byte) error {
	return l.s.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(lockBucket).Put([]byte(token), lock) })
}

// Delete forgets a lock. Deleting what isn't there succeeds.
func (l Locks) Delete(token string) error {
	return l.s.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(lockBucket).Delete([]byte(token)) })
}
