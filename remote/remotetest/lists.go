package remotetest

import (
	"context"
	"fmt"
	"sync"

	"postern/crypto"
	"postern/remote"
)

var listChecks = []Check{
	{Name: "list/all", Promise: "every blob is listed once, with its size", Do: listAll},
	{Name: "list/stop", Promise: "a listing may be left early and begun again", Do: listStop},
	{Name: "list/while writing", Promise: "a listing has every blob that exists throughout, while others come and go",
		Do: listWriting},
}

// listed collects a listing, and returns an error if a blob comes twice.
func listed(ctx context.Context, s remote.Store) (map[crypto.BlobName]int64, error) {
	got := map[crypto.BlobName]int64{}
	var failed error
	for info, err := range s.List(ctx) {
		if failed != nil {
			return nil, fmt.Errorf("the listing goes on after its error %w", failed)
		}
		if err != nil {
			failed = err
			continue
		}
		if _, twice := got[info.Name]; twice {
			return nil, fmt.Errorf("%v is listed twice", info.Name)
		}
		got[info.Name] = info.Size
	}
	return got, failed
}

// lists returns an error unless a listing has those blobs.
func lists(got map[crypto.BlobName]int64, wanted map[crypto.BlobName]int64) error {
	for name, size := range wanted {
		switch listed, ok := got[name]; {
		case !ok:
			return fmt.Errorf("%v is not listed", name)
		case listed != size:
			return fmt.Errorf("%v is listed with %d instead of %d bytes", name, listed, size)
		}
	}
	return nil
}

func listAll(ctx context.Context, e *Env) error {
	before, err := listed(ctx, e.Store)
	if err != nil {
		return err
	}
	wanted := map[crypto.BlobName]int64{}
	for i := range 30 {
		name, _, err := e.stored(ctx, 100+i)
		if err != nil {
			return err
		}
		wanted[name] = int64(100 + i)
	}
	got, err := listed(ctx, e.Store)
	if err != nil {
		return err
	}
	if err := lists(got, wanted); err != nil {
		return err
	}
	for name := range wanted {
		if _, early := before[name]; early {
			return fmt.Errorf("%v was listed before it was put", name)
		}
		if err := e.Store.Delete(ctx, name); err != nil {
			return err
		}
	}
	got, err = listed(ctx, e.Store)
	if err != nil {
		return err
	}
	for name := range wanted {
		if _, there := got[name]; there {
			return fmt.Errorf("%v is listed after it was deleted", name)
		}
	}
	return nil
}

func listStop(ctx context.Context, e *Env) error {
	wanted := map[crypto.BlobName]int64{}
	for range 5 {
		name, _, err := e.stored(ctx, 200)
		if err != nil {
			return err
		}
		wanted[name] = 200
	}
	all := e.Store.List(ctx)
	for range 3 {
		n := 0
		for _, err := range all {
			if err != nil {
				return err
			}
			if n++; n == 2 {
				break
			}
		}
		if n != 2 {
			return fmt.Errorf("a listing of five ends after %d", n)
		}
	}
	got, err := listed(ctx, e.Store)
	return first(err, lists(got, wanted))
}

func listWriting(ctx context.Context, e *Env) error {
	steady := map[crypto.BlobName]int64{}
	for i := range 20 {
		name, _, err := e.stored(ctx, 300+i)
		if err != nil {
			return err
		}
		steady[name] = int64(300 + i)
	}
	type blob struct {
		name crypto.BlobName
		data []byte
	}
	passing := make([]blob, 40)
	for i := range passing {
		passing[i].name, passing[i].data = e.blob(400)
	}

	// First, write amid the listing itself, so that both surely overlap.
	i := 0
	for _, err := range e.Store.List(ctx) {
		if err != nil {
			return err
		}
		b := passing[i%len(passing)]
		if err := first(e.Store.Put(ctx, b.name, remote.BytesBody(b.data)),
			e.Store.Delete(ctx, passing[(i+7)%len(passing)].name)); err != nil {
			return fmt.Errorf("amid a listing: %w", err)
		}
		if i++; i > 1000 {
			break // a listing may include blobs that are put meanwhile
		}
	}

	// Then, write from other goroutines.
	stop, busy := make(chan struct{}), make(chan struct{})
	var writer sync.WaitGroup
	var writeErr error
	writer.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			b := passing[i%len(passing)]
			writeErr = first(writeErr, e.Store.Put(ctx, b.name, remote.BytesBody(b.data)))
			writeErr = first(writeErr, e.Store.Delete(ctx, passing[(i+7)%len(passing)].name))
			if i == 0 {
				close(busy)
			}
		}
	})
	<-busy
	var err error
	for range 8 {
		var got map[crypto.BlobName]int64
		if got, err = listed(ctx, e.Store); err != nil {
			break
		}
		if err = lists(got, steady); err != nil {
			break
		}
	}
	close(stop)
	writer.Wait()
	return first(err, writeErr)
}
