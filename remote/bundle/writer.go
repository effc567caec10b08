package bundle

import (
	"errors"
	"fmt"
	"hash"
	"io"

	"postern/crypto"
	"postern/remote/transfer"
)

// Writer writes a bundle. It is not safe for concurrent use. After an error it only returns that error.
type Writer struct {
	w      io.Writer
	sum    hash.Hash // of the magic and all headers
	end    end
	mail   []transfer.Item // written by Close
	err    error
	closed bool
}

// errClosed is the error of a Writer after Close.
var errClosed = errors.New("the bundle is closed")

// NewWriter begins a bundle with its pointers. It writes in small pieces: pass a bufio.Writer, and flush it after
// Close.
func NewWriter(w io.Writer, c Contents) (*Writer, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("write bundle: %w", err)
	}
	if err := checkMail(c.Mail); err != nil {
		return nil, fmt.Errorf("write bundle: %w", err)
	}
	b := &Writer{w: w, sum: crypto.NewNameHash(), mail: c.Mail}
	b.write([]byte(c.magic()))
	b.sum.Write([]byte(c.magic()))
	for _, p := range c.Bases {
		b.record(kindBase, p.Marshal())
	}
	for _, p := range c.Pointers {
		b.record(kindPointer, p.Marshal())
	}
	b.end.pointers = uint64(len(c.Bases) + len(c.Pointers))
	return b, b.err
}

// Blob adds a blob. It returns an error of the underlying writer, or if the bytes do not fit the name.
func (b *Writer) Blob(name crypto.BlobName, data []byte) error {
	switch {
	case b.err != nil:
		return b.err
	case b.closed:
		return errClosed
	case len(data) > crypto.MaxBlobSize:
		return fmt.Errorf("write bundle: a blob cannot have %d bytes", len(data))
	case crypto.NameOf(data) != name:
		return fmt.Errorf("write bundle: the bytes of blob %v do not hash to its name", name)
	}
	b.record(kindBlob, data)
	b.end.blobs++
	b.end.bytes += uint64(len(data))
	return b.err
}

// kept counts a blob that the underlying writer already has.
func (b *Writer) kept(blob Blob) {
	head := header{kind: kindBlob, length: blob.Size, hash: blob.Name}.marshal()
	b.sum.Write(head[:])
	b.end.blobs++
	b.end.bytes += uint64(blob.Size)
}

// Close writes the letters, the records of names and the end record. It does not close the underlying writer. A bundle
// without an end record is incomplete.
func (b *Writer) Close() error {
	if b.err != nil || b.closed {
		return b.err
	}
	b.closed = true
	for _, item := range b.mail {
		b.record(marshalItem(item))
	}
	b.end.hash = [32]byte(b.sum.Sum(nil))
	b.record(kindEnd, b.end.marshal())
	return b.err
}

// record writes one record.
func (b *Writer) record(k kind, payload []byte) {
	head := header{kind: k, length: int64(len(payload)), hash: crypto.NameOf(payload)}.marshal()
	b.sum.Write(head[:])
	b.write(head[:])
	b.write(payload)
}

// write writes p unless an earlier write failed.
func (b *Writer) write(p []byte) {
	if b.err != nil {
		return
	}
	if _, err := b.w.Write(p); err != nil {
		b.err = fmt.Errorf("write bundle: %w", err)
	}
}
