package verify

import (
	"errors"
	"hash"
	"io"

	"postern/crypto"
	"postern/remote"
)

// errName is the cause of an error for bytes with another name.
var errName = errors.New("its bytes do not hash to its name")

// body hashes the bytes that it returns.
type body struct {
	remote.Body
	name crypto.BlobName
}

// linked is a body that lies in a local file. A driver that copies reads its bytes, which are hashed on their way. A
// driver that links does not, so they are read and hashed before: the file is the only copy from then on, and damage on
// the disk shows while the change can still fail. Reading also brings the bytes into the page cache for the first
// reader.
type linked struct {
	body
	file remote.Linker
}

// wrap returns b with a check of its bytes. A Linker stays one.
func wrap(name crypto.BlobName, b remote.Body) remote.Body {
	checked := body{b, name}
	if file, ok := b.(remote.Linker); ok {
		return linked{checked, file}
	}
	return checked
}

// LinkTo links the file if its bytes are those of the name.
func (l linked) LinkTo(path string) error {
	r, err := l.Open()
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, r)
	if err = errors.Join(err, r.Close()); err != nil {
		return err
	}
	return l.file.LinkTo(path)
}

// Open returns the bytes. It withholds the last ones unless all of them hash to the name.
func (b body) Open() (io.ReadCloser, error) {
	r, err := b.Body.Open()
	if err != nil {
		return nil, err
	}
	return &checker{ReadCloser: r, left: b.Size(), name: b.name, sum: crypto.NewNameHash()}, nil
}

// checker is a reader that compares the name before it returns the last bytes. Waiting for the end of file would be too
// late: a driver that knows the size has everything by then, and may not read on.
type checker struct {
	io.ReadCloser
	left int64 // bytes until the name must fit
	name crypto.BlobName
	sum  hash.Hash
	bad  bool
}

// Read implements io.Reader.
func (c *checker) Read(p []byte) (int, error) {
	if c.bad {
		return 0, errName
	}
	n, err := c.ReadCloser.Read(p)
	if n <= 0 {
		return n, err
	}
	c.sum.Write(p[:n])
	before := c.left
	c.left -= int64(n)
	if before > 0 && c.left <= 0 && crypto.BlobName(c.sum.Sum(nil)) != c.name {
		c.bad = true
		return 0, errName
	}
	return n, err
}
