package namespace

import (
	"context"
	"errors"

	"postern/vfs"
)

// spansIn is spans with the mounts in trees.
func (t *table) spansIn(ctx context.Context, path string) ([]Span, error) {
	var all []Span
	for _, span := range t.spans(path) {
		p, err := t.enter(ctx, place{mount: &mount{path: span.Path}}.full(span.Within))
		if err != nil {
			return nil, err
		}
		all = append(all, Span{p.path, p.fs, p.within})
		err = t.below(ctx, p, maxParts, func(_ string, in place, err error) error {
			if err == nil {
				all = append(all, Span{in.path, in.fs, in.within})
			}
			return ctx.Err()
		})
		if err != nil && !errors.Is(err, vfs.ErrNotExist) {
			return nil, err
		}
	}
	return all, nil
}
