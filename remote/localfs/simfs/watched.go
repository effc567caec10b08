//go:build unix

package simfs

import (
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"

	"postern/remote/localfs"
)

// Watched is a folder of the real filesystem that records what was synced, so that PowerLoss can make the folder that a
// power loss would leave. It is for tests that need a real filesystem, with locks, links and several handles: it is a
// localfs.FS, and a System of a disk remote. Changes that bypass it (writes, renames, removals) count as not synced.
// Syncs cost nothing here.
type Watched struct {
	localfs.FS
	root string
	hook func() // called before and after each sync, link, rename and removal; nil: none

	cutting sync.RWMutex // write-held while the power fails, read-held while something is written or becomes durable
	mu      sync.Mutex
	synced  map[uint64]*held         // what was synced of files, by inode number
	names   map[string]map[string]id // what was synced of folders, by path
}

// held is the synced content of a file. The file stays open, so that its inode number is not reused.
type held struct {
	file  *os.File
	bytes []byte
}

// id is what a name refers to: a file's inode number, or a folder.
type id struct {
	folder bool
	number uint64
}

var (
	_ localfs.FS     = (*Watched)(nil)
	_ localfs.Linker = (*Watched)(nil)
)

// Watch begins to watch a folder, whose present contents count as synced. hook is called, without a lock, at each
// moment at which a power loss makes a difference. Close closes the files that it keeps open.
func Watch(root string, hook func()) (*Watched, error) {
	w := &Watched{FS: localfs.OS{}, root: filepath.Clean(root), hook: func() {}, synced: map[uint64]*held{},
		names: map[string]map[string]id{}}
	err := filepath.WalkDir(w.root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return w.SyncDir(path)
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		return errors.Join(w.SyncFile(f), f.Close())
	})
	w.hook = hook
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// Close closes all open files.
func (w *Watched) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var errs []error
	for _, h := range w.synced {
		errs = append(errs, h.file.Close())
	}
	clear(w.synced)
	return errors.Join(errs...)
}

// step runs do as one step: the power may fail before or after it, but not amid it.
func (w *Watched) step(do func() error) error {
	w.hook()
	w.cutting.RLock()
	err := do()
	w.cutting.RUnlock()
	w.hook()
	return err
}

// SyncFile records a file's bytes as synced.
func (w *Watched) SyncFile(f *os.File) error {
	return w.step(func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		h, err := w.hold(f)
		if err != nil {
			return err
		}
		info, err := h.file.Stat()
		if err != nil {
			return err
		}
		p := make([]byte, info.Size())
		n, err := h.file.ReadAt(p, 0)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		h.bytes = p[:n]
		return nil
	})
}

// hold keeps a file open; w.mu is held.
func (w *Watched) hold(f *os.File) (*held, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	number := numberOf(info)
	if h := w.synced[number]; h != nil {
		return h, nil
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	var second int
	var failed error
	if err := raw.Control(func(fd uintptr) { second, failed = syscall.Dup(int(fd)) }); err != nil || failed != nil {
		return nil, errors.Join(err, failed)
	}
	w.synced[number] = &held{file: os.NewFile(uintptr(second), f.Name())}
	return w.synced[number], nil
}

func numberOf(info fs.FileInfo) uint64 { return info.Sys().(*syscall.Stat_t).Ino }

// SyncDir records the names in a folder as synced.
func (w *Watched) SyncDir(dir string) error {
	return w.step(func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		names, err := w.list(dir)
		w.names[filepath.Clean(dir)] = names
		return err
	})
}

// SyncFolder is SyncDir for an open folder, as a disk remote needs it.
func (w *Watched) SyncFolder(d *os.File) error { return w.SyncDir(d.Name()) }

// LinkIn gives a file of a folder a second name in it.
func (w *Watched) LinkIn(root *os.Root, from, to string) error {
	return w.step(func() error { return root.Link(from, to) })
}

