package gateway

import (
	"context"
	"errors"
	"iter"
	"sync"
	"time"

	"postern/crypto"
	"postern/remote"
)

// lateLook is how long a start waits for its remote. A disk that takes longer to wake up is opened when it has.
const lateLook = 2 * time.Second

// late is a remote that is opened when it is there: until then it can't be reached.
type late struct {
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

// Put implements remote.Blobs, as do those that follow.
func (l *late) Put(ctx context.Context, name crypto.BlobName, b remote.Body) error {
	s, err := l.open(ctx, remote.OpPut)
	if err != nil {
		return err
	}
	return s.Put(ctx, name, b)
}

func (l *late) Get(ctx context.Context, name crypto.BlobName) ([]byte, error) {
	s, err := l.open(ctx, remote.OpGet)
	if err != nil {
		return nil, err
	}
	return s.Get(ctx, name)
}

func (l *late) GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	s, err := l.open(ctx, remote.OpGet)
	if err != nil {
		return err
	}
	return s.GetRange(ctx, name, off, p)
}

func (l *late) Stat(ctx context.Context, name crypto.BlobName) (int64, error) {
	s, err := l.open(ctx, remote.OpStat)
	if err != nil {
		return 0, err
	}
	return s.Stat(ctx, name)
}

func (l *late) List(ctx context.Context) iter.Seq2[remote.BlobInfo, error] {
	s, err := l.open(ctx, remote.OpList)
	if err != nil {
		return func(yield func(remote.BlobInfo, error) bool) { yield(remote.BlobInfo{}, err) }
	}
	return s.List(ctx)
}

func (l *late) Delete(ctx context.Context, name crypto.BlobName) error {
	s, err := l.open(ctx, remote.OpDelete)
	if err != nil {
		return err
	}
	return s.Delete(ctx, name)
}

// Load implements remote.Pointers, as does Swap.
func (l *late) Load(ctx context.Context, id crypto.PointerID) (crypto.Pointer, error) {
	s, err := l.open(ctx, remote.OpLoad)
	if err != nil {
		return crypto.Pointer{}, err
	}
	return s.Load(ctx, id)
}

func (l *late) Swap(ctx context.Context, old crypto.PointerHash, next crypto.Pointer) error {
	s, err := l.open(ctx, remote.OpSwap)
	if err != nil {
		return err
	}
	return s.Swap(ctx, old, next)
}

// Space implements remote.Store, as does Close.
func (l *late) Space(ctx context.Context) (remote.Space, error) {
	s, err := l.open(ctx, remote.OpSpace)
	if err != nil {
		return remote.Space{}, err
	}
	return s.Space(ctx)
}

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
