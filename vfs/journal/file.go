package journal

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"postern/crypto"
	"postern/remote/localfs"
)

// scanBuffer is the size of a scan's reads.
const scanBuffer = 256 << 10

// file is one file of the journal.
type file struct {
	path   string
	f      localfs.File
	key    crypto.FrameKey
	run    Run
	first  uint64 // the sequence number of its first record, even if there is none yet
	next   uint64 // after its last record
	size   int64  // valid bytes
	number uint32 // the number of the next frame
}

// frame is a frame found by a scan.
type frame struct {
	header
	body
	off int64 // of the frame within the file
}

// scan calls fn for every valid frame up to size, in order. end is where the valid frames end; bad says why, unless
// that is at size; err is a failure to read, or fn's.
func (f *file) scan(size int64, fn func(frame) error) (end int64, bad, err error) {
	r := bufio.NewReaderSize(io.NewSectionReader(f.f, headerSize, size-headerSize), scanBuffer)
	end = headerSize
	next, number, ended := f.first, uint32(0), false
	var attachment []byte
	for end < size {
		if ended {
			return end, fmt.Errorf("%w: something follows the end of the file", errBad), nil
		}
		fr, bad, err := f.read(r, end, size, &attachment)
		if bad != nil || err != nil {
			return end, bad, err
		}
		switch {
		case fr.seq != next:
			return end, fmt.Errorf("%w: record %d stands where %d should", errBad, fr.seq, next), nil
		case fr.number <= number:
			return end, fmt.Errorf("%w: frame %d stands after frame %d", errBad, fr.header.number, number), nil
		case fr.synced >= next:
			return end, fmt.Errorf("%w: it claims that record %d was acknowledged already", errBad, fr.synced), nil
		case fr.kind == kindGap && fr.after() <= next:
			return end, fmt.Errorf("%w: a gap from record %d to record %d", errBad, next, fr.after()), nil
		}
		if err := fn(fr); err != nil {
			return end, nil, err
		}
		number = fr.number
		switch ended = fr.kind == kindEnd; fr.kind {
		case kindRecord:
			next++
		case kindGap:
			next = fr.after()
		}
		end += fr.size()
	}
	return end, nil, nil
}

// read reads one frame and checks everything that can be checked without its neighbours.
func (f *file) read(r io.Reader, off, size int64, attachment *[]byte) (fr frame, bad, err error) {
	if size-off < frameHeader {
		return fr, fmt.Errorf("%w: the file ends within it", errBad), nil
	}
	var head [frameHeader]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return fr, nil, err
	}
	h, bad := parseHeader(head[:])
	if bad != nil {
		return fr, bad, nil
	}
	if h.size() > size-off {
		return fr, fmt.Errorf("%w: the file ends within it", errBad), nil
	}
	sealed := make([]byte, h.sealed)
	if _, err := io.ReadFull(r, sealed); err != nil {
		return fr, nil, err
	}
	plain, bad := crypto.OpenFrame(f.key, uint64(h.number), head[:], sealed)
	if bad != nil {
		return fr, fmt.Errorf("%w: %w", errBad, bad), nil
	}
	b, bad := parseBody(plain, h.attached > 0)
	if bad != nil {
		return fr, bad, nil
	}
	if h.attached > 0 {
		if cap(*attachment) < h.attached {
			*attachment = make([]byte, h.attached)
		}
		p := (*attachment)[:h.attached]
		if _, err := io.ReadFull(r, p); err != nil {
			return fr, nil, err
		}
		if crypto.NameOf(p) != b.name {
			return fr, fmt.Errorf("%w: its attachment was changed", errBad), nil
		}
	}
	return frame{header: h, body: b, off: off}, nil, nil
}

// acknowledged looks after a bad frame for a frame whose writer knew that the record seq was acknowledged, and returns
// its offset. If there is one, the bad frame is damage and not an interrupted write.
func (f *file) acknowledged(off, size int64, seq uint64) (at int64, found bool, err error) {
	buf := make([]byte, scanBuffer)
	for off < size {
		p := buf[:min(int64(len(buf)), size-off)]
		if n, err := f.f.ReadAt(p, off); n < len(p) {
			return 0, false, fmt.Errorf("read %s: %w", f.path, err)
		}
		for from := 0; ; {
			i := bytes.Index(p[from:], []byte(frameMagic))
			if i < 0 {
				break
			}
			at := off + int64(from+i)
			if ok, err := f.knows(at, size, seq); ok || err != nil {
				return at, ok, err
			}
			from += i + 1
		}
		if len(p) < len(buf) {
			break
		}
		off += int64(len(p) - len(frameMagic) + 1)
	}
	return 0, false, nil
}

// knows reports whether an authentic frame at off was written after the record seq was acknowledged.
func (f *file) knows(off, size int64, seq uint64) (bool, error) {
	var head [frameHeader]byte
	if size-off < frameHeader {
		return false, nil
	}
	if _, err := f.f.ReadAt(head[:], off); err != nil {
		return false, fmt.Errorf("read %s: %w", f.path, err)
	}
	h, bad := parseHeader(head[:])
	if bad != nil || h.synced < seq || off+int64(frameHeader+h.sealed) > size {
		return false, nil //nolint:nilerr // what does not parse is no frame
	}
	sealed := make([]byte, h.sealed)
	if _, err := f.f.ReadAt(sealed, off+frameHeader); err != nil {
		return false, fmt.Errorf("read %s: %w", f.path, err)
	}
	_, bad = crypto.OpenFrame(f.key, uint64(h.number), head[:], sealed)
	return bad == nil, nil
}

// read fills p with an attachment's bytes.
func (at place) read(name crypto.BlobName, off int64, p []byte) error {
	if off < 0 || off+int64(len(p)) > int64(at.size) {
		return fmt.Errorf("read attachment %v: the range %d+%d ends past its %d bytes: %w", name, off, len(p), at.size,
			io.ErrUnexpectedEOF)
	}
	n, err := at.file.f.ReadAt(p, at.off+off)
	switch {
	case n == len(p):
		return nil
	case errors.Is(err, fs.ErrClosed): // trimmed in the meantime
		return fmt.Errorf("read attachment %v: %w", name, fs.ErrNotExist)
	default:
		return fmt.Errorf("read attachment %v: %w", name, err)
	}
}

func (j *Journal) place(name crypto.BlobName) (place, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	at, ok := j.attached[name]
	if !ok {
		return place{}, fmt.Errorf("read attachment %v: %w", name, fs.ErrNotExist)
	}
	return at, nil
}
