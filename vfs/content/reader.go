package content

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync/atomic"

	"postern/remote"
	"postern/vfs"
	"postern/vfs/object"
)

// ReaderOptions of a Reader. The zero value works.
type ReaderOptions struct {
	Load   Loader     // of index nodes; nil: NodeLoader of the source
	Nodes  *NodeCache // shared with other readers; nil: one of its own
	Ahead  int64      // most bytes; 0: as many as the pace asks for; negative: never read ahead
	Budget *Budget    // shared with other readers; nil: none
	// Pace returns how fast the remote answers now; nil: the source is near. A distant file is read further ahead, in
	// larger pieces.
	Pace func() remote.Pace
}

// Reader reads a file. ReadAt may be used by several goroutines at once and beside one goroutine that uses the other
// methods. All returned bytes are authenticated. Errors: vfs.ErrCorrupt, vfs.ErrUnavailable, fs.ErrClosed, the
// context's.
type Reader struct {
	fetch  fetcher
	ctx    context.Context
	stop   context.CancelFunc
	closed atomic.Bool

	pos   int64
	ahead *ahead
}

// NewReader opens a file of size bytes. ctx applies to every read. It does not read yet; the error is vfs.ErrCorrupt
// when c can't be the content of a file of this size.
func NewReader(ctx context.Context, src Source, c object.Content, size int64, o ReaderOptions) (*Reader, error) {
	if err := c.Check(size); err != nil {
		return nil, fmt.Errorf("open file: %w: %w", vfs.ErrCorrupt, err)
	}
	if o.Load == nil {
		o.Load = NodeLoader(src)
	}
	if o.Nodes == nil && c.Level > 0 {
		o.Nodes = NewNodeCache(ownNodes)
	}
	r := &Reader{fetch: fetcher{src: src, size: size, locator: locator{root: c, load: o.Load, nodes: o.Nodes}}}
	r.ctx, r.stop = context.WithCancel(ctx)
	r.ahead = &ahead{fetch: &r.fetch, budget: o.Budget, pace: o.Pace, most: o.Ahead}
	return r, nil
}

// Size returns the length of the file in bytes.
func (r *Reader) Size() int64 { return r.fetch.size }

// ReadAt implements io.ReaderAt: it fetches only the segments that p touches.
func (r *Reader) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read at %d: %w", off, fs.ErrInvalid)
	}
	if err := r.usable(); err != nil {
		return 0, err
	}
	if off >= r.fetch.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), r.fetch.size-off))
	if err := r.fetch.fill(r.ctx, p[:n], off); err != nil {
		return 0, r.explain(err)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Read reads from the current position. The longer a file is read in order, the larger the read-ahead.
func (r *Reader) Read(p []byte) (int, error) {
	if err := r.usable(); err != nil {
		return 0, err
	}
	if len(p) == 0 {
		return 0, nil
	}
	if r.pos >= r.fetch.size {
		return 0, io.EOF
	}
	b, err := r.ahead.at(r.ctx, r.pos, r.fetch.size, false)
	if err != nil {
		return 0, r.explain(err)
	}
	n := copy(p, b)
	r.pos += int64(n)
	return n, nil
}

// Seek implements io.Seeker. The position may lie past the end, where reads return io.EOF.
func (r *Reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += r.pos
	case io.SeekEnd:
		offset += r.fetch.size
	default:
		return 0, fmt.Errorf("seek: %w: whence %d", fs.ErrInvalid, whence)
	}
	if offset < 0 {
		return 0, fmt.Errorf("seek to %d: %w", offset, fs.ErrInvalid)
	}
	r.pos = offset
	return offset, nil
}

// WriteNTo writes the next n bytes, or fewer at the end of the file, to w in large pieces. Meanwhile it fetches and
// opens the following ones of the n bytes.
func (r *Reader) WriteNTo(w io.Writer, n int64) (written int64, err error) {
	end := r.fetch.size
	if n < end-r.pos {
		end = r.pos + n
	}
	for r.pos < end {
		if err := r.usable(); err != nil {
			return written, err
		}
		b, err := r.ahead.at(r.ctx, r.pos, end, true)
		if err != nil {
			return written, r.explain(err)
		}
		m, err := w.Write(b[:min(int64(len(b)), end-r.pos)])
		written += int64(m)
		r.pos += int64(m)
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// WriteTo implements io.WriterTo.
func (r *Reader) WriteTo(w io.Writer) (int64, error) {
	return r.WriteNTo(w, max(r.fetch.size-r.pos, 0))
}

// Close ends all reading and returns when no fetch is running any more.
func (r *Reader) Close() error {
	if r.closed.Swap(true) {
		return nil
	}
	r.stop()
	r.ahead.close()
	return nil
}

func (r *Reader) usable() error {
	if r.closed.Load() {
		return fmt.Errorf("read file: %w", fs.ErrClosed)
	}
	return r.ctx.Err()
}

// explain returns fs.ErrClosed for a read that Close interrupted, and other errors unchanged.
func (r *Reader) explain(err error) error {
	if r.closed.Load() && errors.Is(err, context.Canceled) {
		return fmt.Errorf("read file: %w", fs.ErrClosed)
	}
	return err
}
