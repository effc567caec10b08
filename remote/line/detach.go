package line

import (
	"context"
	"errors"
	"iter"
	"sync"
	"time"

	"postern/crypto"
	"postern/remote"
)

// defaultSlots is twice the number of calls that a busy gateway has under way. Each takes a thread.
const defaultSlots = 64

// detacher returns when a caller's context ends, even if the remote's call does not: a system call on a hung mount (a
// network share whose server is gone, a FUSE program that is stuck) can't be interrupted, and may last until the
// machine restarts.
//
// Each call runs in a goroutine of its own. An abandoned call holds its slot until it returns; when all slots are held,
// further calls wait for one, as long as their contexts last. So a mount that hangs for days costs a bounded number of
// threads, and calls succeed again once the first one returns.
//
// An abandoned call may still take effect, once, as ErrUnavailable allows. It writes into no slice and reads from no
// body of its caller any more.
type detacher struct {
	remote.Store // whose calls are abandoned when their context ends
	inner        remote.Store
	d            remote.Deadlines
	o            Options
	slots        chan struct{}
	closing      sync.Once
}

// newDetacher returns inner with calls that end with their context.
func newDetacher(inner remote.Store, d remote.Deadlines, o Options) *detacher {
	s := &detacher{inner: inner, d: d, o: o, slots: make(chan struct{}, o.Slots)}
	s.Store = remote.Wrap(inner, s.around)
	return s
}

// detached returns an Open that returns when its context ends; a remote that opens too late is closed again.
func detached(open Open, d remote.Deadlines, o Options) Open {
	return func(ctx context.Context) (remote.Store, error) {
		opened := make(chan outcome[remote.Store])
		go func() {
			s, err := open(ctx)
			select {
			case opened <- outcome[remote.Store]{s, err}:
			case <-ctx.Done():
				if err == nil {
					_ = s.Close() // no caller is left for the error
				}
			}
		}()
		select {
		case got := <-opened:
			if got.err != nil {
				return nil, got.err
			}
			return newDetacher(got.value, d, o), nil
		case <-ctx.Done():
			return nil, remote.Fail("open", o.Name, remote.ErrUnavailable, silent{ctx.Err()})
		}
	}
}

// silent is the error of a context that ended before the remote answered.
type silent struct{ error }

// Error advises the user.
func (silent) Error() string { return "it does not answer: see that its disk or network share is well" }

// Unwrap gives errors.Is the context's own error.
func (s silent) Unwrap() error { return s.error }

// outcome is the result of a call.
type outcome[T any] struct {
	value T
	err   error
}

// around makes one call. It returns when the call does, or when ctx ends.
func (s *detacher) around(ctx context.Context, c *remote.Call, call func(context.Context) error) error {
	if err := remote.Alive(ctx, c.Op, c.On); err != nil {
		return err
	}
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return remote.Fail(c.Op, c.On, remote.ErrUnavailable, silent{ctx.Err()})
	}
	done := make(chan error, 1)
	go func() {
		defer func() { <-s.slots }()
		done <- call(ctx)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return remote.Fail(c.Op, c.On, remote.ErrUnavailable, silent{ctx.Err()})
	}
}

// Put implements remote.Blobs.
func (s *detacher) Put(ctx context.Context, name crypto.BlobName, body remote.Body) error {
	lent, end := lend(body)
	defer end()
	return s.Store.Put(ctx, name, lent)
}

// GetRange implements remote.Blobs. The call fills a slice of its own, since it may be abandoned.
func (s *detacher) GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	own := make([]byte, len(p))
	if err := s.Store.GetRange(ctx, name, off, own); err != nil {
		return err
	}
	copy(p, own)
	return nil
}

// List implements remote.Blobs. An abandoned listing holds its slot until the remote stops it.
func (s *detacher) List(ctx context.Context) iter.Seq2[remote.BlobInfo, error] {
	return func(yield func(remote.BlobInfo, error) bool) {
		inner, left := context.WithCancel(ctx)
		defer left()
		found := make(chan outcome[remote.BlobInfo])
		// The call is the whole listing, which runs as fast as it is read. A consumer that leaves early does not wait
		// for it.
		ended := make(chan error, 1)
		go func() {
			ended <- s.around(inner, &remote.Call{Op: remote.OpList, On: remote.Place{}}, func(context.Context) error {
				for info, err := range s.inner.List(inner) {
					if err != nil {
						return err
					}
					select {
					case found <- outcome[remote.BlobInfo]{value: info}:
					case <-inner.Done():
						return nil
					}
				}
				return nil
			})
		}()
		for {
			select {
			case o := <-found:
				if !yield(o.value, nil) {
					return
				}
			case err := <-ended:
				if err != nil {
					yield(remote.BlobInfo{}, err)
				}
				return
			}
		}
	}
}

// Close implements remote.Store. If the remote's Close hangs, it is abandoned.
func (s *detacher) Close() (err error) {
	s.closing.Do(func() {
		closed := make(chan error, 1)
		go func() { closed <- s.inner.Close() }()
		over := time.NewTimer(s.d.Close)
		defer over.Stop()
		select {
		case err = <-closed:
		case <-over.C:
			s.o.Log.Warn("the remote does not answer and was not closed in good order, which does no harm")
		}
	})
	return err
}

// errGone ends the reading of a body whose call was abandoned.
var errGone = errors.New("the call it belonged to was given up")
