package verify_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"os"
	"path/filepath"
	"testing"

	"postern/crypto"
	"postern/remote"
	"postern/remote/disk"
	"postern/remote/mem"
	"postern/remote/verify"
)

// wrapped returns a wrapper with fresh pins.
func wrapped(s remote.Store) remote.Store { return verify.New(s, new(verify.MemoryPins)) }

// TestPutChecksTheName: bytes of another name are refused and leave nothing, in every driver.
func TestPutChecksTheName(t *testing.T) {
	ctx := t.Context()
	onDisk, err := disk.Open(t.TempDir(), disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for what, inner := range map[string]remote.Store{"mem": mem.New(), "disk": onDisk} {
		s := wrapped(inner)
		for _, size := range []int{1, 4096, 256 << 10, 256<<10 + 1, 1 << 20} {
			data := bytes.Repeat([]byte{7}, size)
			name := crypto.NameOf(data)
			wrong := bytes.Clone(data)
			wrong[size-1] ^= 1
			if err := s.Put(ctx, name, remote.BytesBody(wrong)); remote.KindOf(err) != remote.ErrCorrupt {
				t.Errorf("%s, %d wrong bytes: %v", what, size, err)
			}
			if _, err := inner.Stat(ctx, name); !errors.Is(err, remote.ErrNotFound) {
				t.Errorf("%s, %d wrong bytes left something: %v", what, size, err)
			}
			if err := s.Put(ctx, name, remote.BytesBody(data)); err != nil {
				t.Errorf("%s, %d right bytes: %v", what, size, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// careless is a driver that reads exactly the promised bytes and never reads to the end.
type careless struct {
	remote.Store
	got []byte
}

func (c *careless) Put(_ context.Context, name crypto.BlobName, body remote.Body) error {
	r, err := body.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	data := make([]byte, body.Size())
	if _, err := io.ReadFull(r, data); err != nil {
		return remote.Fail(remote.OpPut, name, remote.ErrUnavailable, err)
	}
	c.got = data
	return nil
}

// TestCarelessDriver: even a driver that stops at the last byte never gets all of a wrong body, and its error is
// corrected.
func TestCarelessDriver(t *testing.T) {
	inner := &careless{Store: mem.New()}
	data := []byte("sealed")
	if err := wrapped(inner).Put(t.Context(), crypto.NameOf([]byte("other")),
		remote.BytesBody(data)); remote.KindOf(err) != remote.ErrCorrupt || inner.got != nil {
		t.Errorf("a wrong body: %q, %v", inner.got, err)
	}
	if err := wrapped(inner).Put(t.Context(), crypto.NameOf(data), remote.BytesBody(data)); err != nil ||
		!bytes.Equal(inner.got, data) {
		t.Errorf("a right body: %q, %v", inner.got, err)
	}
}

// file is a Linker.
type file struct{ path string }

func (f file) Size() int64 {
	info, err := os.Stat(f.path)
	if err != nil {
		return -1
	}
	return info.Size()
}
func (f file) Open() (io.ReadCloser, error) { return os.Open(f.path) }
func (f file) LinkTo(path string) error     { return os.Link(f.path, path) }

// TestLinkersStayLinkers: a staged file is linked through the wrapper, and hashed where it is copied.
func TestLinkersStayLinkers(t *testing.T) {
	ctx := t.Context()
	top := t.TempDir()
	staged := filepath.Join(top, "staged")
	data := []byte("sealed")
	if err := os.WriteFile(staged, data, 0o600); err != nil {
		t.Fatal(err)
	}
	onDisk, err := disk.Open(filepath.Join(top, "store"), disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer onDisk.Close()
	name := crypto.NameOf(data)
	if err := wrapped(onDisk).Put(ctx, name, file{staged}); err != nil {
		t.Fatal(err)
	}
	a, errA := os.Stat(staged)
	b, errB := os.Stat(filepath.Join(top, "store", "blobs", name.String()[:2], name.String()))
	if errA != nil || errB != nil || !os.SameFile(a, b) {
		t.Errorf("it was not linked: %v, %v", errA, errB)
	}
	if err := wrapped(mem.New()).Put(ctx, crypto.NameOf([]byte("other")),
		file{staged}); remote.KindOf(err) != remote.ErrCorrupt {
		t.Errorf("a staged file of another name, copied: %v", err)
	}
}

// sizes is a remote with arbitrary sizes and bytes.
type sizes struct {
	remote.Store
	size int64
	data []byte
}

func (s sizes) Get(context.Context, crypto.BlobName) ([]byte, error) { return s.data, nil }
func (s sizes) Stat(context.Context, crypto.BlobName) (int64, error) { return s.size, nil }
func (s sizes) List(context.Context) iter.Seq2[remote.BlobInfo, error] {
	return func(yield func(remote.BlobInfo, error) bool) {
		_ = yield(remote.BlobInfo{Size: 1}, nil) && yield(remote.BlobInfo{Size: s.size}, nil) &&
			yield(remote.BlobInfo{Size: 2}, nil)
	}
}

func TestImpossibleSizes(t *testing.T) {
	ctx := t.Context()
	for _, size := range []int64{-1, crypto.MaxBlobSize + 1, 1 << 62} {
		s := wrapped(sizes{Store: mem.New(), size: size})
		if _, err := s.Stat(ctx, crypto.BlobName{}); remote.KindOf(err) != remote.ErrCorrupt {
			t.Errorf("stat of %d bytes: %v", size, err)
		}
		var listed []int64
		var last error
		for info, err := range s.List(ctx) {
			listed, last = append(listed, info.Size), err
		}
		if len(listed) != 2 || remote.KindOf(last) != remote.ErrCorrupt {
			t.Errorf("list with %d bytes: %v, %v", size, listed, last)
		}
	}
	long := make([]byte, crypto.MaxBlobSize+1)
	if _, err := wrapped(sizes{Store: mem.New(), data: long}).Get(ctx,
		crypto.NameOf(long)); remote.KindOf(err) != remote.ErrCorrupt {
		t.Errorf("a blob that is too long: %v", err)
	}
}
