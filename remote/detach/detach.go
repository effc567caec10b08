// Package detach lets callers of a remote go when their context ends, even if the remote does not: a system call on a hung mount (a network
// share whose server is gone, a FUSE program that is stuck) can't be interrupted, and may take until the machine is started anew.
//
// Each call runs in a goroutine of its own. One that is left behind holds its slot until it comes back; when all slots are held,
// further calls wait for one, as long as their contexts last. So a mount that hangs for days costs a bounded number of threads, and is
// noticed to be back when the first call returns.
//
// What was left behind may still happen, once: that is what ErrUnavailable says. It writes into no slice and reads from no body of a
// caller that has gone.
package detach

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"time"

	"postern/crypto"
	"postern/remote"
)

// The defaults of Options.
const (
	// DefaultSlots is twice what a gateway has under way when it is busy. Each takes a thread.
	DefaultSlots = 64
	// DefaultPatience is what a disk that spins up takes to give files back.
	DefaultPatience = 3 * time.Second
)

// Options are the choices of New. The zero value takes the defaults above.
type Options struct {
	Slots    int           // most calls under way, those left behind among them
	Patience time.Duration // most that Close waits for the remote
	Log      *slog.Logger  // nil: silent
}

// store is the wrapper.
type store struct {
	remote.Store // whose calls are let go when their context ends
	inner        remote.Store

	slots    chan struct{}
	patience time.Duration
	log      *slog.Logger
	closing  sync.Once
}

// New returns inner with calls that end with their context.
func New(inner remote.Store, o Options) remote.Store {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &store{
		inner: inner, slots: make(chan struct{}, cmp.Or(o.Slots, DefaultSlots)),
		patience: cmp.Or(o.Patience, DefaultPatience), log: o.Log,
	}
	s.Store = remote.Wrap(inner, s.around)
	return s
}

// Open opens a remote, or gives up when ctx ends; what is opened too late is closed again. on names the remote in errors.
func Open(ctx context.Context, on fmt.Stringer, open func() (remote.Store, error)) (remote.Store, error) {
	opened := make(chan outcome[remote.Store])
	go func() {
		s, err := open()
		select {
		case opened <- outcome[remote.Store]{s, err}:
		case <-ctx.Done():
			if err == nil {
				_ = s.Close() // nobody is left who could be told
			}
		}
	}()
	select {
	case o := <-opened:
		return o.value, o.err
	case <-ctx.Done():
		return nil, remote.Fail("open", on, remote.ErrUnavailable, silent{ctx.Err()})
	}
}

// silent is the error of a context that ended while the remote said nothing.
type silent struct{ error }

// Error says what a user wants to know.
func (silent) Error() string { return "it does not answer: see that its disk or network share is well" }

// Unwrap gives errors.Is the context's own error.
func (s silent) Unwrap() error { return s.error }

// outcome is what a call gives.
type outcome[T any] struct {
	value T
	err   error
}

// around makes one call. It returns when the call does, or when ctx ends.
func (s *store) around(ctx context.Context, c *remote.Call, call func(context.Context) error) error {
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
func (s *store) Put(ctx context.Context, name crypto.BlobName, body remote.Body) error {
	lent, end := lend(body)
	defer end()
	return s.Store.Put(ctx, name, lent)
}

// GetRange implements remote.Blobs. A call that is left behind fills a slice of its own.
func (s *store) GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	own := make([]byte, len(p))
	if err := s.Store.GetRange(ctx, name, off, own); err != nil {
		return err
	}
	copy(p, own)
	return nil
}

// List implements remote.Blobs. A listing that is left holds its slot until the remote notices.
func (s *store) List(ctx context.Context) iter.Seq2[remote.BlobInfo, error] {
	return func(yield func(remote.BlobInfo, error) bool) {
		inner, left := context.WithCancel(ctx)
		defer left()
		found := make(chan outcome[remote.BlobInfo])
		// The call is the whole listing, which runs as fast as it is read; whoever leaves it early is not waited for.
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

// Close implements remote.Store. A remote that does not let go is left behind.
func (s *store) Close() (err error) {
	s.closing.Do(func() {
		closed := make(chan error, 1)
		go func() { closed <- s.inner.Close() }()
		over := time.NewTimer(s.patience)
		defer over.Stop()
		select {
		case err = <-closed:
		case <-over.C:
			s.log.Warn("the remote does not answer and was not closed in good order, which does no harm")
		}
	})
	return err
}

// errGone ends the reading of a body whose owner has gone.
var errGone = errors.New("the call it belonged to was given up")
