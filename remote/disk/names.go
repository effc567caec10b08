package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"postern/crypto"
	"postern/remote"
)

// nameFile is where the record of a name lies within the store.
func nameFile(id crypto.NameID) string {
	return filepath.Join(shardFolder(names, id[0]), id.String())
}

// Claim implements remote.Names.
func (s *Store) Claim(ctx context.Context, id crypto.NameID, record crypto.NameRecord) error {
	return s.setName(ctx, remote.OpClaim, remote.CheckClaim, id, record)
}

// Replace implements remote.Names.
func (s *Store) Replace(ctx context.Context, id crypto.NameID, record crypto.NameRecord) error {
	return s.setName(ctx, remote.OpReplace, remote.CheckReplace, id, record)
}

// setName stores a record if check allows it.
func (s *Store) setName(
	ctx context.Context, op string, check func(crypto.NameID, *crypto.NameRecord, *crypto.NameRecord) (bool, error),
	id crypto.NameID, record crypto.NameRecord,
) error {
	return s.change(ctx, op, id, int(id[0]), func(p place) error {
		current, err := s.record(p, op, id)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if done, err := check(id, current, &record); done || err != nil {
			return err
		}
		return s.again(p, func() error {
			if err := s.ensureShard(p, names, id[0]); err != nil {
				return err
			}
			return s.place(p, nameFile(id), shardFolder(names, id[0]), record[:])
		})
	})
}

// record reads the file of a name. The caller checks its signature.
func (s *Store) record(p place, op string, id crypto.NameID) (*crypto.NameRecord, error) {
	b, err := p.readSmall(nameFile(id), crypto.NameRecordSize)
	if err != nil && !errors.Is(err, errTooLong) {
		return nil, err
	}
	r, err := crypto.ParseNameRecord(b)
	if err != nil {
		err = fmt.Errorf("the file %s is damaged: %w", filepath.Join(s.root, nameFile(id)), err)
		return nil, remote.Fail(op, id, remote.ErrCorrupt, err)
	}
	return &r, nil
}

// LookUp implements remote.Names. It waits for a claim under way, since its record might not survive a power cut yet.
func (s *Store) LookUp(ctx context.Context, id crypto.NameID) (crypto.NameRecord, error) {
	if err := s.ready(ctx, remote.OpLookUp, id); err != nil {
		return crypto.NameRecord{}, err
	}
	var found *crypto.NameRecord
	err := s.within(func(p place) error {
		unlock, err := s.lock(ctx, p, remote.OpLookUp, id, int(id[0]), false)
		if err != nil {
			return err
		}
		defer unlock()
		found, err = s.record(p, remote.OpLookUp, id)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return crypto.NameRecord{}, s.missing(remote.OpLookUp, id)
	}
	if err != nil {
		return crypto.NameRecord{}, s.fail(remote.OpLookUp, id, err)
	}
	return *found, nil
}