// list returns the names in a folder, without those that vanish meanwhile, and holds its files; w.mu is held.
func (w *Watched) list(dir string) (map[string]id, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	names := make(map[string]id, len(entries))
	for _, entry := range entries {
		if entry.IsDir() {
			names[entry.Name()] = id{folder: true}
			continue
		}
		f, err := os.Open(filepath.Join(dir, entry.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		h, err := w.hold(f)
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
		info, err := h.file.Stat()
		if err != nil {
			return nil, err
		}
		names[entry.Name()] = id{number: numberOf(info)}
	}
	return names, nil
}

// PowerLoss fills an empty folder with what the watched one would hold after a power loss now. It calls noting first,
// while nothing can be written through the watched files or become durable: everything promised before that call must
// be found, and nothing that is begun after it. The watched folder remains usable.
func (w *Watched) PowerLoss(rnd *rand.Rand, to string, noting func()) error {
	w.cutting.Lock()
	defer w.cutting.Unlock()
	noting()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lose(rnd, w.root, to)
}

func (w *Watched) lose(rnd *rand.Rand, from, to string) error {
	now, err := w.list(from)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	synced := w.names[from]
	var all []string
	for name := range now {
		all = append(all, name)
	}
	for name := range synced {
		if _, there := now[name]; !there {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	for _, name := range all {
		left, there := synced[name]
		if seen, is := now[name]; (seen != left || is != there) && rnd.IntN(2) == 0 {
			left, there = seen, is
		}
		if !there {
			continue
		}
		at := filepath.Join(to, name)
		if left.folder {
			if err := os.Mkdir(at, 0o700); err != nil {
				return err
			}
			if err := w.lose(rnd, filepath.Join(from, name), at); err != nil {
				return err
			}
			continue
		}
		h := w.synced[left.number]
		info, err := h.file.Stat()
		if err != nil {
			return err
		}
		seen := make([]byte, info.Size())
		n, err := h.file.ReadAt(seen, 0)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		lost := inode{now: seen[:n], durable: h.bytes}
		if err := os.WriteFile(at, lost.afterLoss(rnd), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// MkdirAll implements localfs.FS.
func (w *Watched) MkdirAll(dir string) error { return localfs.Make(dir, w.SyncDir) }

// Create implements localfs.FS.
func (w *Watched) Create(path string) (localfs.File, error) { return w.file(w.FS.Create(path)) }

// Open implements localfs.FS.
func (w *Watched) Open(path string) (localfs.File, error) { return w.file(w.FS.Open(path)) }

func (w *Watched) file(f localfs.File, err error) (localfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &watchedFile{File: f, w: w}, nil
}

// Rename implements localfs.FS.
func (w *Watched) Rename(from, to string) error {
	return w.step(func() error { return w.FS.Rename(from, to) })
}

// Remove implements localfs.FS.
func (w *Watched) Remove(path string) error {
	return w.step(func() error { return w.FS.Remove(path) })
}

// Link gives a file a second name.
func (w *Watched) Link(from, to string) error {
	return w.step(func() error { return os.Link(from, to) })
}

// watchedFile is a file whose syncs are recorded.
type watchedFile struct {
	localfs.File
	w *Watched
}

// WriteAt implements localfs.File.
func (f *watchedFile) WriteAt(p []byte, off int64) (int, error) {
	f.w.cutting.RLock()
	defer f.w.cutting.RUnlock()
	return f.File.WriteAt(p, off)
}

// Truncate implements localfs.File.
func (f *watchedFile) Truncate(size int64) error {
	f.w.cutting.RLock()
	defer f.w.cutting.RUnlock()
	return f.File.Truncate(size)
}

// Sync implements localfs.File.
func (f *watchedFile) Sync() error {
	file, ok := f.File.(interface{ Unwrap() *os.File })
	if !ok {
		return errors.ErrUnsupported
	}
	return f.w.SyncFile(file.Unwrap())
}
