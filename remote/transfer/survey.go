package transfer

import (
	"context"

	"golang.org/x/sync/errgroup"

	"postern/crypto"
	"postern/remote"
)

// wanted is a blob to copy.
type wanted struct {
	remote.BlobInfo       // as the source lists it; its size is -1 if it is not known
	have            int64 // its size at the destination, -1: it is not there, unasked: not known
}

// unasked is the size at the destination of a blob that was not asked for yet.
const unasked = -2

// survey finds the blobs to copy, their sizes, and which are at the destination. It takes 56 bytes of memory for each.
func (c *copier) survey(ctx context.Context) error {
	if c.o.Blobs == nil {
		for info, err := range c.from.List(ctx) {
			if err != nil {
				return err
			}
			c.all = append(c.all, wanted{info, unasked})
		}
	} else {
		for name, err := range c.o.Blobs {
			if err != nil {
				return err
			}
			c.all = append(c.all, wanted{remote.BlobInfo{Name: name, Size: -1}, unasked})
		}
	}
	if len(c.all) > fewBlobs {
		if err := c.list(ctx); err != nil {
			return err
		}
	} else if c.totals {
		c.ask(ctx)
	}
	if c.totals {
		c.at.TotalBlobs, c.at.TotalBytes = int64(len(c.all)), c.bytes()
	}
	return nil
}

// bytes returns the bytes of all blobs, -1 if a size is not known.
func (c *copier) bytes() (sum int64) {
	for i := range c.all {
		if c.all[i].Size < 0 {
			return -1
		}
		sum += c.all[i].Size
	}
	return sum
}

// ask asks the source for sizes that are not known. A blob whose size can't be found is asked for again when it is
// copied.
func (c *copier) ask(ctx context.Context) {
	var group errgroup.Group
	group.SetLimit(c.o.Workers)
	for i := range c.all {
		if c.all[i].Size < 0 {
			group.Go(func() error {
				if size, err := c.from.Stat(ctx, c.all[i].Name); err == nil {
					c.all[i].Size = size
				}
				return nil
			})
		}
	}
	_ = group.Wait() // see above
}

// list lists the destination, and the source if the sizes are not known yet.
func (c *copier) list(ctx context.Context) error {
	index := make(map[crypto.BlobName]int32, len(c.all))
	for i := range c.all {
		index[c.all[i].Name] = int32(i) //nolint:gosec // a list of so many names fits into no memory
		c.all[i].have = -1
	}
	both, inner := errgroup.WithContext(ctx)
	sizes := func(at remote.Store, note func(w *wanted, size int64)) {
		both.Go(func() error {
			for info, err := range at.List(inner) {
				if err != nil {
					return err
				}
				if i, ok := index[info.Name]; ok {
					note(&c.all[i], info.Size)
				}
			}
			return nil
		})
	}
	sizes(c.to, func(w *wanted, size int64) { w.have = size })
	if c.o.Blobs != nil {
		sizes(c.from, func(w *wanted, size int64) { w.Size = size })
	}
	return both.Wait()
}
