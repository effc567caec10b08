package pace

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"
)

const (
	// Small is the most bytes of a small transfer. A page of a folder, a few small files or one segment of a file has no
	// more.
	Small = 128 << 10

	leastPiece, mostPiece = 256, 32 << 10 // bytes that a bulk transfer moves at a time
	piecesEachSecond      = 64
	leastSmallBurst       = 2 * Small // bytes

	// maxBulk bounds the bulk transfers of one direction under way, so that connections are left for small ones.
	maxBulk = 16
	// leastShare is the least rate of one bulk transfer, in bytes a second. Where the limit is lower, fewer are under
	// way: stores end a request whose bytes pause for 20 seconds, and an HTTP connection sends 64 KiB at a time.
	leastShare = 8 << 10
)

// bucket is the token bucket of one direction.
//
// A bulk transfer waits for tokens piece by piece. A small transfer takes its tokens without waiting for bulk: the bulk
// transfers pay for it. Small transfers alone still keep the rate, by a bucket of their own.
type bucket struct {
	plan   Plan
	o      Options
	places *semaphore.Weighted // maxBulk, shared by the bulk transfers under way

	mu    sync.Mutex
	rate  int64 // of the limiters; 0: no limit
	bulk  *rate.Limiter
	small *rate.Limiter
}

func newBucket(plan Plan, o Options) *bucket {
	return &bucket{plan: plan, o: o, places: semaphore.NewWeighted(maxBulk), bulk: rate.NewLimiter(0, 0),
		small: rate.NewLimiter(0, 0)}
}

// current applies the plan to a time and returns the rate. The caller holds mu.
func (b *bucket) current(now time.Time) int64 {
	if r := b.plan.At(now); r != b.rate {
		b.rate = r
		b.bulk.SetLimitAt(now, rate.Limit(r))
		b.bulk.SetBurstAt(now, int(max(pieceOf(r), r/20))) // sleeps of up to 50 ms too long lose nothing
		b.small.SetLimitAt(now, rate.Limit(r))
		b.small.SetBurstAt(now, int(max(leastSmallBurst, r)))
	}
	return b.rate
}

// pieceOf returns how many bytes to move at a time at a rate.
func pieceOf(r int64) int64 { return min(max(r/piecesEachSecond, leastPiece), mostPiece) }

// piece returns how many bytes a bulk transfer moves next, at most n.
func (b *bucket) piece(n int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r := b.current(b.o.Now()); r > 0 {
		return min(n, int(pieceOf(r)))
	}
	return n
}

// delay takes n tokens and returns how long to wait until the bytes may move. give returns the tokens.
func (b *bucket) delay(n int, small bool) (wait time.Duration, give func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.o.Now()
	if b.current(now) <= 0 {
		return 0, func() {}
	}
	var taken []*rate.Reservation
	take := func(from *rate.Limiter) (wait time.Duration) {
		for left := n; left > 0; left -= from.Burst() {
			r := from.ReserveN(now, min(left, from.Burst()))
			taken = append(taken, r)
			wait = r.DelayFrom(now)
		}
		return wait
	}
	wait = take(b.bulk)
	if small {
		wait = take(b.small)
	}
	return wait, func() {
		for _, r := range taken {
			r.CancelAt(b.o.Now())
		}
	}
}

// pass waits until n bytes may move. It calls waits before it waits, and goOn afterwards.
func (b *bucket) pass(ctx context.Context, n int, small bool, waits func() (goOn func())) error {
	wait, give := b.delay(n, small)
	if wait <= 0 {
		return nil
	}
	defer waits()()
	if err := b.o.Sleep(ctx, wait); err != nil {
		give()
		return err
	}
	return nil
}

// enter waits until one more bulk transfer may begin. The caller calls leave when it has ended.
func (b *bucket) enter(ctx context.Context) (leave func(), err error) {
	b.mu.Lock()
	r := b.current(b.o.Now())
	b.mu.Unlock()
	if r <= 0 {
		return func() {}, nil
	}
	share := maxBulk / min(max(r/leastShare, 1), maxBulk)
	if err := b.places.Acquire(ctx, share); err != nil {
		return nil, err
	}
	return func() { b.places.Release(share) }, nil
}
