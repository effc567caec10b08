package remote

import (
	"context"
	"sync/atomic"

	"postern/crypto"
)

// Ending learns where a blob ends whose last range was asked for with a context of UpTo.
type Ending struct {
	least int64
	size  atomic.Int64
}

type endingKey struct{}

// UpTo marks ctx for a GetRange that needs only the first least bytes of its slice, at least one: if the blob ends
// after them, the call succeeds, and the Ending holds the blob's size. So a cache can ask for a whole block of a blob
// whose size it does not know. A store need not heed the mark; then such a range fails as any that ends past the blob.
func UpTo(ctx context.Context, least int) (context.Context, *Ending) {
	e := &Ending{least: int64(max(least, 1))}
	return context.WithValue(ctx, endingKey{}, e), e
}

// Size returns the size of the blob, if it ended within the range; else 0. The store may have lied.
func (e *Ending) Size() int64 { return e.size.Load() }

// Clip returns the part of p that a driver has to fill: all of it if the blob of the given size holds the range, or the
// part that the blob holds, if the caller has asked for a range UpTo the end and gets what it needs. Else the error is
// PastEnd.
func Clip(ctx context.Context, name crypto.BlobName, size, off int64, p []byte) ([]byte, error) {
	if InRange(size, off, len(p)) {
		return p, nil
	}
	e, ok := ctx.Value(endingKey{}).(*Ending)
	if !ok || off < 0 || size-off < e.least {
		return nil, PastEnd(name, size, off, len(p))
	}
	e.size.Store(size)
	return p[:size-off], nil
}
