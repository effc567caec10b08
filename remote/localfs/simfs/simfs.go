// Package simfs is a local filesystem in memory that simulates power losses, full disks and failing syncs. It is as
// harsh as POSIX allows: after PowerLoss any subset of the unsynced bytes, sector by sector, and of the unsynced
// directory entries may be there, and a sync that succeeds after a failed one keeps only what was changed in between.
package simfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"postern/remote/localfs"
)

// sector is the number of bytes that a disk writes atomically.
const sector = 512

// FS is a simulated filesystem. It may be used by several goroutines at once.
type FS struct {
	mu       sync.Mutex
	now      map[string]*inode       // what the process sees
	durable  map[string]*inode       // what SyncDir promised
	unsynced map[string]*inode       // entries that later syncs skip while unchanged; see dropEntries
	dirs     map[string]bool         // always durable, for simplicity
	capacity int64                   // negative: none
	failSync func(path string) error // nil: no sync fails
	syncs    int
	onSync   func()
}

// inode is a file's bytes, as seen and as synced.
type inode struct {
	now, durable []byte
	unsynced     []byte // the bytes at a failed sync: later syncs skip sectors that are unchanged; nil: none failed
}

var _ localfs.FS = (*FS)(nil)

// New returns an empty filesystem without a limit.
func New() *FS {
	return &FS{now: map[string]*inode{}, durable: map[string]*inode{}, unsynced: map[string]*inode{},
		dirs: map[string]bool{}, capacity: -1}
}

// SetCapacity limits the bytes of all files together; negative: no limit.
func (s *FS) SetCapacity(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.capacity = n
}

// Used returns the bytes of all files.
func (s *FS) Used() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used()
}

// Free returns the remaining room; a large number without a limit.
func (s *FS) Free(string) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.capacity < 0 {
		return 1 << 50, nil
	}
	return max(s.capacity-s.used(), 0), nil
}

// FailSyncs makes every sync of a file or directory fail, until it is called with nil.
func (s *FS) FailSyncs(err error) {
	s.FailSyncsOf(func(string) error { return err })
}

// FailSyncsOf makes the syncs of a file or directory fail if f returns an error for its path, until it is called again;
// nil: none fails.
func (s *FS) FailSyncsOf(f func(path string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failSync = f
}

// syncFails returns the error of a sync. The caller holds mu.
func (s *FS) syncFails(path string) error {
	if s.failSync == nil {
		return nil
	}
	return s.failSync(path)
}

// OnSync calls f before every sync of a file, without a lock.
func (s *FS) OnSync(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onSync = f
}

// Syncs returns the number of syncs of files so far.
func (s *FS) Syncs() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.syncs
}

// Copy returns a copy of the filesystem, in which everything is synced, like a full backup.
func (s *FS) Copy() *FS {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := New()
	for dir := range s.dirs {
		next.dirs[dir] = true
	}
	for name, node := range s.now {
		next.now[name] = &inode{now: slices.Clone(node.now), durable: slices.Clone(node.now)}
		next.durable[name] = next.now[name]
	}
	return next
}

// PowerLoss returns the filesystem as it would be after a power loss now. Unsynced changes survive at random. The
// original remains usable, so that one history can fail in many ways.
func (s *FS) PowerLoss(rnd *rand.Rand) *FS {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := New()
	for dir := range s.dirs {
		next.dirs[dir] = true
	}
	names := make(map[string]bool)
	for name := range s.now {
		names[name] = true
	}
	for name := range s.durable {
		names[name] = true
	}
	sorted := make([]string, 0, len(names))
	for name := range names {
		sorted = append(sorted, name)
	}
	slices.Sort(sorted)
	for _, name := range sorted {
		node := s.durable[name]
		if seen := s.now[name]; seen != node && rnd.IntN(2) == 0 {
			node = seen
		}
		if node == nil {
			continue
		}
		left := node.afterLoss(rnd)
		next.now[name] = &inode{now: left, durable: slices.Clone(left)}
		next.durable[name] = next.now[name]
	}
	return next
}

// afterLoss mixes sectors of the synced bytes and of the current bytes.
func (n *inode) afterLoss(rnd *rand.Rand) []byte {
	if slices.Equal(n.now, n.durable) {
		return slices.Clone(n.now)
	}
	size := len(n.durable)
	if len(n.now) != size && rnd.IntN(2) == 0 {
		size = len(n.now)
	}
	if low, high := min(len(n.durable), len(n.now)), max(len(n.durable), len(n.now)); rnd.IntN(4) == 0 {
		size = low + rnd.IntN(high-low+1)
	}
	out := make([]byte, size) // bytes that were never written read as zeros
	for off := 0; off < size; off += sector {
		end := min(off+sector, size)
		from := n.durable
		if rnd.IntN(2) == 0 {
			from = n.now
		}
		if off < len(from) {
			copy(out[off:end], from[off:])
		}
	}
	return out
}

// Create implements localfs.FS.
func (s *FS) Create(path string) (localfs.File, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.dirs[filepath.Dir(path)] {
		return nil, &fs.PathError{Op: "create", Path: path, Err: fs.ErrNotExist}
	}
	if s.now[path] != nil {
		return nil, &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	n := new(inode)
	s.now[path] = n
	return &file{fs: s, path: path, node: n}, nil
}

// Open implements localfs.FS.
func (s *FS) Open(path string) (localfs.File, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.now[path]
	if n == nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	return &file{fs: s, path: path, node: n}, nil
}

// Rename implements localfs.FS.
func (s *FS) Rename(from, to string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.now[from]
	if n == nil {
		return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist}
	}
	delete(s.now, from)
	s.now[to] = n
	return nil
}

