package s3

import (
	"context"
	"errors"

	"postern/crypto"
	"postern/remote"
)

// The folders of inboxes and names.
const (
	inboxesFolder = "inboxes"
	namesFolder   = "names"
)

// Drop implements remote.Inbox. Letters that others drop at the same moment are not counted.
func (s *Store) Drop(ctx context.Context, to crypto.InboxID, letter crypto.Letter) error {
	name, err := remote.CheckLetter(&letter)
	if err != nil {
		return err
	}
	names, err := s.letters(ctx, remote.OpDrop, to)
	if err != nil {
		return err
	}
	for _, there := range names {
		if there == name {
			return nil
		}
	}
	if len(names) >= s.most {
		return remote.Fail(remote.OpDrop, to, remote.ErrFull, nil)
	}
	done, err := s.begin(ctx, remote.OpDrop, to)
	if err != nil {
		return err
	}
	defer done()
	if _, err := s.write(ctx, s.letterKey(to, name), letter[:], nil); err != nil {
		return s.fail(ctx, remote.OpDrop, to, err)
	}
	return nil
}

// letterKey returns the key of a letter.
func (s *Store) letterKey(of crypto.InboxID, name crypto.LetterName) string {
	return s.place.key(inboxesFolder, of.String(), name.String())
}

// Letters implements remote.Inbox.
func (s *Store) Letters(ctx context.Context, of crypto.InboxID) ([]crypto.LetterName, error) {
	return s.letters(ctx, remote.OpLetters, of)
}

// letters lists an inbox. It looks at a few pages at most, however many foreign objects lie there.
func (s *Store) letters(ctx context.Context, op string, of crypto.InboxID) (names []crypto.LetterName, err error) {
	looked := 0
	for page, err := range s.pages(ctx, op, of, s.place.key(inboxesFolder, of.String(), "")) {
		if err != nil {
			return nil, err
		}
		for i := range page {
			if name, err := crypto.ParseLetterName(*page[i].Key); err == nil && len(names) < remote.MaxLetters {
				names = append(names, name)
			}
		}
		if looked += len(page); looked >= 4*remote.MaxLetters {
			break
		}
	}
	return names, nil
}

// Fetch implements remote.Inbox.
func (s *Store) Fetch(ctx context.Context, of crypto.InboxID, name crypto.LetterName) (l crypto.Letter, err error) {
	done, err := s.begin(ctx, remote.OpFetch, name)
	if err != nil {
		return l, err
	}
	defer done()
	b, _, err := s.read(ctx, s.letterKey(of, name), int64(len(l)))
	if err == nil {
		l, err = crypto.ParseLetter(b)
		if err != nil {
			return l, remote.Fail(remote.OpFetch, name, remote.ErrCorrupt, err)
		}
		return l, nil
	}
	if errors.Is(err, errTooLong) {
		return l, remote.Fail(remote.OpFetch, name, remote.ErrCorrupt, err)
	}
	return l, s.fail(ctx, remote.OpFetch, name, err)
}

// Forget implements remote.Inbox.
func (s *Store) Forget(ctx context.Context, of crypto.InboxID, name crypto.LetterName) error {
	done, err := s.begin(ctx, remote.OpForget, name)
	if err != nil {
		return err
	}
	defer done()
	if err := s.remove(ctx, s.letterKey(of, name)); err != nil {
		return s.fail(ctx, remote.OpForget, name, err)
	}
	return nil
}

// Claim implements remote.Names.
func (s *Store) Claim(ctx context.Context, id crypto.NameID, record crypto.NameRecord) error {
	return s.setName(ctx, remote.OpClaim, remote.CheckClaim, id, record)
}

// Replace implements remote.Names.
func (s *Store) Replace(ctx context.Context, id crypto.NameID, record crypto.NameRecord) error {
	return s.setName(ctx, remote.OpReplace, remote.CheckReplace, id, record)
}

// nameRegister returns the register of a name.
func (s *Store) nameRegister(op string, id crypto.NameID) register {
	return register{op: op, on: id, key: s.place.key(namesFolder, id.String()), max: crypto.NameRecordSize}
}

// setName stores a record if check allows it.
func (s *Store) setName(
	ctx context.Context, op string, check func(crypto.NameID, *crypto.NameRecord, *crypto.NameRecord) (bool, error),
	id crypto.NameID, record crypto.NameRecord,
) error {
	done, err := s.begin(ctx, op, id)
	if err != nil {
		return err
	}
	defer done()
	r := s.nameRegister(op, id)
	_, err = s.replace(ctx, r, nil, func(v value) ([]byte, error) {
		current, err := r.parseName(v)
		if err != nil {
			return nil, err
		}
		if done, err := check(id, current, &record); done || err != nil {
			return nil, err
		}
		return record[:], nil
	})
	return err
}

// parseName reads the object of a name; nil: there is none. The caller checks its signature.
func (r register) parseName(v value) (*crypto.NameRecord, error) {
	if v.b == nil {
		return nil, nil
	}
	record, err := crypto.ParseNameRecord(v.b)
	if err != nil {
		return nil, remote.Fail(r.op, r.on, remote.ErrCorrupt, err)
	}
	return &record, nil
}

// LookUp implements remote.Names.
func (s *Store) LookUp(ctx context.Context, id crypto.NameID) (crypto.NameRecord, error) {
	done, err := s.begin(ctx, remote.OpLookUp, id)
	if err != nil {
		return crypto.NameRecord{}, err
	}
	defer done()
	r := s.nameRegister(remote.OpLookUp, id)
	v, err := s.load(ctx, r)
	if err != nil {
		return crypto.NameRecord{}, err
	}
	record, err := r.parseName(v)
	if err != nil {
		return crypto.NameRecord{}, err
	}
	if record == nil {
		return crypto.NameRecord{}, remote.Fail(remote.OpLookUp, id, remote.ErrNotFound, nil)
	}
	return *record, nil
}
