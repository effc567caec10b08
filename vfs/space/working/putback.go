package working

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/space/local"
	"postern/vfs/tree"
)

// PutBack puts back what the changes up to seq moved to another space, which fails, so that this space can be committed
// without waiting for the other one. Each entry goes to its old place, or to the nearest place that is free. The other
// space keeps its part of the records, so the entry may be in both spaces in the end, but never in none. An entry that
// is back already, because a crash interrupted an earlier call, is left alone. Only the committer calls PutBack.
func (c *Copy) PutBack(ctx context.Context, to crypto.PointerID, seq uint64) error {
	moved := c.home.Moved(c.space.ID, to, seq)
	err := c.home.Replay(c.space.ID, func(at uint64, rec local.Record) error {
		if !slices.Contains(moved, at) {
			return nil
		}
		if err := c.putBack(ctx, rec); err != nil {
			return fmt.Errorf("put back change %d: %w", at, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if _, err := c.DurableHead(); err != nil {
		return err
	}
	c.home.Settle(c.space.ID, to, seq)
	return nil
}

// putBack puts back what one record moved.
func (c *Copy) putBack(ctx context.Context, rec local.Record) error {
	gain, err := tree.DecodeOp(rec.Parts[0].Op)
	if err != nil {
		return err
	}
	loss, err := tree.DecodeOp(rec.Parts[1].Op)
	if err != nil {
		return err
	}
	graft, ok := gain.(tree.Graft)
	remove, also := loss.(tree.Remove)
	if !ok || !also {
		return fmt.Errorf("%w: it moves nothing", crypto.ErrFormat)
	}
	for {
		at, back, err := free(ctx, c.head.Load().Tree, remove.Path, graft.Entry, c.home.Device.Name)
		if back || err != nil {
			return err
		}
		added, err := c.graft(ctx, tree.Graft{Path: at, Entry: graft.Entry}, rec.Parts[0].Blobs)
		if errors.Is(err, vfs.ErrExist) || errors.Is(err, vfs.ErrNotExist) {
			continue // another change was faster
		}
		if added {
			c.home.Log.Warn("what was moved to another folder was put back, because that folder fails; when it works again, "+
				"it is there, too", "path", at)
		}
		return err
	}
}

// graft adds an entry with staged blobs that belong to another space. It does nothing if that space was just committed:
// then the blobs are no longer staged.
func (c *Copy) graft(ctx context.Context, op tree.Graft, blobs []crypto.BlobName) (added bool, err error) {
	c.home.Sharing.Lock()
	defer c.home.Sharing.Unlock()
	for _, name := range blobs {
		if !c.home.Area.Has(name) {
			return false, nil
		}
	}
	_, _, err = c.Record(ctx, Change{Op: op, Blobs: blobs, Inner: true})
	return err == nil, err
}

// free returns the free path nearest to an entry's old one: its name, or one for a conflict, in the deepest of its
// folders that is still there. back says that the entry is there already.
func free(
	ctx context.Context, t tree.Tree, old string, e object.Entry, device string,
) (at string, back bool, err error) {
	folder := path.Dir(old)
	for ; folder != "/"; folder = path.Dir(folder) {
		there, err := t.Lookup(ctx, folder)
		if err == nil && there.IsFolder() {
			break
		}
		if err != nil && !errors.Is(err, vfs.ErrNotExist) && !errors.Is(err, vfs.ErrNotFolder) {
			return "", false, err
		}
	}
	for n := 0; ; n++ {
		at = path.Join(folder, tree.ConflictName(path.Base(old), device, object.Time(e.Modified), n))
		there, err := t.Lookup(ctx, at)
		switch {
		case errors.Is(err, vfs.ErrNotExist):
			return at, false, nil
		case err != nil:
			return "", false, err
		}
		if o, _ := there.Object(); o.Kind == e.Kind && o.Version == e.Version && o.Root == e.Root {
			return at, true, nil
		}
	}
}
