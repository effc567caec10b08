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

// Roles implements remote.Store: all of them.
func (s *Store) Roles() remote.Roles { return remote.Roles{Inbox: s, Names: s, Watch: s} }

// strangersMost bounds how many entries of an inbox are read for each letter that it may hold, so that a folder full of
// foreign files does not delay a call.
const strangersMost = 4

// inboxFolder is where the letters of an inbox lie within the store.
func inboxFolder(id crypto.InboxID) string {
	return filepath.Join(shardFolder(inboxes, id[0]), id.String())
}

// letterFile is where a letter lies within the store.
func letterFile(of crypto.InboxID, name crypto.LetterName) string {
	return filepath.Join(inboxFolder(of), name.String())
}

// Drop implements remote.Inbox.
func (s *Store) Drop(ctx context.Context, to crypto.InboxID, letter crypto.Letter) error {
	name, err := remote.CheckLetter(&letter)
	if err := s.ready(ctx, remote.OpDrop, to); err != nil {
		return err
	}
	if err != nil {
		return err
	}
	return s.change(ctx, remote.OpDrop, to, int(to[0]), func(p place) error {
		return s.again(p, func() error { return s.drop(p, to, name, letter[:]) })
	})
}

// drop keeps a letter; the lock of the inbox is held.
func (s *Store) drop(p place, to crypto.InboxID, name crypto.LetterName, letter []byte) error {
	if err := s.ensureShard(p, inboxes, to[0]); err != nil {
		return err
	}
	folder := inboxFolder(to)
	if err := p.makeFolder(folder); err != nil {
		return err
	}
	if err := s.syncFolder(p, shardFolder(inboxes, to[0])); err != nil {
		return err
	}
	if b, err := p.readSmall(letterFile(to, name), crypto.LetterSize); err == nil && string(b) == string(letter) {
		return s.syncFolder(p, folder)
	}
	there, err := s.letters(p, to)
	if err != nil {
		return err
	}
	if len(there) >= s.most {
		return remote.Fail(remote.OpDrop, to, remote.ErrFull, fmt.Errorf("the inbox has %d letters", len(there)))
	}
	return s.place(p, letterFile(to, name), folder, letter)
}

// Letters implements remote.Inbox.
func (s *Store) Letters(ctx context.Context, of crypto.InboxID) (names []crypto.LetterName, err error) {
	if err := s.ready(ctx, remote.OpLetters, of); err != nil {
		return nil, err
	}
	err = s.within(func(p place) error {
		names, err = s.letters(p, of)
		return err
	})
	if err != nil {
		return nil, s.fail(remote.OpLetters, of, s.orGone(err))
	}
	return names, nil
}

// letters returns the names of letters in an inbox, at most as many as it may hold. It skips files that are not
// letters.
func (s *Store) letters(p place, of crypto.InboxID) (names []crypto.LetterName, err error) {
	folder, err := p.openFolder(inboxFolder(of))
	if errors.Is(err, fs.ErrNotExist) && !s.isGone() {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	looked := 0
	err = each(folder, func(entry fs.DirEntry) (bool, error) {
		looked++
		if name, err := crypto.ParseLetterName(entry.Name()); err == nil && entry.Type().IsRegular() {
			names = append(names, name)
		}
		if looked >= strangersMost*s.most && len(names) < s.most {
			return false, remote.Fail(remote.OpLetters, of, remote.ErrFull,
				errors.New("its folder is full of things that are no letters"))
		}
		return len(names) < s.most, nil
	})
	return names, err
}

// Fetch implements remote.Inbox.
func (s *Store) Fetch(
	ctx context.Context, of crypto.InboxID, name crypto.LetterName,
) (letter crypto.Letter, err error) {
	if err := s.ready(ctx, remote.OpFetch, name); err != nil {
		return letter, err
	}
	var b []byte
	err = s.within(func(p place) error {
		b, err = p.readSmall(letterFile(of, name), crypto.LetterSize)
		return err
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return letter, s.missing(remote.OpFetch, name)
	case err != nil && !errors.Is(err, errTooLong):
		return letter, s.fail(remote.OpFetch, name, err)
	}
	if letter, err = crypto.ParseLetter(b); err != nil {
		return letter, remote.Fail(remote.OpFetch, name, remote.ErrCorrupt, err)
	}
	return letter, nil
}

// Forget implements remote.Inbox. It does not sync: a letter that reappears after a power cut is read and deleted
// again.
func (s *Store) Forget(ctx context.Context, of crypto.InboxID, name crypto.LetterName) error {
	if err := s.ready(ctx, remote.OpForget, name); err != nil {
		return err
	}
	return s.change(ctx, remote.OpForget, name, int(of[0]), func(p place) error {
		err := p.Remove(letterFile(of, name))
		if errors.Is(err, fs.ErrNotExist) && !s.isGone() {
			err = nil
		}
		if err == nil {
			_ = p.Remove(inboxFolder(of)) // unless there is another letter
		}
		return err
	})
}

// change runs a change under a lock.
func (s *Store) change(ctx context.Context, op string, on fmt.Stringer, lock int, do func(place) error) error {
	s.writing.RLock()
	defer s.writing.RUnlock()
	if err := s.ready(ctx, op, on); err != nil {
		return err
	}
	err := s.within(func(p place) error {
		unlock, err := s.lock(ctx, p, op, on, lock, true)
		if err != nil {
			return err
		}
		defer unlock()
		return do(p)
	})
	if err != nil {
		return s.fail(op, on, s.orGone(err))
	}
	return nil
}
