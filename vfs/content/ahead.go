package content

import (
	"context"
	"sync"
	"sync/atomic"

	"postern/crypto"
	"postern/remote"
)

// ahead is a queue of consecutive units of the file, fetched and opened concurrently, used in order.
type ahead struct {
	fetch  *fetcher
	budget *Budget
	pace   func() remote.Pace // nil: the file is near
	most   int64              // bytes to read ahead at most; 0: as many as the pace asks for; negative: none

	row    []*unit
	queued int64 // bytes in row
	next   int64 // start of the next unit
	size   int   // size of the next unit, growing
	window int64 // bytes to hold in the queue, growing
	reach  reach // bounds of both
	stop   context.CancelFunc
	ctx    context.Context
	wg     sync.WaitGroup
}

// unit is a run of segments within one chunk.
type unit struct {
	off   int64
	buf   *[]byte    // nil until the bytes are there
	pool  *sync.Pool // of buf
	n     int
	paid  int64 // taken from the budget
	ready chan struct{}
	err   error
	state atomic.Int32
}

// The states of a unit. The second goroutine to finish with it recycles it.
const (
	underWay = iota
	fetched
	dropped
)

// at returns opened bytes of the file from pos on, at least one, valid until the next call. end is how far the caller
// will read at most; wanted says that the caller will read that far.
func (a *ahead) at(ctx context.Context, pos, end int64, wanted bool) ([]byte, error) {
	for len(a.row) > 0 && pos >= a.row[0].end() && len(a.row) > 1 {
		a.pop()
	}
	if len(a.row) == 1 && pos == a.row[0].end() {
		a.pop()
	} else if len(a.row) > 0 && (pos < a.row[0].off || pos >= a.row[0].end()) {
		a.reset()
	}
	if len(a.row) == 0 && pos != a.next || a.ctx == nil {
		a.begin(ctx, pos, wanted)
	}
	a.extend(pos, end)
	u := a.row[0]
	select {
	case <-u.ready:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if u.err != nil {
		err := u.err
		a.reset() // another call fetches again
		return nil, err
	}
	return (*u.buf)[pos-u.off : u.n], nil
}

// begin starts a queue at pos.
func (a *ahead) begin(ctx context.Context, pos int64, wanted bool) {
	a.reset()
	a.ctx, a.stop = context.WithCancel(ctx)
	a.next = pos - pos%crypto.SegmentSize
	a.size, a.window = crypto.SegmentSize, crypto.SegmentSize
	a.reach = a.measure()
	if wanted {
		a.size, a.window = firstUnit, a.reach.first
	}
}

// pop drops the first unit after use. Reading goes on in order, so it also increases the read-ahead.
func (a *ahead) pop() {
	a.queued -= int64(a.row[0].n)
	a.row[0].drop(a.budget)
	a.row = append(a.row[:0], a.row[1:]...)
	a.reach = a.measure()
	a.window = min(4*a.window, a.reach.most)
}

// extend lengthens the queue as far as is allowed, and to at least one unit.
func (a *ahead) extend(pos, end int64) {
	for len(a.row) == 0 || a.queued < a.window && a.next < end {
		u := a.plan(end)
		u.pool = plainPools.of(u.n)
		if len(a.row) > 0 {
			u.paid = plainPools.cost(u.n)
			if !a.budget.take(u.paid) {
				return
			}
		}
		u.ready = make(chan struct{})
		a.row = append(a.row, u)
		a.queued += int64(u.n)
		a.next = u.end()
		a.size = min(a.size*2, a.reach.unit)
		if len(a.row) == 1 && (a.queued >= a.window || a.next >= end) {
			u.run(a.ctx, a.fetch, a.budget) // nothing else to do concurrently
			return
		}
		ctx := a.ctx
		a.wg.Go(func() { u.run(ctx, a.fetch, a.budget) })
	}
}

// plan returns the next unit: whole segments, within one chunk and not far past end.
func (a *ahead) plan(end int64) *unit {
	end = min((end+crypto.SegmentSize-1)/crypto.SegmentSize*crypto.SegmentSize, a.fetch.size)
	if a.next >= end {
		end = a.fetch.size
	}
	chunkEnd := (a.next/crypto.ChunkSize + 1) * crypto.ChunkSize
	return &unit{off: a.next, n: int(min(int64(a.size), chunkEnd-a.next, end-a.next))}
}

// reset drops all units.
func (a *ahead) reset() {
	if a.stop != nil {
		a.stop()
	}
	for _, u := range a.row {
		u.drop(a.budget)
	}
	a.row, a.queued, a.ctx, a.stop, a.next = nil, 0, nil, nil, -1
}

// close returns when no fetch is running any more.
func (a *ahead) close() {
	a.reset()
	a.wg.Wait()
}

func (u *unit) end() int64 { return u.off + int64(u.n) }

func (u *unit) run(ctx context.Context, f *fetcher, b *Budget) {
	u.err = f.read(ctx, u.off, u.n, func() []byte {
		if u.buf == nil { // else the bytes are read again
			u.buf = u.pool.Get().(*[]byte)
		}
		return (*u.buf)[:u.n]
	})
	if !u.state.CompareAndSwap(underWay, fetched) {
		u.recycle(b)
	}
	close(u.ready)
}

func (u *unit) drop(b *Budget) {
	if !u.state.CompareAndSwap(underWay, dropped) {
		u.recycle(b)
	}
}

func (u *unit) recycle(b *Budget) {
	if u.buf != nil {
		u.pool.Put(u.buf)
		u.buf = nil
	}
	b.give(u.paid)
}
