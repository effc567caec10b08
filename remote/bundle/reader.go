package bundle

import (
	"bufio"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"

	"postern/crypto"
	"postern/remote"
)

// bufferSize is the size of a read, in bytes, where blobs of a stream are skipped.
const bufferSize = 256 << 10

// payloadStep is the size of the first read of a payload, in bytes: memory follows the actual bytes, not a header's
// claim.
const payloadStep = 64 << 10

// Reader reads a bundle from beginning to end. It is not safe for concurrent use; its blobs are.
type Reader struct {
	r   *bufio.Reader // nil: at is used
	at  io.ReaderAt   // of a file, where blobs can be skipped
	off int64         // of the next record
	sum hash.Hash     // of the magic and all headers so far
	got end

	contents Contents // without Mail
	mail     mail
	mails    bool                                // the version has letters and names
	bases    map[crypto.PointerID]crypto.Pointer // of contents
	pending  *header                             // read ahead
	err      error
}

// Blob is one blob of a bundle.
type Blob struct {
	Name crypto.BlobName
	Size int64 // bytes

	data []byte // of a stream
	at   io.ReaderAt
	off  int64
}

// NewReader reads the beginning of a bundle, up to its first blob. If r is an io.ReaderAt and can seek, like a file, it
// is read from its position, and its blobs only when they are loaded. Errors: ErrIncomplete; of kind ErrCorrupt for a
// file that is not a bundle, ErrForeign for a later version, ErrUnavailable for a failing read.
func NewReader(r io.Reader) (*Reader, error) {
	b := &Reader{sum: crypto.NewNameHash()}
	if file, ok := r.(interface {
		io.ReaderAt
		io.Seeker
	}); ok {
		if off, err := file.Seek(0, io.SeekCurrent); err == nil {
			b.at, b.off = file, off
		}
	}
	if b.at == nil {
		b.r = bufio.NewReaderSize(r, bufferSize)
	}
	if err := b.begin(); err != nil {
		b.err = err
		return nil, err
	}
	return b, nil
}

// Contents returns the bundle's pointers, with verified signatures. The letters and records of names, verified as well,
// are complete once Next has returned io.EOF.
func (b *Reader) Contents() Contents {
	c := b.contents
	c.Mail = b.mail.items
	return c
}

// begin reads the magic and the pointers.
func (b *Reader) begin() error {
	var m [len(magic)]byte
	switch n, err := b.fill(m[:]); {
	case n > 0 && string(m[:min(n, len(m)-1)]) != magic[:min(n, len(m)-1)]:
		return damaged(0, errors.New("this is no bundle"))
	case err != nil:
		return err
	case string(m[:]) == magicMail:
		b.mails = true
	case string(m[:]) != magic:
		return &remote.Error{Op: opRead, On: place, Kind: remote.ErrForeign,
			Err: fmt.Errorf("its version is %q, and this program supports none after %q", m[len(m)-1],
				magicMail[len(magic)-1])}
	}
	b.sum.Write(m[:])
	last := kindBase
	for {
		start := b.off
		h, err := b.header()
		if err != nil {
			return err
		}
		if h.kind < last {
			return damaged(start, errors.New("records are out of order"))
		}
		if h.kind > kindPointer {
			b.pending = &h
			break
		}
		last = h.kind
		payload, err := b.payload(h)
		if err != nil {
			return err
		}
		p, err := crypto.ParsePointer(payload)
		if err != nil {
			return damaged(start, err)
		}
		list := &b.contents.Pointers
		if h.kind == kindBase {
			list = &b.contents.Bases
		}
		if *list = append(*list, p); len(*list) > maxPointers {
			return damaged(start, fmt.Errorf("there are more than %d pointers", maxPointers))
		}
		b.got.pointers++
	}
	if err := b.contents.check(); err != nil {
		return damaged(int64(len(magic)), err)
	}
	b.bases = make(map[crypto.PointerID]crypto.Pointer, len(b.contents.Bases))
	for _, base := range b.contents.Bases {
		b.bases[base.ID] = base
	}
	return nil
}

// Next returns the next blob, and io.EOF after the last if the bundle is whole. Other errors are those of NewReader.
// After an error it returns that error again.
func (b *Reader) Next() (Blob, error) {
	if b.err != nil {
		return Blob{}, b.err
	}
	blob, err := b.next()
	b.err = err
	return blob, err
}

