package tree_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/tree"
)

// slow is a source with a high latency.
type slow struct {
	*store
	mu       sync.Mutex
	now, top int // reads at a time
}

func (s *slow) GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	s.mu.Lock()
	s.now++
	s.top = max(s.top, s.now)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.now--
		s.mu.Unlock()
	}()
	line := time.NewTimer(50 * time.Millisecond)
	defer line.Stop()
	select {
	case <-line.C:
		return s.store.GetRange(ctx, name, off, p)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestListReadsAhead(t *testing.T) {
	const n = 5000
	st := newStore()
	_, at := folder(t, st, n)
	synctest.Test(t, func(t *testing.T) {
		far := &slow{store: st}
		nodes := tree.NewNodes(far, tree.Options{Memory: 1})
		c, _, err := nodes.Commit(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		tr := tree.New(nodes, c.Root)
		begin := time.Now()
		all := names(t, tr, "/photos")
		if len(all) != n || !slices.IsSorted(all) {
			t.Fatalf("listed %d of %d", len(all), n)
		}
		if took := time.Since(begin); took > 500*time.Millisecond {
			t.Errorf("a listing of %d entries took %v", n, took)
		}
		if far.top < 4 || far.top > 64 {
			t.Errorf("%d reads at a time", far.top)
		}

		// A listing that is left early leaves no goroutine running.
		count := 0
		for _, err := range tr.List(t.Context(), "/photos") {
			if err != nil {
				t.Fatal(err)
			}
			if count++; count == n/3 {
				break
			}
		}
		if far.now != 0 {
			t.Errorf("%d reads still run", far.now)
		}

		// Neither does a cancelled one.
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		var last error
		for _, err := range tr.List(ctx, "/photos") {
			last = err
		}
		if !errors.Is(last, context.DeadlineExceeded) || far.now != 0 {
			t.Errorf("got %v, and %d reads still run", last, far.now)
		}

		st.reads, last, count = 0, nil, 0
		st.change = func(p []byte, _ bool) {
			if st.reads > 40 { // all later reads return wrong bytes
				p[0] ^= 1
			}
		}
		for _, err := range tr.List(t.Context(), "/photos") {
			if last != nil {
				t.Fatal("something came after an error")
			}
			last = err
			count++
		}
		if count < 100 || count > n {
			t.Errorf("%d entries before the error", count)
		}
		st.change = nil
		wantKind(t, last, vfs.ErrCorrupt)
	})
}
