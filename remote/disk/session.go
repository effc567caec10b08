package disk

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/gofrs/flock"
)

// session is the folder of one handle's unfinished files. A lock beside it, held as long as the handle lives, tells
// other processes that they are not to be swept away; the system drops the lock when the process dies, however it dies.
type session struct {
	parent string

	mu     sync.Mutex // guards what renew replaces
	folder string
	lock   *flock.Flock
}

// lockSuffix is what the lock of a session adds to its folder's name.
const lockSuffix = ".lock"

// errBusy is why no session could be made; it takes another process that sweeps just then, time after time.
var errBusy = errors.New("other processes keep removing the lock file")

// newSession makes a session. The lock is there before the folder, and the folder goes before the lock, so a folder
// without a lock is always a left-over.
func newSession(parent string) (*session, error) {
	for range 16 {
		f, err := os.CreateTemp(parent, "session-*"+lockSuffix)
		if err != nil {
			return nil, err
		}
		path := f.Name()
		if err := f.Close(); err != nil {
			return nil, err
		}
		lock := flock.New(path, flock.SetPermissions(fileMode))
		held, err := holdNamed(lock)
		if err != nil {
			return nil, err
		}
		if !held {
			continue // a sweep took it for a left-over before it was locked
		}
		s := &session{parent: parent, folder: strings.TrimSuffix(path, lockSuffix), lock: lock}
		if err := os.Mkdir(s.folder, folderMode); err != nil {
			return nil, errors.Join(err, lock.Close())
		}
		return s, nil
	}
	return nil, errBusy
}

// holdNamed takes the lock if it is free and the file still has its name; else it lets go.
func holdNamed(lock *flock.Flock) (bool, error) {
	held, err := lock.TryLock()
	if err != nil || !held {
		return false, errors.Join(err, lock.Close())
	}
	mine, err := lock.Stat()
	if err != nil {
		return false, errors.Join(err, lock.Close())
	}
	named, err := os.Stat(lock.Path())
	if err == nil && os.SameFile(mine, named) {
		return true, nil
	}
	return false, lock.Close()
}

// create makes a new unfinished file.
func (s *session) create() (*os.File, error) {
	s.mu.Lock()
	folder := s.folder
	s.mu.Unlock()
	return os.CreateTemp(folder, "*")
}

// renew makes the session anew if its folder is gone.
func (s *session) renew() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := os.Lstat(s.folder); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	fresh, err := newSession(s.parent)
	if err != nil {
		return err
	}
	_ = s.lock.Close() // of a file that is gone
	s.folder, s.lock = fresh.folder, fresh.lock
	return nil
}

// sweep removes the sessions of handles that are gone and tells how many.
func (s *session) sweep() (int, error) {
	entries, err := os.ReadDir(s.parent)
	if err != nil {
		return 0, err
	}
	swept := 0
	var errs []error
	for _, entry := range entries {
		folder := filepath.Join(s.parent, strings.TrimSuffix(entry.Name(), lockSuffix))
		if folder == s.folder {
			continue
		}
		gone, err := sweepOne(folder, strings.HasSuffix(entry.Name(), lockSuffix))
		if err != nil {
			errs = append(errs, err)
		} else if gone {
			swept++
		}
	}
	return swept, errors.Join(errs...)
}

// sweepOne removes one session if its handle is gone, of which either the lock or the folder was seen.
func sweepOne(folder string, seenLock bool) (bool, error) {
	path := folder + lockSuffix
	if _, err := os.Lstat(path); err != nil {
		if !errors.Is(err, os.ErrNotExist) || seenLock {
			return false, nil // it was closed meanwhile, or swept by another
		}
		return true, os.RemoveAll(folder)
	}
	lock := flock.New(path, flock.SetPermissions(fileMode))
	held, err := holdNamed(lock)
	if err != nil || !held {
		return false, err
	}
	return true, errors.Join(os.RemoveAll(folder), removeHeld(lock))
}

// removeHeld removes a lock's file while it is held, so that nobody else can take it in between. Where a file that is
// open can't be removed, it goes right after: its name is random and nobody takes it for their own.
func removeHeld(lock *flock.Flock) error {
	err := os.Remove(lock.Path())
	closeErr := lock.Close()
	if err != nil {
		err = os.Remove(lock.Path())
	}
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, closeErr)
}

// close removes the session.
func (s *session) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(os.RemoveAll(s.folder), removeHeld(s.lock))
}
