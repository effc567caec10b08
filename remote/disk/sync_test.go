package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"postern/crypto"
	"postern/remote"
)

// recording is a system that records syncs, and fails on request.
type recording struct {
	root string
	mu   sync.Mutex
	seen []string // "file 6000 bytes", "folder blobs/ab", each with its state at that time
	fail func(what string) error
	local
}

func (r *recording) note(what string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, what)
	if r.fail != nil {
		return r.fail(what)
	}
	return nil
}

func (r *recording) SyncFile(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return errors.Join(r.note(fmt.Sprintf("file of %d bytes", info.Size())), f.Sync())
}

func (r *recording) SyncFolder(d *os.File) error {
	path := d.Name()
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	rel, err := filepath.Rel(r.root, path)
	if err != nil {
		return err
	}
	return errors.Join(r.note(fmt.Sprintf("folder %s with %d", rel, len(entries))), local{}.SyncFolder(d))
}

// recorded opens a store whose syncs are recorded.
func recorded(t *testing.T) (*Store, *recording) {
	t.Helper()
	s, err := Open(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	r := &recording{root: s.root}
	s.sys = r
	return s, r
}

// TestSyncOrder: the bytes are synced before they get their name, the name before the call returns, and a new folder's
// own name before anything is in it.
func TestSyncOrder(t *testing.T) {
	ctx := t.Context()
	s, r := recorded(t)
	data := make([]byte, 6000)
	name := crypto.NameOf(data)
	shard := shardName(name[0])
	step := func(what string, do func() error, want ...string) {
		t.Helper()
		r.seen = nil
		if err := do(); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(r.seen, want) {
			t.Errorf("%s synced %q instead of %q", what, r.seen, want)
		}
	}
	putIt := func() error { return s.Put(ctx, name, remote.BytesBody(data)) }
	step("the first put", putIt, "folder blobs with 1", "file of 6000 bytes", "folder blobs/"+shard+" with 1")
	step("a put of what is there", putIt, "folder blobs/"+shard+" with 1")
	linked := append(slices.Clone(name[:1]), []byte("........linked........linked....")[:31]...)
	staged := filepath.Join(t.TempDir(), "staged")
	if err := os.WriteFile(staged, data, fileMode); err != nil {
		t.Fatal(err)
	}
	step("a put by link", func() error { return s.Put(ctx, crypto.BlobName(linked), staging(staged)) },
		"folder blobs/"+shard+" with 2")
	key := crypto.NewWriterKey([32]byte{1})
	pointerShard := shardName(key.ID()[0])
	one := key.Sign(1, crypto.PointerValue{})
	pointerFile := fmt.Sprintf("file of %d bytes", crypto.PointerSize)
	step("the first swap", func() error { return s.Swap(ctx, crypto.PointerHash{}, one) },
		"folder pointers with 1", pointerFile, "folder pointers/"+pointerShard+" with 1")
	step("a swap", func() error { return s.Swap(ctx, one.Hash(), key.Sign(2, crypto.PointerValue{})) },
		pointerFile, "folder pointers/"+pointerShard+" with 1")
}

// staging is a Linker over a file of 6000 bytes.
type staging string

func (staging) Size() int64                    { return 6000 }
func (f staging) LinkTo(path string) error     { return os.Link(string(f), path) }
func (f staging) Open() (io.ReadCloser, error) { return os.Open(string(f)) }

// TestSyncFails: a change that could not be synced has not happened.
func TestSyncFails(t *testing.T) {
	ctx := t.Context()
	for errno, kind := range map[syscall.Errno]error{syscall.ENOSPC: remote.ErrFull, syscall.EDQUOT: remote.ErrFull,
		syscall.EIO: remote.ErrUnavailable} {
		s, r := recorded(t)
		r.fail = func(what string) error {
			if strings.HasPrefix(what, "file") {
				return &os.PathError{Op: "sync", Path: "x", Err: errno}
			}
			return nil
		}
		data := []byte("sealed")
		name := crypto.NameOf(data)
		key := crypto.NewWriterKey([32]byte{1})
		if err := s.Put(ctx, name, remote.BytesBody(data)); remote.KindOf(err) != kind {
			t.Errorf("put, %v: %v", errno, err)
		}
		if err := s.Swap(ctx, crypto.PointerHash{}, key.Sign(1, crypto.PointerValue{})); remote.KindOf(err) != kind {
			t.Errorf("swap, %v: %v", errno, err)
		}
		if _, err := s.Stat(ctx, name); !errors.Is(err, remote.ErrNotFound) {
			t.Errorf("a blob that could not be synced is there: %v", err)
		}
		if _, err := s.Load(ctx, key.ID()); !errors.Is(err, remote.ErrNotFound) {
			t.Errorf("a pointer that could not be synced is there: %v", err)
		}
		if left, err := os.ReadDir(filepath.Join(s.root, s.tmp.folder)); err != nil || len(left) > 0 {
			t.Errorf("left in tmp: %v, %v", left, err)
		}
		r.fail = func(what string) error {
			if strings.HasPrefix(what, "folder") {
				return errno
			}
			return nil
		}
		if err := s.Put(ctx, name, remote.BytesBody(data)); remote.KindOf(err) != kind {
			t.Errorf("put whose folder can't be synced, %v: %v", errno, err)
		}
		r.fail = nil
		if err := s.Put(ctx, name, remote.BytesBody(data)); err != nil {
			t.Errorf("put again: %v", err)
		}
	}
}

func TestKinds(t *testing.T) {
	for err, kind := range map[error]error{
		syscall.ENOSPC: remote.ErrFull, syscall.EDQUOT: remote.ErrFull, syscall.EFBIG: remote.ErrFull,
		syscall.EACCES: remote.ErrRefused, syscall.EPERM: remote.ErrRefused, syscall.EROFS: remote.ErrRefused,
		syscall.ENOTDIR: remote.ErrRefused, syscall.ELOOP: remote.ErrRefused,
		syscall.EIO: remote.ErrUnavailable, syscall.ESTALE: remote.ErrUnavailable, syscall.EMFILE: remote.ErrUnavailable,
		errors.New("anything else"): remote.ErrUnavailable,
	} {
		if got := kindOf(&os.PathError{Op: "write", Path: "x", Err: err}); got != kind {
			t.Errorf("%v is %q instead of %q", err, got, kind)
		}
	}
}

// fat is a filesystem without hard links.
type fat struct{ local }

func (fat) LinkIn(*os.Root, string, string) error { return syscall.EPERM }

// TestWithoutHardLinks: without hard links, a store keeps the contract by renaming.
func TestWithoutHardLinks(t *testing.T) {
	ctx := t.Context()
	s, _ := recorded(t)
	s.sys = fat{}
	data := []byte("sealed")
	name := crypto.NameOf(data)
	for range 2 {
		if err := s.Put(ctx, name, remote.BytesBody(data)); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := s.Get(ctx, name); err != nil || string(got) != "sealed" {
		t.Errorf("%q, %v", got, err)
	}
	if left, err := os.ReadDir(filepath.Join(s.root, s.tmp.folder)); err != nil || len(left) > 0 {
		t.Errorf("left in tmp: %v, %v", left, err)
	}
}

// slow is a disk whose folder syncs wait for the test.
type slow struct {
	local
	entered, leave chan struct{}
}

func (s slow) SyncFolder(d *os.File) error {
	s.entered <- struct{}{}
	<-s.leave
	return s.local.SyncFolder(d)
}

// TestLoadWaitsForTheDisk: a state that might not survive a power cut yet is not shown.
func TestLoadWaitsForTheDisk(t *testing.T) {
	folder := t.TempDir()
	key := crypto.NewWriterKey([32]byte{1})
	one, two := key.Sign(1, crypto.PointerValue{}), key.Sign(2, crypto.PointerValue{})
	synctest.Test(t, func(t *testing.T) {
		writer, err := Open(folder, Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer writer.Close()
		reader, err := Open(folder, Options{}) // another handle: only the lock on disk is between them
		if err != nil {
			t.Fatal(err)
		}
		defer reader.Close()
		if err := writer.Swap(t.Context(), crypto.PointerHash{}, one); err != nil {
			t.Fatal(err)
		}
		disk := slow{entered: make(chan struct{}), leave: make(chan struct{})}
		writer.sys = disk
		swapped := make(chan error)
		go func() { swapped <- writer.Swap(t.Context(), one.Hash(), two) }()
		<-disk.entered
		for _, s := range []*Store{reader, writer} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if p, err := s.Load(ctx, key.ID()); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a state that isn't synced is shown: %d, %v", p.Seq, err)
			}
			cancel()
		}
		close(disk.leave)
		if err := <-swapped; err != nil {
			t.Fatal(err)
		}
		if p, err := reader.Load(t.Context(), key.ID()); err != nil || p != two {
			t.Errorf("once it is synced: %d, %v", p.Seq, err)
		}
	})
}

// TestCloseWaitsForWrites: a Put under way finishes, and keeps its unfinished file until then.
func TestCloseWaitsForWrites(t *testing.T) {
	s, err := Open(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	data := make([]byte, 100_000)
	closed := make(chan error, 1)
	body := closing{BytesBody: data, amid: func() {
		go func() { closed <- s.Close() }()
		for !s.closed.Load() && s.writing.TryRLock() { // until Close waits for the lock
			s.writing.RUnlock()
			runtime.Gosched()
		}
	}}
	name := crypto.NameOf(data)
	if err := s.Put(t.Context(), name, body); err != nil {
		t.Errorf("a put while the store is closed: %v", err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(s.root, blobFile(name))); err != nil {
		t.Error(err)
	}
	if err := s.Put(t.Context(), name, body.BytesBody); remote.KindOf(err) != remote.ErrClosed {
		t.Errorf("a put after that: %v", err)
	}
}

// closing is a body that runs a function when it is opened.
type closing struct {
	remote.BytesBody
	amid func()
}

func (c closing) Open() (io.ReadCloser, error) {
	c.amid()
	return c.BytesBody.Open()
}
