package verify

import (
	"errors"
	"hash"
	"io"

	"postern/crypto"
	"postern/remote"
)

// errName is why bytes are refused.
var errName = errors.New("its bytes do not hash to its name")

// body hashes what it hands out.
type body struct {
	remote.Body
	name crypto.BlobName
}

// linked is a body that lies in a local file. A driver that copies reads its bytes, which are hashed on their way. A driver
// that links does not, so they are read and hashed before: from then on the file is the only copy, and what the disk did not
// keep as it was written is noticed while the change can still fail. Reading also brings the bytes into the page cache, where
// the first reader finds them.
type linked struct {
	body
	file remote.Linker
}

// wrap returns b with its bytes checked, still a Linker if it was one.
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

// Open returns the bytes, of which the last are held back unless all of them hash to the name.
func (b body) Open() (io.ReadCloser, error) {
	r, err := b.Body.Open()
	if err != nil {
		return nil, err
	}
	return &checker{ReadCloser: r, left: b.Size(), name: b.name, sum: crypto.NewNameHash()}, nil
}

// checker is a reader that compares the name before it hands out the last bytes. Waiting for the end of file would be
// too late: a driver that knows the size may have everything by then, and never ask for more.
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
