package content

import (
	"context"
	"crypto/md5" // required by rclone and S3, not for security
	"crypto/rand"
	"crypto/sha1" // likewise
	"errors"
	"hash"
	"io"
	"sync"
	"sync/atomic"

	"postern/vfs"
	"postern/vfs/staging"
)

var errEnded = errors.New("the file has ended")

// WriterOptions of a Writer. The zero value works.
type WriterOptions struct {
	Version vfs.Version // stored in the chunks' metadata
	Size    int64       // announced length of the body; 0: unknown. It may be wrong.
	Rand    io.Reader   // keys and padding; nil: crypto/rand
	Budget  *Budget     // of memory, shared with others; nil: none. Once it is used up, a writer works with little.
	// LateMD5 allows a body longer than SmallLimit to end without its MD5: hashing stops once everything else waits for
	// it.
	LateMD5 bool
}

// Writer seals a body as it arrives. It only buffers up to SmallLimit bytes. A longer body is hashed twice and sealed
// by three goroutines, with each block once in memory. Exactly one of Finish and Abort ends it, but Abort may follow
// Finish. Not safe for concurrent use.
type Writer struct {
	batch *staging.Batch
	o     WriterOptions
	size  int64
	err   error // sticks
	ended bool
	sums  vfs.Sums

	held []*block // full blocks, any of which may be the last
	cur  *block   // being filled; nil: none yet

	pipe *pipe // nil while the body is small
	ctx  context.Context
	stop context.CancelFunc
}

// NewWriter begins a file whose blobs go to a batch. ctx applies to all writing.
func NewWriter(ctx context.Context, batch *staging.Batch, o WriterOptions) *Writer {
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	w := &Writer{batch: batch, o: o}
	w.ctx, w.stop = context.WithCancel(ctx)
	return w
}

// Write appends to the file. Errors: vfs.ErrFull, the context's.
func (w *Writer) Write(p []byte) (n int, err error) {
	for n < len(p) {
		if err := w.ready(); err != nil {
			return n, err
		}
		m := copy(w.cur.free(), p[n:])
		w.grow(m)
		n += m
	}
	return n, nil
}

// ReadFrom appends what r yields until it ends, read directly into the blocks that are sealed.
func (w *Writer) ReadFrom(r io.Reader) (n int64, err error) {
	for empty := 0; ; {
		if err := w.ready(); err != nil {
			return n, err
		}
		m, err := r.Read(w.cur.free())
		w.grow(m)
		n += int64(m)
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		if m > 0 {
			empty = 0
		} else if empty++; empty == 100 { // as in bufio
			return n, io.ErrNoProgress
		}
	}
}

// ready makes sure that w.cur has room.
func (w *Writer) ready() error {
	switch {
	case w.err != nil:
		return w.err
	case w.ended:
		return errEnded
	}
	if w.cur != nil && w.cur.n < blockSize {
		return nil
	}
	if w.cur != nil {
		w.held = append(w.held, w.cur)
		w.cur = nil
	}
	if w.pipe != nil {
		if err := w.pipe.wait(w.ctx); err != nil {
			return w.fail(err)
		}
	}
	w.cur = newBlock()
	return nil
}

// grow notes that w.cur holds n more bytes. The blocks before it are then certainly not the last.
func (w *Writer) grow(n int) {
	w.cur.n += n
	w.size += int64(n)
	if n == 0 || w.size <= SmallLimit || len(w.held) == 0 {
		return
	}
	if w.pipe == nil {
		w.pipe = newPipe(w.ctx, w.batch, w.o, len(w.held)+1)
	}
	for _, b := range w.held {
		w.pipe.send(b)
	}
	w.held = w.held[:0]
}

// Sums ends the writing and returns the size and hashes of the file; a skipped MD5 is zero. Only Finish or Abort may
// follow. Errors: as Write.
func (w *Writer) Sums() (vfs.Sums, error) {
	if w.ended || w.err != nil {
		return w.sums, w.err
	}
	if err := w.ctx.Err(); err != nil {
		return vfs.Sums{}, w.fail(err)
	}
	w.ended = true
	w.sums.Size = w.size
	if w.pipe == nil {
		m, s := md5.New(), sha1.New()
		for _, b := range w.small() {
			m.Write(b)
			s.Write(b)
		}
		m.Sum(w.sums.MD5[:0])
		s.Sum(w.sums.SHA1[:0])
		return w.sums, nil
	}
	rest := w.held
	if w.cur != nil && w.cur.n > 0 {
		rest = append(rest, w.cur)
		w.cur = nil
	}
	w.held = nil
	rest[len(rest)-1].last = true // a block is sent only when another follows it, so one is left
	for _, b := range rest {
		w.pipe.send(b)
	}
	if err := w.pipe.finish(); err != nil {
		return vfs.Sums{}, w.fail(err)
	}
	if !w.pipe.gaveUp.Load() {
		w.pipe.md5.Sum(w.sums.MD5[:0])
	}
	w.pipe.sha1.Sum(w.sums.SHA1[:0])
	return w.sums, nil
}

