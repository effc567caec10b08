package localfs

import (
	"errors"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// CreateDirect makes a file with O_DIRECT if the filesystem supports it, else like Create.
func (o OS) CreateDirect(path string) (File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL|unix.O_DIRECT, 0o600)
	if errors.Is(err, unix.EINVAL) {
		// The file was made before the flag was refused.
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		return o.Create(path)
	}
	if err != nil {
		return nil, err
	}
	return &directFile{osFile: osFile{f}, direct: true}, nil
}

// directFile becomes an ordinary file at the first read, or write that can't go straight to the disk.
type directFile struct {
	osFile
	mu     sync.RWMutex // held to change direct
	direct bool
}

// WriteAt goes straight to the disk if it can.
func (f *directFile) WriteAt(p []byte, off int64) (int, error) {
	if aligned(p, off) {
		n, err := f.osFile.WriteAt(p, off)
		if !errors.Is(err, unix.EINVAL) {
			return n, err
		}
		// The disk has other requirements. Writing all of it again is harmless.
	}
	if err := f.ordinary(); err != nil {
		return 0, err
	}
	return f.osFile.WriteAt(p, off)
}

// ReadAt reads through the page cache.
func (f *directFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.ordinary(); err != nil {
		return 0, err
	}
	return f.osFile.ReadAt(p, off)
}

// ordinary clears the flag.
func (f *directFile) ordinary() error {
	f.mu.RLock()
	direct := f.direct
	f.mu.RUnlock()
	if !direct {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		flags, err := unix.FcntlInt(fd, unix.F_GETFL, 0)
		if err == nil {
			_, err = unix.FcntlInt(fd, unix.F_SETFL, flags&^unix.O_DIRECT)
		}
		failed = err
	})
	if err = errors.Join(err, failed); err == nil {
		f.direct = false
	}
	return err
}
