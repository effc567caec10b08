package line_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/line"
	"postern/remote/mem"
	"postern/remote/remotetest"
)

// TestContractOfHedge runs the contract over a line that asks twice.
func TestContractOfHedge(t *testing.T) {
	remotetest.RunHandles(t, func(*testing.T) func() (remote.Store, error) {
		s := mem.New()
		return func() (remote.Store, error) {
			return line.Over(s.Another(), remote.Deadlines{}, line.Options{Hedge: true, Sleep: atOnce}), nil
		}
	})
}

// uneven is a remote whose ranges take as long as slow says.
type uneven struct {
	remote.Store
	slow func(n int) time.Duration // of the request with a number, from 1 on

	mu       sync.Mutex
	requests int
	cut      int // requests whose context ended
}

func (u *uneven) GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	u.mu.Lock()
	u.requests++
	d := u.slow(u.requests)
	u.mu.Unlock()
	select {
	case <-time.After(d):
		return u.Store.GetRange(ctx, name, off, p)
	case <-ctx.Done():
		u.mu.Lock()
		defer u.mu.Unlock()
		u.cut++
		return ctx.Err()
	}
}

// hedged runs a test with a line over an uneven remote with one blob, after some even reads of 50 ms each.
func hedged(
	t *testing.T, even int, after func(n int) time.Duration, test func(u *uneven, read func() ([]byte, error)),
) {
	synctest.Test(t, func(t *testing.T) {
		data := bytes.Repeat([]byte("postern"), 1000)
		name := crypto.NameOf(data)
		u := &uneven{Store: mem.New(), slow: func(n int) time.Duration {
			if n <= even {
				return 50 * time.Millisecond
			}
			return after(n - even)
		}}
		l := line.Over(u, remote.Deadlines{}, line.Options{Hedge: true})
		defer l.Close()
		if err := l.Put(t.Context(), name, remote.BytesBody(data)); err != nil {
			t.Fatal(err)
		}
		read := func() ([]byte, error) {
			p := make([]byte, 7)
			err := l.GetRange(t.Context(), name, 7, p)
			return p, err
		}
		for range even {
			if _, err := read(); err != nil {
				t.Fatal(err)
			}
		}
		test(u, read)
		synctest.Wait()
		if sent, _ := l.Hedged(); int(sent) > (u.requests)/50+4 {
			t.Errorf("%d of %d requests were second ones", sent, u.requests)
		}
	})
}

// TestHedge checks that the slowest read is asked for twice, and that the second answer counts.
func TestHedge(t *testing.T) {
	hedged(t, 200, func(n int) time.Duration {
		if n == 1 {
			return 20 * time.Second
		}
		return 50 * time.Millisecond
	}, func(u *uneven, read func() ([]byte, error)) {
		began := time.Now()
		p, err := read()
		if took := time.Since(began); err != nil || string(p) != "postern" || took > 300*time.Millisecond {
			t.Errorf("read %q after %v: %v", p, took, err)
		}
		synctest.Wait()
		if u.cut != 1 {
			t.Errorf("%d requests were ended, want the slow one", u.cut)
		}
	})
}

// TestHedgeFirstWins checks that the second request ends when the first one answers.
func TestHedgeFirstWins(t *testing.T) {
	hedged(t, 200, func(n int) time.Duration { return time.Duration(n) * time.Second },
		func(u *uneven, read func() ([]byte, error)) {
			p, err := read()
			if err != nil || string(p) != "postern" {
				t.Errorf("read %q: %v", p, err)
			}
			synctest.Wait()
			if u.requests != 202 || u.cut != 1 {
				t.Errorf("%d requests, of which %d were ended", u.requests, u.cut)
			}
		})
}

// TestHedgeSlowStore checks that a store that has become slow altogether is not asked twice for everything.
func TestHedgeSlowStore(t *testing.T) {
	hedged(t, 200, func(int) time.Duration { return 3 * time.Second },
		func(u *uneven, read func() ([]byte, error)) {
			for range 300 {
				if _, err := read(); err != nil {
					t.Fatal(err)
				}
			}
			if u.requests > 500+500/50+4 {
				t.Errorf("%d requests for 500 reads", u.requests)
			}
		})
}

// TestHedgeFails checks that an error of the first request is an answer, and that a second one that fails is not.
func TestHedgeFails(t *testing.T) {
	hedged(t, 200, func(n int) time.Duration { return time.Duration(n) * time.Second },
		func(u *uneven, read func() ([]byte, error)) {
			u.Store = failing{u.Store}
			if _, err := read(); !errors.Is(err, remote.ErrNotFound) {
				t.Errorf("read: %v", err)
			}
		})
}

// failing is a remote without blobs.
type failing struct{ remote.Store }

func (failing) GetRange(_ context.Context, name crypto.BlobName, _ int64, _ []byte) error {
	return remote.Fail(remote.OpGetRange, name, remote.ErrNotFound, nil)
}
