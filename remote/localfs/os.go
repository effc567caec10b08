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

// Open opens a regular file for reading and writing. It fails if the path itself is a link. It accepts files with a
// second name: staged blobs have one in a remote inside the home.
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

// Make makes a directory and its missing parents, and syncs the parent of each.
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

// List returns the plain files of a directory, without those that vanish meanwhile.
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

// SyncDir syncs a directory. Windows can't, but its metadata log makes renames durable, so nothing is needed there.
// Some filesystems, mostly network shares, do not support it and return EINVAL, which is ignored.
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

// Unwrap returns the system's own handle.
func (f osFile) Unwrap() *os.File { return f.File }

// Size returns the length of the file in bytes.
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
