package line

import (
	"context"
	"errors"
	"sync"
	"time"

	"postern/remote"
)

// small is the most bytes of a range whose time is a round trip. Longer transfers show the throughput.
const small = 32 << 10

// meter measures the pace of the attempts that pass through it. It makes no request of its own.
type meter struct {
	now  func() time.Time
	used func(remote.Usage)

	mu       sync.Mutex
	flowing  int // transfers under way
	trip     trip
	up, down rate
}

// around measures an attempt, and reports what it moved or that it failed.
func (m *meter) around(ctx context.Context, c *remote.Call, do func(context.Context) error) error {
	err := m.measure(ctx, c, do)
	switch {
	case err == nil && c.Send+c.Receive > 0:
		m.used(remote.Usage{Sent: c.Send, Received: c.Receive})
	case failed(ctx, err):
		m.used(remote.Usage{Errors: 1})
	}
	return err
}

// failed reports whether an attempt failed: it was not answered, or the answer is neither that the thing is not there
// nor that it has changed. An attempt that its caller ended has not failed. The trials of a breaker do not count
// either: they would make thousands while a remote is away.
func failed(ctx context.Context, err error) bool {
	_, trial := ctx.Value(onceKey{}).(time.Duration)
	return err != nil && !trial && !remote.OfKind(err, remote.ErrNotFound, remote.ErrConflict) &&
		!errors.Is(context.Cause(ctx), context.Canceled)
}

// measure measures an attempt that succeeds. Listings are left out, since their time is also that of their readers, and
// so are calls that some drivers answer without a request: those for changes, the id and the space.
func (m *meter) measure(ctx context.Context, c *remote.Call, do func(context.Context) error) error {
	switch {
	case c.Transfers() && c.Send+c.Receive > small:
		return m.transfer(ctx, c, do)
	case c.Op == remote.OpLoad, c.Op == remote.OpSwap, c.Op == remote.OpStat, c.Op == remote.OpGetRange:
		return m.ask(ctx, do)
	}
	return do(ctx)
}

// ask measures a small request.
func (m *meter) ask(ctx context.Context, do func(context.Context) error) error {
	m.mu.Lock()
	quiet := m.flowing == 0
	m.mu.Unlock()
	began := m.now()
	err := do(ctx)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	m.trip.took(now.Sub(began), quiet && m.flowing == 0, now)
	return nil
}

// transfer measures a call that moves many bytes.
func (m *meter) transfer(ctx context.Context, c *remote.Call, do func(context.Context) error) error {
	m.mu.Lock()
	m.flowing++
	m.mu.Unlock()
	began := m.now()
	err := do(ctx)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.flowing--
	if err == nil {
		now := m.now()
		m.up.moved(c.Send, began, now, m.trip.smooth)
		m.down.moved(c.Receive, began, now, m.trip.smooth)
	}
	return err
}

// pace returns what was measured.
func (m *meter) pace() remote.Pace {
	m.mu.Lock()
	defer m.mu.Unlock()
	return remote.Pace{RoundTrip: m.trip.smooth, Up: m.up.value, Down: m.down.value}
}

const (
	// dull is how long a round trip is believed. Then one that was measured beside transfers, whose queues it shares,
	// counts as well.
	dull = 20 * time.Second
	// least and most bound the weight of a new round trip. The older the last one is, the more it weighs.
	least, most = 1. / 8, 1. / 2
)

// trip is a smoothed round trip. It falls faster than it rises: a new connection, a slow disk or a queue lengthens a
// request, and nothing makes one shorter than the line is.
type trip struct {
	smooth time.Duration // 0: not known
	at     time.Time     // of the newest one that counted
}

// took adds a round trip. quiet says that no transfer was under way beside it.
func (t *trip) took(d time.Duration, quiet bool, now time.Time) {
	d = max(d, 1)
	age := now.Sub(t.at)
	if t.smooth != 0 && !quiet && age < dull {
		return
	}
	weight := min(max(age.Seconds()/dull.Seconds(), least), most)
	switch {
	case t.smooth == 0:
		weight = 1
	case d < t.smooth:
		weight = most
	}
	t.smooth += time.Duration(weight * float64(d-t.smooth))
	t.at = now
}
