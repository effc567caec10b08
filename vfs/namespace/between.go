package namespace

import (
	"context"
	"errors"

	"postern/vfs"
)

// CopierTo is a mount that can copy into some other mounts as one change, for example by reference. Errors are those of
// vfs.Writer's Copy, about the path in the other mount; ErrInvalid with ErrOtherSpace for a mount that it can't copy
// to.
type CopierTo interface {
	CopyTo(ctx context.Context, from string, to vfs.FS, path string, o vfs.TransferOptions) (replaced bool, err error)
}

// MoverTo is a mount that can move into some other mounts as one change: after a crash either all of it is done or
// nothing. Spaces that share a journal can. Errors are as those of CopierTo.
type MoverTo interface {
	MoveTo(ctx context.Context, from string, to vfs.FS, path string, o vfs.TransferOptions) (replaced bool, err error)
}

// between moves or copies from one mount to another: as one change, if the source supports it, else by the bytes.
func (t *table) between(
	ctx context.Context, op string, src, dst place, from, to string, o vfs.CopyOptions,
	able bool, do func(vfs.TransferOptions) (bool, error),
) (bool, error) {
	if _, err := src.stat(ctx, src.fs); err != nil {
		if o.Cond != nil && errors.Is(err, vfs.ErrNotExist) { // it may have more to say about what is missing
			if err := o.Cond(ctx, during{table: t}); err != nil {
				return false, err
			}
		}
		return false, err
	}
	if able {
		replaced, err := do(vfs.TransferOptions{
			Replace: o.Replace, Shallow: o.Shallow, Modified: o.Modified, Cond: t.condBetween(src, dst, o.Cond),
		})
		if !errors.Is(err, vfs.ErrOtherSpace) {
			return replaced, dst.named(err) // the source exists, so the error is about the destination
		}
	}
	return t.across(ctx, op, src, dst, from, to, o)
}
