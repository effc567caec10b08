package remote

import (
	"context"
	"fmt"
	"iter"

	"postern/crypto"
)

// Call describes one request to a remote, whichever role it belongs to.
type Call struct {
	Op string       // one of the Op constants
	On fmt.Stringer // what it is about: a blob, a pointer, the remote

	// Send and Receive are the bytes of blobs that the call moves at most; once it has succeeded, exactly.
	Send, Receive int64

	Old  crypto.PointerHash // of a Swap
	Next *crypto.Pointer    // of a Swap; nil for all other calls

	// Stream is the progress of a call that yields items one by one; nil for all others.
	Stream *Stream

	// To is the store that the call goes to. It is the wrapped one unless an Around sets another before it calls do.
	To Store
}

// Transfers reports whether the call moves the bytes of a blob, so that its duration depends on the line.
func (c *Call) Transfers() bool { return c.Op == OpPut || c.Op == OpGet || c.Op == OpGetRange }

// Stream is the state of a listing. An Around may set the hooks before the call begins. The Arounds of one Wrap share
// them, so only one of them may do so.
type Stream struct {
	Begun bool         // an item was yielded, so the listing can't start anew
	Rest  func()       // called when an item has arrived, before the consumer gets it; nil: nothing
	Next  func() error // called before the next item is asked for; an error ends the listing; nil: nothing
}

// Around runs a call: it calls do, with a context of its choice, as often as it likes, and returns the call's error. It
// may return before do does, or without calling it; the result of do is then dropped.
type Around func(ctx context.Context, c *Call, do func(context.Context) error) error

// Wrap returns inner with every call of every role run by arounds, the first one outermost. So a wrapper states once
// what it does to calls, and a role that is added here is wrapped everywhere. Close goes straight to inner. inner may
// be nil if one of arounds sets Call.To for every call, and if Close is never called.
func Wrap(inner Store, arounds ...Around) Store { return &wrapped{inner, arounds} }

type wrapped struct {
	inner   Store
	arounds []Around
}

// around runs a call through all arounds.
func (w *wrapped) around(ctx context.Context, c *Call, do func(context.Context) error) error {
	return pass(ctx, w.arounds, c, do)
}

// pass runs a call through some arounds.
func pass(ctx context.Context, arounds []Around, c *Call, do func(context.Context) error) error {
	if len(arounds) == 0 {
		return do(ctx)
	}
	return arounds[0](ctx, c, func(ctx context.Context) error { return pass(ctx, arounds[1:], c, do) })
}

// run runs a call that returns a value. The value is used only if around reports success.
func run[T any](ctx context.Context, w *wrapped, c *Call, do func(context.Context) (T, error)) (value T, err error) {
	var got T
	err = w.around(ctx, c, func(ctx context.Context) error {
		v, err := do(ctx)
		if err != nil {
			return err
		}
		got = v
		return nil
	})
	if err != nil {
		return value, err
	}
	return got, nil
}

// stream runs a call that yields items one by one.
func stream[T any](
	ctx context.Context, w *wrapped, c *Call, do func(context.Context) iter.Seq2[T, error],
) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		c.Stream = &Stream{}
		left := false // the consumer has enough
		err := w.around(ctx, c, func(ctx context.Context) error {
			for item, err := range do(ctx) {
				if err != nil {
					return err
				}
				c.Stream.Begun = true
				if c.Stream.Rest != nil {
					c.Stream.Rest()
				}
				if !yield(item, nil) {
					left = true
					return nil
				}
				if c.Stream.Next != nil {
					if err := c.Stream.Next(); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil && !left {
			var none T
			yield(none, err)
		}
	}
}

// Put implements Blobs.
func (w *wrapped) Put(ctx context.Context, name crypto.BlobName, body Body) error {
	c := &Call{Op: OpPut, On: name, Send: max(body.Size(), 0), To: w.inner}
	return w.around(ctx, c, func(ctx context.Context) error { return c.To.Put(ctx, name, body) })
}

// Get implements Blobs.
func (w *wrapped) Get(ctx context.Context, name crypto.BlobName) ([]byte, error) {
	c := &Call{Op: OpGet, On: name, Receive: crypto.MaxBlobSize, To: w.inner}
	return run(ctx, w, c, func(ctx context.Context) ([]byte, error) {
		data, err := c.To.Get(ctx, name)
		if err == nil {
			c.Receive = int64(len(data))
		}
		return data, err
	})
}

// GetRange implements Blobs.
func (w *wrapped) GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	c := &Call{Op: OpGetRange, On: name, Receive: int64(len(p)), To: w.inner}
	return w.around(ctx, c, func(ctx context.Context) error { return c.To.GetRange(ctx, name, off, p) })
}

// Stat implements Blobs.
func (w *wrapped) Stat(ctx context.Context, name crypto.BlobName) (int64, error) {
	c := &Call{Op: OpStat, On: name, To: w.inner}
	return run(ctx, w, c, func(ctx context.Context) (int64, error) { return c.To.Stat(ctx, name) })
}

// List implements Blobs.
func (w *wrapped) List(ctx context.Context) iter.Seq2[BlobInfo, error] {
	c := &Call{Op: OpList, On: Place{}, To: w.inner}
	return stream(ctx, w, c, func(ctx context.Context) iter.Seq2[BlobInfo, error] { return c.To.List(ctx) })
}

// Delete implements Blobs.
func (w *wrapped) Delete(ctx context.Context, name crypto.BlobName) error {
	c := &Call{Op: OpDelete, On: name, To: w.inner}
	return w.around(ctx, c, func(ctx context.Context) error { return c.To.Delete(ctx, name) })
}

// Load implements Pointers.
func (w *wrapped) Load(ctx context.Context, id crypto.PointerID) (crypto.Pointer, error) {
	c := &Call{Op: OpLoad, On: id, To: w.inner}
	return run(ctx, w, c, func(ctx context.Context) (crypto.Pointer, error) { return c.To.Load(ctx, id) })
}

// Swap implements Pointers.
func (w *wrapped) Swap(ctx context.Context, old crypto.PointerHash, next crypto.Pointer) error {
	c := &Call{Op: OpSwap, On: next.ID, Old: old, Next: &next, To: w.inner}
	return w.around(ctx, c, func(ctx context.Context) error { return c.To.Swap(ctx, old, next) })
}

// Changed implements Pointers.
func (w *wrapped) Changed(ctx context.Context, since Cursor) (Changes, error) {
	c := &Call{Op: OpChanged, On: Place{}, To: w.inner}
	return run(ctx, w, c, func(ctx context.Context) (Changes, error) { return c.To.Changed(ctx, since) })
}

// ID implements Store.
func (w *wrapped) ID(ctx context.Context) (crypto.StoreID, error) {
	c := &Call{Op: OpID, On: Place{}, To: w.inner}
	return run(ctx, w, c, func(ctx context.Context) (crypto.StoreID, error) { return c.To.ID(ctx) })
}

// Space implements Store.
func (w *wrapped) Space(ctx context.Context) (Space, error) {
	c := &Call{Op: OpSpace, On: Place{}, To: w.inner}
	return run(ctx, w, c, func(ctx context.Context) (Space, error) { return c.To.Space(ctx) })
}

// Close implements Store.
func (w *wrapped) Close() error { return w.inner.Close() }

// Place names a remote in errors that arise above its driver.
type Place struct{}

// String implements fmt.Stringer.
func (Place) String() string { return "the remote" }
