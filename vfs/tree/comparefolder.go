package tree

import (
	"context"
	"errors"
	"iter"

	"postern/vfs"
	"postern/vfs/object"
)

// Difference is a name at which one folder differs between two trees. Was or Is is zero if the name is missing there.
type Difference struct{ Was, Is Entry }

// Name returns the name.
func (d Difference) Name() string {
	if d.Is.IsZero() {
		return d.Was.Info().Name
	}
	return d.Is.Info().Name
}

// CompareFolder yields the differences between one folder of two trees of the same Nodes, by sort key. It loads only
// pages that differ. A folder that is missing or that is a file counts as empty. Errors: those of Lookup; after an
// error it yields nothing more.
func CompareFolder(ctx context.Context, path string, was, is Tree) iter.Seq2[Difference, error] {
	return func(yield func(Difference, error) bool) {
		var folders [2]*entry
		for i, t := range []Tree{was, is} {
			e, err := t.lookup(ctx, path)
			switch {
			case err == nil && e.o.Kind == object.Folder:
				folders[i] = e
			case err == nil, errors.Is(err, vfs.ErrNotExist), errors.Is(err, vfs.ErrNotFolder):
			default:
				yield(Difference{}, fail("compare", path, err))
				return
			}
		}
		d := is.nodes.differ(folders[0], folders[1])
		for {
			found, err := d.next(ctx)
			if err != nil {
				yield(Difference{}, fail("compare", path, err))
				return
			}
			if !found || !yield(Difference{Entry{d.pair[0]}, Entry{d.pair[1]}}, nil) {
				return
			}
		}
	}
}
