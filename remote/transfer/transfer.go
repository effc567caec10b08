// Package transfer copies an account from one remote to another: first its blobs, then its pointers, so that whatever
// interrupts it leaves a destination at which nothing points to what is not there.
//
// A copy that was cut is run again: what the destination has with the right size is passed over. The pointers are read
// from the source before the blobs are listed, so what they lead to is among the blobs, also when the source goes on
// being written to; whatever comes later is for the next run.
package transfer

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"

	"golang.org/x/sync/errgroup"

	"postern/crypto"
	"postern/remote"
)

// DefaultWorkers is how many blobs are under way at a time. Each takes up to crypto.MaxBlobSize bytes of memory; four
// fill a line of 400 Mbit/s at a latency of 100 ms for a full blob each.
const DefaultWorkers = 4

// Options are the choices of Copy. The zero value copies all blobs, and moves pointers only where it is beyond doubt.
type Options struct {
	Blobs    iter.Seq2[crypto.BlobName, error] // what to copy; nil: all that the source lists
	Workers  int                               // blobs under way at a time; 0: DefaultWorkers
	ReadBack bool                              // read every blob back from the destination, also those that were there
	Salvage  bool                              // move the pointers although blobs are missing or damaged at the source
	Follows  Follows                           // whether a pointer builds on the one it would replace; nil: can't be told
	Progress func(Progress)                    // told after every blob and pointer, by one goroutine at a time
	Log      *slog.Logger                      // told of missing and damaged blobs; nil: silent
}

// withDefaults fills in what was left out.
func (o Options) withDefaults() Options {
	if o.Workers <= 0 {
		o.Workers = DefaultWorkers
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Progress is how far a transfer has come. Its figures never fall.
type Progress struct {
	TotalBlobs int64 // blobs to see to; -1: not known
	TotalBytes int64 // their bytes; -1: not known

	Copied       int64 // blobs that were put at the destination
	CopiedBytes  int64
	Skipped      int64 // blobs that were there already
	SkippedBytes int64
	Missing      int64 // blobs that the source does not have
	Damaged      int64 // blobs that the source has with other bytes than their names say

	Moved  int // pointers that were moved
	Kept   int // pointers that were where they belong already
	Joined int // pointers that were written to on both sides, which are one now; of an import
}

// Done returns how many blobs were seen to, whatever came of it.
func (p Progress) Done() int64 { return p.Copied + p.Skipped + p.Missing + p.Damaged }

// Copy copies blobs and pointers. What it returns besides the error is how far it came; after an error it can be run
// again. Errors: those of the two stores; *Lost if the source lacks blobs; of kind ErrRollback or ErrFork for a pointer
// that would go back or replace another history, found out before the first blob is copied if it can be.
func Copy(ctx context.Context, from, to remote.Store, ids []crypto.PointerID, o Options) (Progress, error) {
	c := &copier{from: from, to: to, o: o.withDefaults(), counts: o.Progress != nil,
		at: Progress{TotalBlobs: -1, TotalBytes: -1}}
	pointers, err := c.load(ctx, ids)
	if err != nil {
		return c.at, err
	}
	if err := c.count(ctx); err != nil {
		return c.at, err
	}
	if err := c.blobs(ctx); err != nil {
		return c.at, err
	}
	if c.lost.Missing+c.lost.Damaged > 0 && !c.o.Salvage {
		return c.at, &c.lost
	}
	var errs []error
	for _, p := range pointers {
		moved, err := Forward(ctx, to, p, c.o.Follows)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		c.tell(func(at *Progress) {
			if moved {
				at.Moved++
			} else {
				at.Kept++
			}
		})
	}
	return c.at, errors.Join(errs...)
}

// load reads the pointers from the source and looks whether they can be moved at all.
func (c *copier) load(ctx context.Context, ids []crypto.PointerID) ([]crypto.Pointer, error) {
	var pointers []crypto.Pointer
	for _, id := range ids {
		p, there, err := Current(ctx, c.from, id)
		if err != nil {
			return nil, fmt.Errorf("from the source: %w", err)
		}
		if !there {
			return nil, fmt.Errorf("from the source: %w", remote.Fail(remote.OpLoad, id, remote.ErrNotFound, nil))
		}
		have, there, err := Current(ctx, c.to, id)
		if err != nil {
			return nil, fmt.Errorf("from the destination: %w", err)
		}
		if there {
			if err := Compare(have, p); err != nil {
				return nil, err
			}
		}
		pointers = append(pointers, p)
	}
	return pointers, nil
}

// count lists the source once for the totals. It costs a request per thousand blobs, and only who shows them pays.
func (c *copier) count(ctx context.Context) error {
	if c.o.Blobs != nil || !c.counts {
		return nil
	}
	var blobs, bytes int64
	for info, err := range c.from.List(ctx) {
		if err != nil {
			return err
		}
		blobs++
		bytes += max(info.Size, 0)
	}
	c.at.TotalBlobs, c.at.TotalBytes = blobs, bytes
	return nil
}

// blobs copies what was selected. The first failure of a store ends it; a blob that the source lacks does not.
func (c *copier) blobs(ctx context.Context) error {
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(c.o.Workers)
	var failed error
	for info, err := range c.selected(inner) {
		if err != nil {
			failed = err
			break
		}
		if inner.Err() != nil {
			break
		}
		group.Go(func() error { return c.blob(inner, info) })
	}
	if err := group.Wait(); err != nil {
		return err // the listing ended with the context that this ended
	}
	if failed != nil {
		return failed
	}
	return remote.Alive(ctx, remote.OpList, source{})
}

// source names the source in errors that arise here.
type source struct{}

// String implements fmt.Stringer.
func (source) String() string { return "the source" }

// selected yields what is to be copied, with its size if that is known, else -1.
func (c *copier) selected(ctx context.Context) iter.Seq2[remote.BlobInfo, error] {
	if c.o.Blobs == nil {
		return c.from.List(ctx)
	}
	return func(yield func(remote.BlobInfo, error) bool) {
		for name, err := range c.o.Blobs {
			if !yield(remote.BlobInfo{Name: name, Size: -1}, err) || err != nil {
				return
			}
		}
	}
}

// Names returns a sequence of blob names for Options.Blobs.
func Names(names []crypto.BlobName) iter.Seq2[crypto.BlobName, error] {
	return func(yield func(crypto.BlobName, error) bool) {
		for _, name := range names {
			if !yield(name, nil) {
				return
			}
		}
	}
}
