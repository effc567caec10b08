package gateway

import (
	"context"
	"errors"
	"sync"
	"time"

	"postern/remote"
)

// lateLook is how long a start waits for its remote. A disk that takes longer to wake up is opened when it has.
const lateLook = 2 * time.Second

// late is a remote that is opened when it is there: until then it can't be reached.
type late struct {
	remote.Store // every call of which goes to store

	to    Target
	o     Opening
	life  context.Context
	end   context.CancelFunc
	opens sync.WaitGroup

	mu      sync.Mutex
	store   remote.Store // nil: not open yet
	attempt *attempt     // under way; nil: none is
	closed  bool
}

// attempt is one attempt to open, whose outcome all get who wait for it.
type attempt struct {
	done  chan struct{}
	store remote.Store
	err   error
}

// openLate opens a remote now if it is there, else later. It fails for what will never be one.
func (t Target) openLate(ctx context.Context, o Opening) (remote.Store, error) {
	if t.mirror != nil {
		return t.mirror.open(ctx, o, Target.openLate)
	}
	l := &late{to: t, o: o}
	l.Store = remote.Wrap(nil, l.around)
	l.life, l.end = context.WithCancel(context.WithoutCancel(ctx))
	look, cancel := context.WithTimeout(ctx, o.waits.look())
	defer cancel()
	if _, err := l.open(look, remote.OpLoad); remote.OfKind(err, remote.ErrForeign) {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// open waits for the attempt under way, or begins one: a mount that hangs holds one, however many ask.
func (l *late) open(ctx context.Context, op string) (remote.Store, error) {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil, remote.Fail(op, l.to, remote.ErrClosed, nil)
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
		return nil, remote.Alive(ctx, op, l.to)
	}
}

// try makes one attempt. It ends with the remote's life at the latest.
func (l *late) try(a *attempt) {
	store, err := l.to.Open(l.life, l.o)
	if err != nil && !remote.OfKind(err, remote.ErrForeign) {
		err = remote.Fail("open", l.to, remote.ErrUnavailable, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.store, l.attempt = store, nil
	a.store, a.err = store, err
	close(a.done)
}

// around opens the remote if need be, and sends a call there.
func (l *late) around(ctx context.Context, c *remote.Call, do func(context.Context) error) (err error) {
	if c.To, err = l.open(ctx, c.Op); err != nil {
		return err
	}
	return do(ctx)
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
