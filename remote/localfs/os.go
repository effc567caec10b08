package localfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// OS is the filesystem of the operating system.
type OS struct{}

var (
	_ FS       = OS{}
	_ Linker   = OS{}
	_ Director = OS{}
)

// Create makes a new file with mode 0600.
func (OS) Create(path string) (File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

// Open opens a regular file for reading and writing. It follows no link at the end of the path. A second name is no reason to refuse it:
// staged blobs have one in a remote that lies in the home.
func (OS) Open(path string) (File, error) {
	f, err := openIf(path, os.O_RDWR|noFollow, os.Lstat)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

// Rename is os.Rename.
func (OS) Rename(from, to string) error { return os.Rename(from, to) }

// Remove is os.Remove.
func (OS) Remove(path string) error { return os.Remove(path) }

// Link is os.Link.
func (OS) Link(from, to string) error { return os.Link(from, to) }

// MkdirAll is os.MkdirAll with mode 0700, and syncs.
func (o OS) MkdirAll(dir string) error { return Make(dir, o.SyncDir) }

// Make makes a directory, with what is missing above it, and syncs what each of them was made in.
func Make(dir string, sync func(dir string) error) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	above := filepath.Dir(dir)
	if above != dir {
		if err := Make(above, sync); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return &fs.PathError{Op: "mkdir", Path: dir, Err: syscall.ENOTDIR}
	}
	return sync(above)
}

// List tells the plain files of a directory. A file that vanishes meanwhile is left out.
func (OS) List(dir string) ([]Entry, error) {
	items, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	list := make([]Entry, 0, len(items))
	for _, item := range items {
		if !item.Type().IsRegular() {
			continue
		}
		info, err := item.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, Entry{Name: item.Name(), Size: info.Size()})
	}
	return list, nil
}

// SyncDir syncs a directory. Where the system can't (Windows), renames are durable with its own metadata log and there is
// nothing to do. Some filesystems, mostly network shares, know no such thing: they do as they please and say EINVAL.
func (OS) SyncDir(dir string) error {
	if !dirsCanSync {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(SyncFolder(d), d.Close())
}

// SyncFolder is SyncDir for a directory that is open.
func SyncFolder(d *os.File) error {
	if !dirsCanSync {
		return nil
	}
	err := d.Sync()
	if err == nil || errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		return nil
	}
	return fmt.Errorf("sync directory: %w", err)
}

type osFile struct{ *os.File }

// Unwrap is the system's own handle.
func (f osFile) Unwrap() *os.File { return f.File }

// Size is the length of the file in bytes.
func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// IsFull reports whether an error says that the disk or the user's quota is full.
func IsFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || isFullHere(err)
}