func (b *Reader) next() (Blob, error) {
	for {
		h := b.pending
		b.pending = nil
		start := b.off
		if h == nil {
			read, err := b.header()
			if err != nil {
				return Blob{}, err
			}
			h = &read
		}
		switch {
		case h.kind == kindBlob && len(b.mail.items) == 0:
			return b.blob(*h)
		case h.kind == kindEnd && b.mails == (len(b.mail.items) > 0):
			return Blob{}, b.finish(*h)
		case b.mails && (h.kind == kindLetter || h.kind == kindName):
			if err := b.item(*h, start); err != nil {
				return Blob{}, err
			}
		default:
			return Blob{}, damaged(start, errors.New("records are out of order"))
		}
	}
}

// item reads a letter or a record of a name.
func (b *Reader) item(h header, start int64) error {
	payload, err := b.payload(h)
	if err != nil {
		return err
	}
	item, err := parseItem(h.kind, payload)
	if err == nil {
		err = b.mail.add(item)
	}
	if err != nil {
		return damaged(start, err)
	}
	return nil
}

// blob reads a blob, or only finds it if the bundle is a file.
func (b *Reader) blob(h header) (Blob, error) {
	blob := Blob{Name: h.hash, Size: h.length}
	if b.at != nil {
		blob.at, blob.off = b.at, b.off
		b.off += blob.Size
	} else {
		data, err := b.payload(h)
		if err != nil {
			return Blob{}, err
		}
		blob.data = data
	}
	b.got.blobs++
	b.got.bytes += uint64(blob.Size)
	return blob, nil
}

// finish compares the end record with what was read.
func (b *Reader) finish(h header) error {
	start := b.off
	payload, err := b.payload(h)
	if err != nil {
		return err
	}
	if [endSize]byte(payload) != [endSize]byte(b.got.marshal()) {
		return damaged(start, errors.New("the end record does not fit: records were lost, added or changed"))
	}
	switch n, err := b.fill(make([]byte, 1)); {
	case n > 0:
		return damaged(b.off-1, errors.New("the file goes on after the end record"))
	case errors.Is(err, ErrIncomplete):
		return io.EOF
	default:
		return err
	}
}

// header reads a record's header. The hash of the end record is that of all headers before it.
func (b *Reader) header() (header, error) {
	start := b.off
	var raw [headerSize]byte
	if _, err := b.fill(raw[:]); err != nil {
		return header{}, err
	}
	h, err := parseHeader(raw)
	if err != nil {
		return header{}, damaged(start, err)
	}
	if h.kind == kindEnd {
		b.got.hash = [32]byte(b.sum.Sum(nil))
	}
	b.sum.Write(raw[:])
	return h, nil
}

// payload reads what a header announced and compares its hash.
func (b *Reader) payload(h header) ([]byte, error) {
	start := b.off
	var p []byte
	for int64(len(p)) < h.length {
		part := min(h.length-int64(len(p)), max(payloadStep, int64(len(p)))) // twice as much each time
		p = slices.Grow(p, int(part))[:int64(len(p))+part]
		if _, err := b.fill(p[int64(len(p))-part:]); err != nil {
			return nil, err
		}
	}
	if crypto.NameOf(p) != h.hash {
		return nil, damaged(start, errors.New("a record is damaged"))
	}
	return p, nil
}

// fill reads len(p) bytes, or returns ErrIncomplete if the bundle ends before.
func (b *Reader) fill(p []byte) (n int, err error) {
	if b.at != nil {
		n, err = b.at.ReadAt(p, b.off)
	} else {
		n, err = io.ReadFull(b.r, p)
	}
	b.off += int64(n)
	if n == len(p) {
		return n, nil
	}
	return n, readFailed(err)
}

// readFailed separates the end of the bundle from a failing read.
func readFailed(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &remote.Error{Op: opRead, On: place, Kind: remote.ErrCorrupt, Err: ErrIncomplete}
	}
	return &remote.Error{Op: opRead, On: place, Kind: remote.ErrUnavailable, Err: err}
}

// Load returns the bytes of a blob, which fit its name. Errors are those of NewReader.
func (b Blob) Load() ([]byte, error) {
	if b.at == nil {
		return b.data, nil
	}
	data := make([]byte, b.Size)
	if n, err := b.at.ReadAt(data, b.off); n < len(data) {
		return nil, readFailed(err)
	}
	if crypto.NameOf(data) != b.Name {
		return nil, damaged(b.off, fmt.Errorf("blob %v is damaged", b.Name))
	}
	return data, nil
}
