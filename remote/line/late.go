package line

import (
	"context"
	"errors"
	"sync"

	"postern/remote"
)

// late is a remote that is opened once it is there; until then, calls fail as unreachable.
type late struct {
	open  Open
	o     Options
	life  context.Context
	end   context.CancelFunc
	opens sync.WaitGroup

	mu      sync.Mutex
	store   remote.Store // nil: not open yet
	attempt *attempt     // under way; nil: none is
	closed  bool
}

// attempt is one attempt to open. All calls that wait for it share its outcome.
type attempt struct {
	done  chan struct{}
	store remote.Store
	err   error
}

// newLate opens a remote now if it is there within Deadlines.Look, else later. It fails at once for errors that retries
// do not mend.
func newLate(ctx context.Context, open Open, d remote.Deadlines, o Options) (*late, error) {
	l := &late{open: open, o: o}
	l.life, l.end = context.WithCancel(context.WithoutCancel(ctx))
	look, cancel := context.WithTimeout(ctx, d.Look)
	defer cancel()
	if _, err := l.reach(look, remote.OpLoad); remote.OfKind(err, remote.ErrForeign) {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// around opens the remote if need be, and runs a call on it.
func (l *late) around(ctx context.Context, c *remote.Call, do func(context.Context) error) (err error) {
	if c.To, err = l.reach(ctx, c.Op); err != nil {
		return err
	}
	return do(ctx)
}

// reach returns the open remote. It waits for the attempt under way, or begins one: a hung mount blocks a single
// attempt, however many calls wait.
func (l *late) reach(ctx context.Context, op string) (remote.Store, error) {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil, remote.Fail(op, l.o.Name, remote.ErrClosed, nil)
	}
	if l.store != nil {
		defer l.mu.Unlock()
		return l.store, nil
	}
	a := l.attempt
	if a == nil {
		a = &attempt{done: make(chan struct{})}
		l.attempt = a
		l.opens.Go(func() { l.try(a) })
	}
	l.mu.Unlock()
	select {
	case <-a.done:
		return a.store, a.err
	case <-ctx.Done():
		return nil, remote.Alive(ctx, op, l.o.Name)
	}
}

// try makes one attempt. It ends when the remote is closed at the latest.
func (l *late) try(a *attempt) {
	store, err := l.open(l.life)
	if err != nil && !remote.OfKind(err, remote.ErrForeign) {
		err = remote.Fail("open", l.o.Name, remote.ErrUnavailable, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.store, l.attempt = store, nil
	a.store, a.err = store, err
	close(a.done)
}

// Close ends an attempt under way and closes the remote, if it is open.
func (l *late) Close() error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.end()
	l.opens.Wait()
	if l.store == nil {
		return nil
	}
	return l.store.Close()
}
