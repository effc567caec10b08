package s3

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"golang.org/x/sync/errgroup"

	"postern/crypto"
	"postern/remote"
)

const (
	maxDeletes    = 1000 // objects that one request deletes at most
	singleDeletes = 16   // requests at once where each deletes one object
)

// deleter collects deletions that arrive while a request is under way, and makes them together in the next: a
// collection of garbage deletes many thousands of blobs.
type deleter struct {
	mu      sync.Mutex
	waiting []*deletion
	running bool
	single  atomic.Bool    // the store can't delete several at once
	runs    sync.WaitGroup // the running goroutine
}

// deletion is one object to delete.
type deletion struct {
	key  string
	done chan struct{}
	err  error
}

// Delete implements remote.Blobs.
func (s *Store) Delete(ctx context.Context, name crypto.BlobName) error {
	done, err := s.begin(ctx, remote.OpDelete, name)
	if err != nil {
		return err
	}
	defer done()
	d := &deletion{key: s.blobKey(name), done: make(chan struct{})}
	s.deletes.mu.Lock()
	s.deletes.waiting = append(s.deletes.waiting, d)
	if !s.deletes.running {
		s.deletes.running = true
		s.deletes.runs.Go(s.deleteAll)
	}
	s.deletes.mu.Unlock()
	select {
	case <-d.done:
	case <-ctx.Done(): // it may still be deleted
		return remote.Alive(ctx, remote.OpDelete, name)
	}
	if d.err != nil {
		return s.fail(ctx, remote.OpDelete, name, d.err)
	}
	return nil
}

// DeletesSingly reports whether the store has refused to delete several objects with one request.
func (s *Store) DeletesSingly() bool { return s.deletes.single.Load() }

// next returns the deletions of the next request; none ends the goroutine.
func (d *deleter) next() []*deletion {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := min(len(d.waiting), maxDeletes)
	batch := d.waiting[:n:n]
	d.waiting = d.waiting[n:]
	d.running = n > 0
	return batch
}

// deleteAll deletes until nothing waits. Its requests belong to many callers, so they end with the handle or after the
// longest time that a call may take.
func (s *Store) deleteAll() {
	for {
		batch := s.deletes.next()
		if len(batch) == 0 {
			return
		}
		ctx, cancel := context.WithTimeout(s.life, remote.Shipped.Reply)
		s.deleteBatch(ctx, batch)
		cancel()
		for _, d := range batch {
			close(d.done)
		}
	}
}

// deleteBatch deletes some objects, together if the store can.
func (s *Store) deleteBatch(ctx context.Context, batch []*deletion) {
	if len(batch) > 1 && !s.deletes.single.Load() {
		err := s.deleteTogether(ctx, batch)
		if !unable(err) {
			if err != nil {
				for _, d := range batch {
					d.err = err
				}
			}
			return
		}
		s.log.Info("the store does not delete several objects at once", "error", explain(err))
		s.deletes.single.Store(true)
	}
	var g errgroup.Group
	g.SetLimit(singleDeletes)
	for _, d := range batch {
		g.Go(func() error {
			d.err = s.remove(ctx, d.key)
			return nil
		})
	}
	_ = g.Wait() // each has its own error
}

// unable reports whether a store can't do what a request asks for, in this form.
func unable(err error) bool {
	switch _, status := codeOf(err); status {
	case http.StatusForbidden, http.StatusTooManyRequests:
		return false
	case http.StatusNotImplemented:
		return true
	default:
		return status/100 == 4
	}
}

// deleteTogether deletes objects with one request. Some stores insist on the MD5 of its body.
func (s *Store) deleteTogether(ctx context.Context, batch []*deletion) error {
	var objects []types.ObjectIdentifier
	outcome := map[string]error{}
	for _, d := range batch {
		if _, twice := outcome[d.key]; !twice {
			objects = append(objects, types.ObjectIdentifier{Key: &d.key})
			outcome[d.key] = errStrange // until the reply names it
		}
	}
	out, err := ask(ctx, s, func() (*s3.DeleteObjectsOutput, error) {
		return s.client.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: &s.place.Bucket,
			Delete: &types.Delete{Objects: objects}}, func(o *s3.Options) {
			o.APIOptions = append(o.APIOptions, smithyhttp.AddContentChecksumMiddleware)
		})
	})
	if err != nil {
		return err
	}
	for _, gone := range out.Deleted {
		outcome[deref(gone.Key)] = nil
	}
	for _, failed := range out.Errors {
		if code := deref(failed.Code); code != "NoSuchKey" {
			outcome[deref(failed.Key)] = fmt.Errorf("the store says %s: %.200s", code, deref(failed.Message))
		}
	}
	for _, d := range batch {
		d.err = outcome[d.key]
	}
	return nil
}
