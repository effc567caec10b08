package remotetest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"postern/crypto"
	"postern/remote"
)

var concurrentChecks = []Check{
	{Name: "concurrent/same blob", Promise: "many callers can put and read the same blob at once", Do: sameBlob},
	{Name: "concurrent/many blobs", Promise: "many callers can put, read and delete blobs at once", Do: manyBlobs},
	{Name: "concurrent/pointer", Promise: "loads and swaps of a pointer are linearizable", Do: linearizable},
	{Name: "concurrent/one winner", Promise: "of swaps from one state exactly one succeeds", Do: oneWinner},
}

// together runs do n times at once and returns the first error.
func together(n int, do func(i int) error) error {
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { errs[i] = do(i) })
	}
	all.Wait()
	return first(errs...)
}

// handles returns n handles: different ones if possible.
func (e *Env) handles(n int) ([]remote.Store, error) {
	stores := []remote.Store{e.Store}
	for len(stores) < n {
		s := e.Store
		if e.Another != nil {
			var err error
			if s, err = e.Another(); err != nil {
				return nil, err
			}
		}
		stores = append(stores, s)
	}
	return stores, nil
}

func sameBlob(ctx context.Context, e *Env) error {
	name, data := e.blob(400_000)
	stores, err := e.handles(4)
	if err != nil {
		return err
	}
	return together(8, func(i int) error {
		s := stores[i%len(stores)]
		return first(s.Put(ctx, name, remote.BytesBody(data)), holds(ctx, s, name, data))
	})
}

func manyBlobs(ctx context.Context, e *Env) error {
	const workers, each = 6, 10
	type blob struct {
		name crypto.BlobName
		data []byte
	}
	var blobs [workers][each]blob
	for i := range blobs {
		for j := range blobs[i] {
			blobs[i][j].name, blobs[i][j].data = e.blob(1 + i*1000 + j*40_000)
		}
	}
	stores, err := e.handles(2)
	if err != nil {
		return err
	}
	return together(workers, func(i int) error {
		s, other := stores[i%2], stores[(i+1)%2]
		for j, b := range blobs[i] {
			if err := s.Put(ctx, b.name, remote.BytesBody(b.data)); err != nil {
				return err
			}
			if err := holds(ctx, other, b.name, b.data); err != nil {
				return err
			}
			if j%3 == 0 {
				if err := first(other.Delete(ctx, b.name), lacks(ctx, s, b.name)); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func oneWinner(ctx context.Context, e *Env) error {
	const rivals = 8
	key := e.writer()
	stores, err := e.handles(rivals)
	if err != nil {
		return err
	}
	old := none
	for round := range uint64(5) {
		var mu sync.Mutex
		var winners []crypto.Pointer
		err := together(rivals, func(i int) error {
			next := key.Sign(round+1, value(byte(round), byte(i)))
			err := stores[i].Swap(ctx, old, next)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				winners = append(winners, next)
			} else if !errors.Is(err, remote.ErrConflict) {
				return err
			}
			return nil
		})
		if err != nil {
			return err
		}
		if len(winners) != 1 {
			return fmt.Errorf("%d of %d swaps from one state succeeded", len(winners), rivals)
		}
		for _, s := range stores {
			if err := points(ctx, s, winners[0]); err != nil {
				return err
			}
		}
		old = winners[0].Hash()
	}
	return nil
}
