package staging

import (
	"errors"
	"fmt"
	"io"

	"postern/crypto"
	"postern/remote"
	"postern/remote/localfs"
)

// Body returns a staged blob as a remote.Body: a local file, already synced, and a remote.Linker if Options.Link allows
// that. Errors: remote.ErrNotFound.
func (a *Area) Body(name crypto.BlobName) (remote.Body, error) {
	size, err := a.size(name)
	if err != nil {
		return nil, err
	}
	b := body{area: a, name: name, size: size}
	if a.link {
		return linkable{b}, nil
	}
	return b, nil
}

type body struct {
	area *Area
	name crypto.BlobName
	size int64
}

// Size returns the size of the blob in bytes.
func (b body) Size() int64 { return b.size }

// Open returns a reader of the blob from its beginning.
func (b body) Open() (io.ReadCloser, error) {
	f, err := b.area.open(b.name)
	if err != nil {
		return nil, err
	}
	return struct {
		*io.SectionReader
		io.Closer
	}{io.NewSectionReader(f, 0, b.size), f}, nil
}

// linkable is a body that allows hard links to its file.
type linkable struct{ body }

// LinkTo makes a hard link to the blob's file.
func (b linkable) LinkTo(path string) error {
	l, ok := b.area.fs.(localfs.Linker)
	if !ok {
		return fmt.Errorf("link staged blob: %w", errors.ErrUnsupported)
	}
	return l.Link(b.area.path(b.name), path)
}
