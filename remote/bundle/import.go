package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"golang.org/x/sync/errgroup"

	"postern/crypto"
	"postern/remote"
	"postern/remote/transfer"
)

// DefaultWorkers is the number of blobs on their way to a store, or from it. Each takes up to crypto.MaxBlobSize bytes
// of memory.
const DefaultWorkers = 8

// ImportOptions are the choices of Import. The zero value moves only pointers that certainly lose nothing.
type ImportOptions struct {
	Workers  int              // concurrent blobs; 0: DefaultWorkers
	ReadBack bool             // read every blob back from the destination, also skipped ones
	Follows  transfer.Follows // whether a pointer builds on the one it would replace; nil: only if that is its base
	// Join merges the destination's state with a pointer that does not build on it, once the blobs are there; joined is
	// false if the destination already had all of it. nil: such a pointer is an error.
	Join     func(ctx context.Context, next crypto.Pointer) (joined bool, err error)
	Progress func(transfer.Progress) // called after every blob and pointer, by one goroutine at a time; totals are -1
}

// Undelivered is the error of an import that has done everything but deliver all letters and records of names: the
// store lacks the role, the inbox is full, or somebody else holds the name there.
type Undelivered struct{ Err error }

// Error implements error.
func (u *Undelivered) Error() string { return u.Err.Error() }

// Unwrap implements errors.Is and errors.As.
func (u *Undelivered) Unwrap() error { return u.Err }

// Import copies the bundle to a store: it first checks the pointers, then copies the blobs, then moves the pointers,
// then delivers the letters and records of names. It returns its progress also with an error; after an error it can be
// run again, with a new Reader. Errors: those of the store and of the Reader; of kind ErrRefused if the destination
// lacks a base, ErrRollback or ErrFork for a pointer that would go back or replace another history; Undelivered.
func (b *Reader) Import(ctx context.Context, to remote.Store, o ImportOptions) (transfer.Progress, error) {
	t := tally{at: transfer.Progress{TotalBlobs: -1, TotalBytes: -1}, tell: o.Progress}
	if o.Workers <= 0 {
		o.Workers = DefaultWorkers
	}
	for _, p := range b.contents.Pointers {
		if err := b.acceptable(ctx, to, p, o); err != nil {
			return t.at, err
		}
	}
	if err := b.blobs(ctx, to, o, &t); err != nil {
		return t.at, err
	}
	var errs []error
	for _, p := range b.contents.Pointers {
		if err := b.pointer(ctx, to, p, o, &t); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return t.at, errors.Join(errs...)
	}
	if err := transfer.Deliver(ctx, b.items(), to, t.add); err != nil {
		return t.at, &Undelivered{err}
	}
	return t.at, nil
}

// items yields the letters and records of names.
func (b *Reader) items() iter.Seq2[transfer.Item, error] {
	return func(yield func(transfer.Item, error) bool) {
		for _, item := range b.mail.items {
			if !yield(item, nil) {
				return
			}
		}
	}
}

// pointer moves a pointer, or has it merged with the destination's.
func (b *Reader) pointer(ctx context.Context, to remote.Store, p crypto.Pointer, o ImportOptions, t *tally) error {
	joined := false
	moved, err := transfer.Forward(ctx, to, p, b.follows(o.Follows))
	if o.Join != nil && remote.OfKind(err, remote.ErrFork, remote.ErrRollback) {
		joined, err = o.Join(ctx, p)
	}
	if err != nil {
		return err
	}
	t.add(func(at *transfer.Progress) {
		switch {
		case moved:
			at.Moved++
		case joined:
			at.Joined++
		default:
			at.Kept++
		}
	})
	return nil
}

// acceptable returns the error of a pointer that cannot be moved, before any blob is copied.
func (b *Reader) acceptable(ctx context.Context, to remote.Store, p crypto.Pointer, o ImportOptions) error {
	have, there, err := transfer.Current(ctx, to, p.ID)
	if err != nil {
		return err
	}
	if there && have == p {
		return nil
	}
	base, based := b.bases[p.ID]
	switch {
	case based && !there:
		return lacks(p, base, "the destination does not have the pointer at all")
	case based && have.Seq < base.Seq:
		return lacks(p, base, fmt.Sprintf("the destination is at sequence %d only", have.Seq))
	case !there, o.Join != nil:
		return nil
	case based && have.Seq == base.Seq:
		return transfer.Compare(have, base)
	}
	if err := transfer.Compare(have, p); err != nil || o.Follows != nil {
		return err
	}
	return remote.Fail(opImport, p.ID, remote.ErrFork,
		fmt.Errorf("it is unknown whether sequence %d builds on sequence %d, which the destination has", p.Seq, have.Seq))
}

// opImport is the operation that errors name for importing a pointer.
const opImport = "import pointer"

// lacks returns the error of a destination that lacks a base.
func lacks(p, base crypto.Pointer, why string) error {
	return remote.Fail(opImport, p.ID, remote.ErrRefused,
		fmt.Errorf("the bundle holds only what came after sequence %d, and %s: import an earlier bundle first, or export "+
			"since further back", base.Seq, why))
}

// follows returns the caller's Follows, or one that accepts only the bundle's own bases.
func (b *Reader) follows(ask transfer.Follows) transfer.Follows {
	if ask != nil {
		return ask
	}
	if len(b.contents.Bases) == 0 {
		return nil
	}
	return func(_ context.Context, have, _ crypto.Pointer) (bool, error) {
		base, based := b.bases[have.ID]
		return based && base == have, nil
	}
}

// blobs copies all blobs and returns nil if the bundle is whole. It copies a cut bundle up to the cut.
func (b *Reader) blobs(ctx context.Context, to remote.Store, o ImportOptions, t *tally) error {
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(o.Workers)
	var ended error
	for ended == nil && inner.Err() == nil {
		var blob Blob
		if blob, ended = b.Next(); ended == nil {
			group.Go(func() error { return t.place(inner, to, blob, o.ReadBack) })
		}
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if err := remote.Alive(ctx, "import", bundle{}); err != nil {
		return err
	}
	if !errors.Is(ended, io.EOF) {
		return ended
	}
	return nil
}

// bundle stands for the bundle in errors of this file.
type bundle struct{}

// String implements fmt.Stringer.
func (bundle) String() string { return place }

// Check reads the whole bundle and returns an error unless it is whole and undamaged.
func (b *Reader) Check(ctx context.Context) error {
	for {
		if err := remote.Alive(ctx, "check", bundle{}); err != nil {
			return err
		}
		blob, err := b.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := blob.Load(); err != nil {
			return err
		}
	}
}
