package disk

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"postern/crypto"
	"postern/remote"
)

// idFile holds the store's id: 32 lower-case hex digits and a line feed.
const idFile = "id"

// ID implements remote.Store. A store that an older build founded has no id until a newer one opens it.
func (s *Store) ID(ctx context.Context) (crypto.StoreID, error) {
	s.writing.RLock()
	defer s.writing.RUnlock()
	if err := s.ready(ctx, remote.OpID, s); err != nil {
		return crypto.StoreID{}, err
	}
	id, err := s.identify(ctx)
	if err != nil {
		return crypto.StoreID{}, s.fail(remote.OpID, s, s.orGone(err))
	}
	return id, nil
}

// identify returns the store's id, and makes one if there is none.
func (s *Store) identify(ctx context.Context) (id crypto.StoreID, err error) {
	p, err := s.enter()
	if err != nil {
		return id, err
	}
	defer p.Close()
	id, err = s.readID(p)
	if !errors.Is(err, fs.ErrNotExist) || s.isGone() {
		return id, err
	}
	// Under the lock, only one of two processes that find no id makes one.
	unlock, err := s.lock(ctx, p, remote.OpID, s, changesLock, true)
	if err != nil {
		return id, err
	}
	defer unlock()
	if id, err = s.readID(p); !errors.Is(err, fs.ErrNotExist) {
		return id, err
	}
	_, _ = rand.Read(id[:]) // it never fails
	err = s.again(p, func() error { return s.place(p, idFile, ".", append([]byte(id.String()), '\n')) })
	return id, err
}

// readID reads the file of the id.
func (s *Store) readID(p place) (crypto.StoreID, error) {
	b, err := p.readSmall(idFile, markerMax)
	if err != nil && !errors.Is(err, errTooLong) {
		return crypto.StoreID{}, err
	}
	id, err := parseID(b)
	if err != nil {
		err = fmt.Errorf("the file %s is damaged: %w", filepath.Join(s.root, idFile), err)
		return crypto.StoreID{}, remote.Fail(remote.OpID, s, remote.ErrCorrupt, err)
	}
	return id, nil
}

// parseID reads what the file of an id holds.
func parseID(b []byte) (id crypto.StoreID, err error) {
	digits, ended := bytes.CutSuffix(b, []byte{'\n'})
	if len(digits) != hex.EncodedLen(len(id)) || !ended {
		return id, fmt.Errorf("it has %d bytes", len(b))
	}
	if _, err := hex.Decode(id[:], digits); err != nil || id.String() != string(digits) || id.IsZero() {
		return crypto.StoreID{}, errors.New("it holds no id")
	}
	return id, nil
}
