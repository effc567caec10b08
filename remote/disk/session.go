package disk

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// session is the folder of one handle's unfinished files. A lock beside it, held as long as the handle lives, keeps
// other processes from sweeping them away; the system drops the lock when the process ends, also after a crash.
type session struct {
	mu     sync.Mutex // guards what renew replaces
	folder string     // within the store: tmp/session-…
	lock   *os.File
}

const (
	// sessionPrefix begins the name of a session's folder and of its lock.
	sessionPrefix = "session-"
	// lockSuffix is what the lock of a session adds to its folder's name.
	lockSuffix = ".lock"
	// sweepMost bounds how many entries one Open examines for removal, so that many leftovers do not delay it. The next
	// Open continues.
	sweepMost = 10_000
	// randomMost bounds the length of the random part of a name.
	randomMost = 64
)

// errBusy is the error when no session could be made, because another process swept its lock away each time.
var errBusy = errors.New("other processes keep removing the lock file")

// newSession makes a session. The lock is there before the folder, and the folder goes before the lock, so a folder
// without a lock is always left over.
func newSession(p place) (*session, error) {
	for range 16 {
		f, name, err := p.create(filepath.Join(tmpFolder, sessionPrefix), lockSuffix)
		if err != nil {
			return nil, err
		}
		held, err := holdNamed(p, f, name)
		if err != nil {
			return nil, err
		}
		if !held {
			continue // a sweep removed it before it was locked
		}
		s := &session{folder: strings.TrimSuffix(name, lockSuffix), lock: f}
		if err := p.Mkdir(s.folder, folderMode); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		return s, nil
	}
	return nil, errBusy
}

// holdNamed takes the lock of an open file if it is free and the file still has its name; else it closes the file.
func holdNamed(p place, f *os.File, name string) (bool, error) {
	held, err := tryLock(f, true)
	if err != nil || !held {
		return false, errors.Join(err, f.Close())
	}
	mine, err := f.Stat()
	if err != nil {
		return false, errors.Join(err, f.Close())
	}
	named, err := p.Lstat(name)
	if err == nil && os.SameFile(mine, named) {
		return true, nil
	}
	return false, f.Close()
}

// create makes a new unfinished file and returns it with its name within the store.
func (s *session) create(p place) (*os.File, string, error) {
	s.mu.Lock()
	folder := s.folder
	s.mu.Unlock()
	return p.create(folder+string(filepath.Separator), "")
}

// renew makes the session anew if its folder is gone.
func (s *session) renew(p place) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if there, err := p.exists(s.folder); there || err != nil {
		return err
	}
	fresh, err := newSession(p)
	if err != nil {
		return err
	}
	_ = s.lock.Close() // of a file that is gone
	s.folder, s.lock = fresh.folder, fresh.lock
	return nil
}

// close removes the session.
func (s *session) close(p place) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	left := sweepMost
	return errors.Join(removeSession(p, s.folder, &left), removeHeld(p, s.lock, s.folder+lockSuffix))
}

// sweep removes the sessions of handles that are gone and returns how many. It removes only what a handle makes: plain
// files and folders under names of our own form. Everything else in tmp belongs to somebody else and stays.
func (s *session) sweep(p place) (int, error) {
	d, err := p.openFolder(tmpFolder)
	if err != nil {
		return 0, err
	}
	defer d.Close()
	swept := 0
	var errs []error
	for left := sweepMost; left > 0; {
		names, err := d.Readdirnames(min(listBatch, left))
		left -= len(names)
		for _, name := range names {
			session, isLock := strings.CutSuffix(name, lockSuffix)
			folder := filepath.Join(tmpFolder, session)
			if unique, ours := strings.CutPrefix(session, sessionPrefix); !ours || !isRandom(unique) || folder == s.folder {
				continue
			}
			gone, err := sweepOne(p, folder, isLock, &left)
			if err != nil && len(errs) < 10 {
				errs = append(errs, err)
			}
			if err == nil && gone {
				swept++
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return swept, errors.Join(append(errs, err)...)
		}
	}
	return swept, errors.Join(errs...)
}

// sweepOne removes one session if its handle is gone. seenLock says that its lock was found, else its folder was.
func sweepOne(p place, folder string, seenLock bool, left *int) (bool, error) {
	path := folder + lockSuffix
	there, err := p.exists(path)
	if err != nil {
		return false, err
	}
	if !there {
		if seenLock {
			return false, nil // it was closed meanwhile, or swept by another
		}
		return true, removeSession(p, folder, left)
	}
	f, err := p.openPlain(path, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	held, err := holdNamed(p, f, path)
	if err != nil || !held {
		return false, err
	}
	return true, errors.Join(removeSession(p, folder, left), removeHeld(p, f, path))
}

// removeSession removes a session's folder with the plain files in it. One that holds anything else stays, with an
// error.
func removeSession(p place, folder string, left *int) error {
	d, err := p.openFolder(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer d.Close()
	for *left > 0 {
		entries, err := d.ReadDir(min(listBatch, *left))
		*left -= len(entries)
		for _, entry := range entries {
			if !isRandom(entry.Name()) || !entry.Type().IsRegular() {
				continue
			}
			if err := p.Remove(filepath.Join(folder, entry.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	if err := p.Remove(folder); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// isRandom reports whether a name, or the end of one, has the form of our random names: letters and digits.
func isRandom(s string) bool {
	return s != "" && len(s) <= randomMost && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}

// removeHeld removes a lock's file while it is held, so that no other process can take it in between. On systems that
// can't remove an open file, it closes and removes it: the name is random, so no other process uses it.
func removeHeld(p place, f *os.File, name string) error {
	err := p.Remove(name)
	closeErr := f.Close()
	if err != nil {
		err = p.Remove(name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, closeErr)
}
