package remote

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"postern/crypto"
)

// Body is what Put stores. It may be opened many times, for a retry or for several remotes.
type Body interface {
	Size() int64
	Open() (io.ReadCloser, error)
}

// Linker is a Body that lies in a local file, already synced to disk. A driver on the same filesystem may give the file
// a second name instead of writing its bytes again; when LinkTo fails the driver copies.
type Linker interface {
	Body
	LinkTo(path string) error
}

// BytesBody is a Body of bytes in memory, which must not change while it is in use.
type BytesBody []byte

// Size returns the number of bytes.
func (b BytesBody) Size() int64 { return int64(len(b)) }

// Open returns a reader at the first byte. It never fails.
func (b BytesBody) Open() (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(b)), nil
}

// CheckSize rejects a body whose size no blob can have: negative or above crypto.MaxBlobSize. Drivers call it first in
// Put.
func CheckSize(name crypto.BlobName, size int64) error {
	if size < 0 || size > crypto.MaxBlobSize {
		return Fail(OpPut, name, ErrRefused,
			fmt.Errorf("a blob can't have %d bytes, the most is %d", size, crypto.MaxBlobSize))
	}
	return nil
}

// ReadBody reads a whole body into memory and checks its size. The error is ErrCorrupt for a body of another length
// than it promised, and the body's own error if it can't be read.
func ReadBody(body Body) ([]byte, error) {
	size := body.Size()
	if size < 0 || size > crypto.MaxBlobSize {
		return nil, fmt.Errorf("%w: a body of %d bytes", ErrRefused, size)
	}
	r, err := body.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data := make([]byte, size)
	if _, err := io.ReadFull(r, data); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, fmt.Errorf("%w: the body ends before its %d bytes", ErrCorrupt, size)
		}
		return nil, err
	}
	return data, AtEnd(r, size)
}

// WholeBody is ReadBody for Put: its errors are those that Put returns.
func WholeBody(name crypto.BlobName, body Body) ([]byte, error) {
	data, err := ReadBody(body)
	switch {
	case errors.Is(err, ErrCorrupt):
		return nil, Fail(OpPut, name, ErrCorrupt, err)
	case err != nil:
		return nil, Fail(OpPut, name, ErrUnavailable, err)
	}
	return data, nil
}

// AtEnd returns an error unless r ends after the size bytes that were read from it.
func AtEnd(r io.Reader, size int64) error {
	var one [1]byte
	switch n, err := io.ReadFull(r, one[:]); {
	case n > 0:
		return fmt.Errorf("%w: the body goes on after its %d bytes", ErrCorrupt, size)
	case errors.Is(err, io.EOF):
		return nil
	default:
		return err
	}
}

// InRange reports whether n bytes from off on lie within size bytes; nothing overflows.
func InRange(size, off int64, n int) bool {
	return off >= 0 && off <= size && int64(n) <= size-off
}

// PastEnd is the error of GetRange for a range that doesn't lie within the blob.
func PastEnd(name crypto.BlobName, size, off int64, n int) error {
	return Fail(OpGetRange, name, ErrCorrupt, fmt.Errorf("bytes %d to %d were asked of %d", off, off+int64(n), size))
}
