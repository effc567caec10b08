// Package transfer copies an account from one remote to another: first its blobs, then its pointers, so that after any
// interruption no pointer at the destination refers to missing blobs.
//
// An interrupted copy is run again: blobs that the destination has with the right size are skipped. The pointers are
// read from the source before the blobs are listed, so their blobs are in the listing even if the source is being
// written to; later changes are left to the next run.
package transfer

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"postern/crypto"
	"postern/remote"
)

// The bounds of a copy. Forty-eight small blobs at a time pass some hundred a second at a round trip of 100 ms; eight
// full ones fill a line of a gigabit a second.
const (
	// DefaultWorkers is the number of concurrent copies.
	DefaultWorkers = 48
	// mostUnderWay is the most bytes of blobs under way. Each is in memory up to three times: as it was read, as it is
	// sent, and in buffers.
	mostUnderWay = 8 * crypto.MaxBlobSize
	// fewBlobs is how many blobs are asked for one by one. For more, both stores are listed: a request for each thousand.
	fewBlobs = 64
)

// Options are the choices of Copy. The zero value copies all blobs, and moves only pointers that certainly lose
// nothing.
type Options struct {
	Blobs    iter.Seq2[crypto.BlobName, error] // blobs to copy; nil: all that the source lists
	Mail     Mail                              // letters and name records to copy
	Workers  int                               // blobs under way at a time; 0: DefaultWorkers
	ReadBack bool                              // read every blob back from the destination, also skipped ones
	Salvage  bool                              // move the pointers even if blobs are missing or damaged at the source
	Follows  Follows                           // whether a pointer builds on the one it would replace; nil: unknown
	Progress func(Progress)                    // called after every blob and pointer, by one goroutine at a time
	Log      *slog.Logger                      // for missing and damaged blobs; nil: no log
}

// withDefaults returns the options with defaults filled in.
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

// Progress counts the steps of a transfer. Its figures never fall.
type Progress struct {
	TotalBlobs int64 // blobs to copy or skip; -1: not known
	TotalBytes int64 // their bytes; -1: not known

	Copied       int64 // blobs that were put at the destination
	CopiedBytes  int64
	Skipped      int64 // blobs that the destination already had
	SkippedBytes int64
	Missing      int64 // blobs that the source does not have
	Damaged      int64 // blobs that the source has with other bytes than their names say

	Moved   int // pointers that were moved
	Kept    int // pointers already in place
	Letters int // letters that the destination has now
	Names   int // records of names that were claimed or replaced

	Joined int // pointers written on both sides and merged by an import
}

// Done returns the number of blobs handled, whatever the result.
func (p Progress) Done() int64 { return p.Copied + p.Skipped + p.Missing + p.Damaged }

// Copy copies blobs and pointers, and then letters and name records, if Options name any. It returns its progress also
// with an error; after an error it can be run again. Errors: those of the two stores; *Lost if the source lacks blobs;
// of kind ErrRollback or ErrFork for a pointer that would go back or replace another history, before the first blob is
// copied if possible.
func Copy(ctx context.Context, from, to remote.Store, ids []crypto.PointerID, o Options) (Progress, error) {
	c := &copier{from: from, to: to, o: o.withDefaults(), totals: o.Progress != nil,
		at: Progress{TotalBlobs: -1, TotalBytes: -1}}
	pointers, err := c.load(ctx, ids)
	if err != nil {
		return c.at, err
	}
	if err := c.survey(ctx); err != nil {
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
		c.report(func(at *Progress) {
			if moved {
				at.Moved++
			} else {
				at.Kept++
			}
		})
	}
	if err := Deliver(ctx, c.o.Mail.Fetch(ctx, c.from, c.o.Log), to, c.report); err != nil {
		errs = append(errs, err)
	}
	return c.at, errors.Join(errs...)
}

// load reads the pointers from the source and checks whether they can be moved.
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

// blobs copies the selected blobs. The first failure of a store ends it; a blob that the source lacks does not.
func (c *copier) blobs(ctx context.Context) error {
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(c.o.Workers)
	room := semaphore.NewWeighted(mostUnderWay)
	for _, w := range c.all {
		size := w.Size
		if size < 0 || size > crypto.MaxBlobSize {
			size = crypto.MaxBlobSize
		}
		if room.Acquire(inner, size) != nil {
			break
		}
		group.Go(func() error {
			defer room.Release(size)
			return c.blob(inner, w)
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return remote.Alive(ctx, remote.OpList, source{})
}

// source names the source in errors of this package.
type source struct{}

// String implements fmt.Stringer.
func (source) String() string { return "the source" }

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