// Remove implements localfs.FS.
func (s *FS) Remove(path string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now[path] == nil {
		return &fs.PathError{Op: "remove", Path: path, Err: fs.ErrNotExist}
	}
	delete(s.now, path)
	return nil
}

// List implements localfs.FS.
func (s *FS) List(dir string) ([]localfs.Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []localfs.Entry
	for path, n := range s.now {
		if filepath.Dir(path) == dir {
			list = append(list, localfs.Entry{Name: filepath.Base(path), Size: int64(len(n.now))})
		}
	}
	slices.SortFunc(list, func(a, b localfs.Entry) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// MkdirAll implements localfs.FS.
func (s *FS) MkdirAll(dir string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for dir = filepath.Clean(dir); !s.dirs[dir]; dir = filepath.Dir(dir) {
		s.dirs[dir] = true
	}
	return nil
}

// SyncDir implements localfs.FS.
func (s *FS) SyncDir(dir string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.syncFails(dir); err != nil {
		s.dropEntries(dir)
		return err
	}
	for path := range s.durable {
		if filepath.Dir(path) == dir && s.now[path] == nil && !s.dropped(path) {
			delete(s.durable, path)
		}
	}
	for path, n := range s.now {
		if filepath.Dir(path) == dir && !s.dropped(path) {
			s.durable[path] = n
		}
	}
	return nil
}

// dropEntries makes later syncs of a directory skip the changes so far: after a failed sync, the system may mark
// entries as clean that never reached the disk. The caller holds mu.
func (s *FS) dropEntries(dir string) {
	for _, entries := range []map[string]*inode{s.now, s.durable} {
		for path := range entries {
			if filepath.Dir(path) == dir && s.now[path] != s.durable[path] {
				s.unsynced[path] = s.now[path]
			}
		}
	}
}

// dropped reports whether an entry has not changed since a sync of its directory failed. The caller holds mu.
func (s *FS) dropped(path string) bool {
	was, found := s.unsynced[path]
	if found && was != s.now[path] {
		delete(s.unsynced, path)
		return false
	}
	return found
}

func (s *FS) used() (n int64) {
	for _, node := range s.now {
		n += int64(len(node.now))
	}
	return n
}

// Damage changes the byte at off of a file, also on the disk.
func (s *FS) Damage(path string, off int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.now[path]
	if n == nil || off >= int64(len(n.now)) {
		return fmt.Errorf("no byte %d in %s", off, path)
	}
	n.now[off] ^= 0x20
	n.durable = slices.Clone(n.now)
	return nil
}

type file struct {
	fs     *FS
	path   string // when it was opened
	node   *inode
	closed bool
}

var errNegative = errors.New("negative offset")

func (f *file) use() error {
	if f.closed {
		return fs.ErrClosed
	}
	return nil
}

// ReadAt implements io.ReaderAt.
func (f *file) ReadAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.use(); err != nil {
		return 0, err
	}
	if off < 0 {
		return 0, errNegative
	}
	if off >= int64(len(f.node.now)) {
		return 0, io.EOF
	}
	n := copy(p, f.node.now[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt implements io.WriterAt. On a full disk it writes as many bytes as fit, as real filesystems do.
func (f *file) WriteAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.use(); err != nil {
		return 0, err
	}
	var full error
	if grow := off + int64(len(p)) - int64(len(f.node.now)); grow > 0 && f.fs.capacity >= 0 {
		if room := max(f.fs.capacity-f.fs.used(), 0); grow > room {
			p = p[:max(int64(len(p))-(grow-room), 0)]
			full = &fs.PathError{Op: "write", Path: "file", Err: syscall.ENOSPC}
		}
	}
	if end := int(off) + len(p); len(p) > 0 && end > len(f.node.now) {
		f.node.now = append(f.node.now, make([]byte, end-len(f.node.now))...)
	}
	return copy(f.node.now[min(int(off), len(f.node.now)):], p), full
}

// Sync makes the file's bytes durable, not its name.
func (f *file) Sync() error {
	f.fs.mu.Lock()
	hook := f.fs.onSync
	f.fs.mu.Unlock()
	if hook != nil {
		hook()
	}
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.use(); err != nil {
		return err
	}
	f.fs.syncs++
	if err := f.fs.syncFails(f.path); err != nil {
		f.node.unsynced = slices.Clone(f.node.now)
		return err
	}
	f.node.sync()
	return nil
}

// sync makes the bytes durable, except for sectors that have not changed since a failed sync: the system may have
// marked those as clean, though they never reached the disk.
func (n *inode) sync() {
	before := n.durable
	n.durable = slices.Clone(n.now)
	for at := 0; at < len(n.now); at += sector {
		end := min(at+sector, len(n.now))
		if end > len(n.unsynced) || !bytes.Equal(n.now[at:end], n.unsynced[at:end]) {
			continue
		}
		clear(n.durable[at:end])
		if at < len(before) {
			copy(n.durable[at:end], before[at:])
		}
	}
}

// Truncate implements localfs.File.
func (f *file) Truncate(size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.use(); err != nil {
		return err
	}
	if size < int64(len(f.node.now)) {
		f.node.now = slices.Clone(f.node.now[:size])
	}
	return nil
}

// Size implements localfs.File.
func (f *file) Size() (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return int64(len(f.node.now)), f.use()
}

// Close implements io.Closer.
func (f *file) Close() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	err := f.use()
	f.closed = true
	return err
}