// Finish ends the file and returns its content. Its blobs are durable once the batch is sealed. Errors: as Write.
func (w *Writer) Finish() (Result, error) {
	sums, err := w.Sums()
	if err != nil {
		return Result{}, err
	}
	defer w.stop()
	res := Result{Sums: sums}
	switch {
	case w.pipe != nil:
		res.Content, err = w.pipe.sealer.index.finish(w.ctx)
	case w.size > 0:
		res.Content, res.Piece, err = sealPiece(w.small(), int(w.size), w.o)
	}
	w.recycle()
	if err != nil {
		return Result{}, w.fail(err)
	}
	return res, nil
}

// Abort ends the writing and removes the batch's blobs, unless the batch is Done.
func (w *Writer) Abort() {
	w.stop()
	if w.err == nil {
		w.err = errEnded
	}
	if w.pipe != nil {
		_ = w.pipe.finish() // its error was returned before, or no longer matters
	}
	w.recycle()
	w.batch.Abort()
}

// small returns the blocks of a small body.
func (w *Writer) small() [][]byte {
	var list [][]byte
	for _, b := range w.held {
		list = append(list, b.bytes())
	}
	if w.cur != nil {
		list = append(list, w.cur.bytes())
	}
	return list
}

func (w *Writer) recycle() {
	for _, b := range w.held {
		blocks.Put(b)
	}
	if w.cur != nil {
		blocks.Put(w.cur)
	}
	w.held, w.cur = nil, nil
}

func (w *Writer) fail(err error) error {
	if w.err == nil {
		w.err = err
	}
	return w.err
}

// pipe processes a large body: three goroutines that each see every block, in order.
type pipe struct {
	md5, sha1 hash.Hash
	sealer    *sealer
	lanes     [3]chan *block
	tokens    chan struct{} // one for each block in flight
	wg        sync.WaitGroup
	closed    bool
	budget    *Budget
	paid      int64
	late      bool        // the MD5 may be skipped
	gaveUp    atomic.Bool // the MD5 was skipped

	failed chan struct{} // closed when the sealer has failed
	err    error         // the sealer's error
}

// newPipe starts a pipe. made is the number of blocks that exist already.
func newPipe(ctx context.Context, batch *staging.Batch, o WriterOptions, made int) *pipe {
	p := &pipe{
		md5: md5.New(), sha1: sha1.New(), sealer: newSealer(ctx, batch, o),
		budget: o.Budget, late: o.LateMD5, failed: make(chan struct{}),
	}
	limit := fewBlocks
	if more := int64(blocksInFlight-fewBlocks) * blockSize; p.budget.take(more) {
		p.paid, limit = more, blocksInFlight
	}
	p.tokens = make(chan struct{}, limit)
	for i := range p.lanes {
		p.lanes[i] = make(chan *block, blocksInFlight)
	}
	for range made {
		p.tokens <- struct{}{}
	}
	p.run(p.lanes[0], func(b *block) {
		if !p.gaveUp.Load() {
			p.md5.Write(b.bytes())
		}
	})
	p.run(p.lanes[1], func(b *block) { p.sha1.Write(b.bytes()) })
	p.run(p.lanes[2], func(b *block) {
		if p.err != nil {
			return
		}
		if p.err = p.sealer.seal(b); p.err != nil {
			close(p.failed)
		}
	})
	return p
}

func (p *pipe) run(lane chan *block, f func(*block)) {
	p.wg.Add(1)
	go func() {
		defer p.wg.Done()
		for b := range lane {
			f(b)
			if b.users.Add(-1) == 0 {
				blocks.Put(b)
				<-p.tokens
			}
		}
	}()
}

// wait waits until another block may be made. If the MD5 may come late, wait skips it once more blocks wait for it than
// for anything else.
func (p *pipe) wait(ctx context.Context) error {
	if p.late && len(p.tokens) == cap(p.tokens) && len(p.lanes[0]) > max(len(p.lanes[1]), len(p.lanes[2])) {
		p.gaveUp.Store(true)
	}
	select {
	case p.tokens <- struct{}{}:
	case <-p.failed:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-p.failed:
		return p.err
	default:
		return nil
	}
}

// send never blocks: there are no more blocks than a lane has room for.
func (p *pipe) send(b *block) {
	b.users.Store(int32(len(p.lanes)))
	for _, lane := range p.lanes {
		lane <- b
	}
}

// finish waits until all blocks are processed, and aborts a blob that is still open.
func (p *pipe) finish() error {
	if p.closed {
		return p.err
	}
	p.closed = true
	for _, lane := range p.lanes {
		close(lane)
	}
	p.wg.Wait()
	p.sealer.close()
	p.budget.give(p.paid)
	return p.err
}
