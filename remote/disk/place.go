package disk

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// place is the store's folder, open for one call. A call reaches files by names within it and never by a path, so no
// link in the store leads outside. Since the folder is opened anew for each call, a call also notices that the disk is
// gone or was replaced.
type place struct{ *os.Root }

var (
	// errNotPlain is the error for anything but a regular file where one of ours belongs. The check comes before opening:
	// a pipe would block, and opening a device may have effects.
	errNotPlain = fmt.Errorf("it is not a regular file, so something else than Postern has changed the store: %w",
		fs.ErrInvalid)
	// errNotFolder is the same for a folder of ours.
	errNotFolder = fmt.Errorf("it is not a real folder, so something else than Postern has changed the store: %w",
		fs.ErrInvalid)
	// errTooLong is the error of readSmall for a file beyond its limit.
	errTooLong = errors.New("the file is longer than it can be")
)

// enter opens the store's folder. The caller closes it.
func (s *Store) enter() (place, error) {
	// The separator makes the system reject anything but a folder; opening a pipe would block.
	root, err := os.OpenRoot(s.root + string(filepath.Separator))
	return place{root}, err
}

// within opens the store's folder, calls do and closes the folder.
func (s *Store) within(do func(place) error) error {
	p, err := s.enter()
	if err != nil {
		return err
	}
	return errors.Join(do(p), p.Close())
}

// open opens a regular file for reading. If the name itself is a link, it fails.
func (p place) open(name string) (*os.File, error) {
	return p.openPlain(name, os.O_RDONLY)
}

// openPlain opens a regular file, or makes it if flag says so, and fails on everything else.
func (p place) openPlain(name string, flag int) (*os.File, error) {
	before, err := p.Lstat(name)
	if err == nil && !before.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errNotPlain}
	}
	if err != nil && (flag&os.O_CREATE == 0 || !errors.Is(err, fs.ErrNotExist)) {
		return nil, err
	}
	f, err := p.OpenFile(name, flag|nonBlocking, fileMode)
	if err != nil {
		return nil, err
	}
	// Another process may have replaced the file meanwhile. At worst its link leads to somewhere in the store.
	now, err := f.Stat()
	if err == nil && !now.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: name, Err: errNotPlain}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// readSmall reads a whole file of at most limit bytes. For a longer file it returns the beginning and errTooLong.
func (p place) readSmall(name string, limit int) ([]byte, error) {
	f, err := p.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err == nil && len(b) > limit {
		err = errTooLong
	}
	return b, err
}

// size returns the size of a regular file in bytes.
func (p place) size(name string) (int64, error) {
	info, err := p.Lstat(name)
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, &fs.PathError{Op: "stat", Path: name, Err: errNotPlain}
	}
	return info.Size(), nil
}

// isFolder returns an error unless name is a folder itself, not a link to one.
func (p place) isFolder(name string) error {
	info, err := p.Lstat(name)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "open", Path: name, Err: errNotFolder}
	}
	return err
}

// openFolder opens a folder for reading its entries or for a sync.
func (p place) openFolder(name string) (*os.File, error) {
	if err := p.isFolder(name); err != nil {
		return nil, err
	}
	return p.OpenFile(name, os.O_RDONLY|onlyFolder|nonBlocking, 0)
}

// makeFolder makes a folder unless it is there.
func (p place) makeFolder(name string) error {
	err := p.Mkdir(name, folderMode)
	if errors.Is(err, fs.ErrExist) {
		return p.isFolder(name)
	}
	return err
}

// create makes a file of a random name that begins and ends as given, and returns it with its name.
func (p place) create(prefix, suffix string) (*os.File, string, error) {
	name := prefix + rand.Text() + suffix
	f, err := p.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, fileMode)
	return f, name, err
}

// exists reports whether anything has the name, of whatever kind.
func (p place) exists(name string) (bool, error) {
	_, err := p.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// syncFolder makes the names in a folder durable.
func (s *Store) syncFolder(p place, name string) error {
	d, err := p.openFolder(name)
	if err != nil {
		return err
	}
	return errors.Join(s.sys.SyncFolder(d), d.Close())
}
