package namespace

import (
	"context"
	"errors"
	"path"
	"slices"
	"strings"

	"postern/crypto"
	"postern/vfs"
)

// Filler is a mount that can copy a folder in whose tree other file systems are mounted, as one change. In the place of
// each mount the copy has what the part at its path leads to. Errors are those of CopierTo.
type Filler interface {
	CopyFilled(
		ctx context.Context, from string, to vfs.FS, path string, parts []vfs.Part, o vfs.TransferOptions,
	) (replaced bool, err error)
}

// maxParts bounds the mounts in a folder that is copied.
const maxParts = 256

var errParts = errors.New("it contains more than 256 shared folders")

// Copy implements vfs.Writer. The copy of a mount in a tree, or of a folder that contains one, has ordinary folders and
// files in their place; a mount in an earlier state is copied as it is, so that it is restored.
func (t *table) Copy(ctx context.Context, from, to string, o vfs.CopyOptions) (bool, error) {
	src, err := t.copied(ctx, from)
	if err == nil && !o.Shallow {
		err = t.whole(opCopy, from)
	}
	var parts []vfs.Part
	if err == nil && !o.Shallow {
		parts, err = t.parts(ctx, src)
	}
	if err != nil {
		return false, err
	}
	dst, err := t.destination(ctx, opCopy, to, o.Replace)
	if err != nil {
		return false, err
	}
	if src.same(dst) && len(parts) == 0 {
		o.Cond = t.cond(src, o.Cond)
		replaced, err := src.fs.Copy(ctx, src.within, dst.within, o)
		return replaced, src.named(err)
	}
	if err := apart(opCopy, src, dst, from, to); err != nil {
		return false, err
	}
	if len(parts) > 0 {
		filler, ok := src.fs.(Filler)
		return t.between(ctx, opCopy, src, dst, from, to, o, ok, func(o vfs.TransferOptions) (bool, error) {
			return filler.CopyFilled(ctx, src.within, dst.fs, dst.within, parts, o)
		})
	}
	copier, ok := src.fs.(CopierTo)
	return t.between(ctx, opCopy, src, dst, from, to, o, ok, func(o vfs.TransferOptions) (bool, error) {
		return copier.CopyTo(ctx, src.within, dst.fs, dst.within, o)
	})
}

// copied resolves the source of a copy.
func (t *table) copied(ctx context.Context, from string) (place, error) {
	p := t.resolve(from)
	if p.isRoot() {
		return p, &vfs.Error{Op: opCopy, Path: from, Kind: vfs.ErrInvalid, Err: errWhole}
	}
	if p, err := t.cross(ctx, p, true); err != nil || p.entry == nil || !p.entry.At.IsZero() && !p.inner {
		return p, err
	}
	return t.cross(ctx, p, false)
}

// parts returns what a copy of a folder has in the place of the mounts in its tree, and in theirs.
func (t *table) parts(ctx context.Context, p place) (parts []vfs.Part, err error) {
	err = t.below(ctx, p, maxParts, func(at string, in place, err error) error {
		parts = append(parts, vfs.Part{Path: at, FS: in.fs, From: in.within})
		return err
	})
	return parts, err
}

// below calls visit with each mount in the tree of a place, at any depth below it, and in the trees of those: with its
// path below the place and the place that it leads to, or the reason why it leads nowhere. An error of visit ends it.
// More than limit mounts are vfs.ErrTooLarge.
func (t *table) below(
	ctx context.Context, p place, limit int, visit func(at string, in place, err error) error,
) error {
	type folder struct {
		place
		path   string // below p
		passed []crypto.PointerID
	}
	seen := 0
	for waiting := []folder{{place: p}}; len(waiting) > 0; waiting = waiting[1:] {
		f := waiting[0]
		s, ok := f.fs.(Searcher)
		if !ok || t.o.Open == nil {
			continue
		}
		found, err := s.Mounts(ctx, f.within, limit+1)
		if err != nil {
			return f.named(err)
		}
		for _, m := range found {
			if seen++; seen > limit {
				return &vfs.Error{Op: "open", Path: p.full(p.within), Kind: vfs.ErrTooLarge, Err: errParts}
			}
			at, passed := path.Join("/", f.path, strings.TrimPrefix(m.Path, f.within)), append(slices.Clone(f.passed), m.In)
			in := place{mount: f.mount, within: m.Path}
			if err = mayFollow(m, passed); err != nil {
				err = f.failed(m, &vfs.Error{Kind: vfs.ErrInvalid, Err: err})
			} else {
				in, err = t.into(ctx, in, m)
			}
			if err := visit(at, in, err); err != nil {
				return err
			}
			if err == nil && !m.Target.File {
				waiting = append(waiting, folder{in, at, passed})
			}
		}
	}
	return nil
}
