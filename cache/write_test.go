package cache

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"postern/crypto"
	"postern/remote"
)

// pack returns a blob of n random bytes.
func pack(seed uint64, n int) (crypto.BlobName, []byte) {
	data := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	_, _ = r.Read(data)
	return crypto.NameOf(data), data
}

var errOff = &remote.Error{Op: "reach", On: "the remote", Kind: remote.ErrUnavailable}

// TestOwnPacksOffline: a pack that was put from memory is read without the remote, even after a restart; a body in a
// file is not read again for the cache; memory holds none of it.
func TestOwnPacksOffline(t *testing.T) {
	o := Options{Dir: t.TempDir()}
	for _, size := range []int{100, 66_000, 300_000, crypto.MaxBlobSize} {
		origin := newSpy()
		c := wrapped(t, origin, o)
		name, data := pack(uint64(size), size)
		body := bytes.Clone(data)
		if err := c.Put(t.Context(), name, remote.BytesBody(body)); err != nil {
			t.Fatal(err)
		}
		clear(body) // the caller's own again
		if m := c.Stats().Memory; size > int(endOf(0)) && m.Bytes > 0 {
			t.Errorf("%d bytes: memory holds %d", size, m.Bytes)
		}
		file, fileData := pack(uint64(size)+1, size)
		if err := c.Put(t.Context(), file, opened{remote.BytesBody(fileData)}); err != nil {
			t.Fatal(err)
		}
		c.settle()
		origin.before = func(context.Context, string) error { return errOff }
		for range 2 {
			got := make([]byte, size)
			if err := c.GetRange(t.Context(), name, 0, got); err != nil || !bytes.Equal(got, data) {
				t.Errorf("%d bytes: %v", size, err)
			}
			if whole, err := c.Get(t.Context(), name); err != nil || !bytes.Equal(whole, data) {
				t.Errorf("%d bytes, whole: %v", size, err)
			}
			if err := c.GetRange(t.Context(), file, 0, got); size > int(endOf(0)) && !errors.Is(err, remote.ErrUnavailable) {
				t.Errorf("%d bytes from a file: %v", size, err)
			}
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			c = wrapped(t, origin, o)
			c.settle()
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// opened is a body that isn't in memory.
type opened struct{ inner remote.BytesBody }

func (o opened) Size() int64                  { return o.inner.Size() }
func (o opened) Open() (io.ReadCloser, error) { return o.inner.Open() }

// TestOwnPacksAreBounded: put blobs take no more than the disk tier's room, and evict nothing from memory.
func TestOwnPacksAreBounded(t *testing.T) {
	origin := newSpy()
	c := wrapped(t, origin, Options{Dir: t.TempDir(), Disk: 4 << 20, Memory: 300_000})
	defer func() { _ = c.Close() }()
	page, pageData := pack(1, 5000)
	if err := c.Put(t.Context(), page, remote.BytesBody(pageData)); err != nil {
		t.Fatal(err)
	}
	for i := range uint64(8) {
		name, data := pack(10+i, 1<<20)
		if err := c.Put(t.Context(), name, remote.BytesBody(data)); err != nil {
			t.Fatal(err)
		}
		c.settle()
	}
	st := c.Stats()
	if st.Disk.Bytes > st.Disk.Limit || st.Disk.Evictions == 0 || st.Memory.Evictions > 0 || st.Memory.Entries != 1 {
		t.Errorf("%+v", st)
	}
	if err := c.GetRange(t.Context(), page, 0, make([]byte, 10)); err != nil || c.Stats().Fetches > 0 {
		t.Errorf("the page: %v after %d fetches", err, c.Stats().Fetches)
	}
}

// TestFailedPutIsNotKept: a blob that the remote has not taken is not cached, nor is a deleted one.
func TestFailedPutIsNotKept(t *testing.T) {
	origin := newSpy()
	c := wrapped(t, origin, Options{Dir: t.TempDir()})
	defer func() { _ = c.Close() }()
	name, data := pack(1, 300_000)
	wrong := crypto.BlobName{1}
	if err := c.Put(t.Context(), wrong, remote.BytesBody(data)); err == nil {
		c.settle()
		if n := c.Stats().Disk.Entries; n > 0 {
			t.Errorf("%d blocks are kept under a wrong name", n)
		}
	}
	if err := c.Put(t.Context(), name, remote.BytesBody(data)); err != nil {
		t.Fatal(err)
	}
	c.settle()
	if err := c.Delete(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	if err := c.GetRange(t.Context(), name, 0, make([]byte, 10)); !errors.Is(err, remote.ErrNotFound) {
		t.Errorf("what was deleted: %v", err)
	}
	c.settle()
	if n := c.Stats().Disk.Entries; n > 0 {
		t.Errorf("%d blocks of what was deleted", n)
	}
}
