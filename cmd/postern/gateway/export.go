package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"postern/cmd/postern/control"
	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
	"postern/crypto"
	"postern/remote"
	"postern/remote/bundle"
	"postern/remote/localfs"
	"postern/remote/transfer"
	"postern/vfs/roots"
	"postern/vfs/space/base"
	"postern/vfs/tree"
)

// Roots returns the spaces of an account at a remote, for callers without an open drive.
func Roots(at remote.Store, account home.Account) *roots.Set {
	return roots.New(roots.Options{Own: account.Secret.Own(), Pointers: at, Nodes: tree.NewNodes(at, tree.Options{}),
		Registry: registryAt(account)})
}

// Export implements control.Carrier.
func (g *gateway) Export(
	ctx context.Context, o control.ExportOrder, tell control.Tell,
) (at transfer.Progress, err error) {
	if !g.keeping.TryLock() { // a collection would delete blobs meanwhile
		return at, say.Advisef("the drive is being collected or checked: wait until that is done")
	}
	defer g.keeping.Unlock()
	if ctx, err = limitedBy(ctx, o.Limit); err != nil {
		return at, err
	}
	if err := g.drive.space.Flush(ctx); err != nil {
		return at, err
	}
	store := g.drive.checked
	newest, err := store.Load(ctx, g.account.Secret.Writer().ID())
	if err != nil {
		return at, err
	}
	var contents bundle.Contents
	var found roots.Reached
	if len(o.Base) > 0 {
		base, err := crypto.ParsePointer(o.Base)
		if err == nil {
			err = base.Verify()
		}
		if err == nil {
			found, err = g.beyond(ctx, newest, base, o.Since, tell)
		}
		if err != nil {
			return at, err
		}
		contents.Bases = []crypto.Pointer{base}
	} else if found, err = g.reach(ctx, nil, tell); err != nil {
		return at, err
	}
	names := found.Blobs
	beside, err := BelongingsAt(ctx, store, g.account)
	if err != nil {
		return at, err
	}
	contents.Pointers = append(beside.Links, found.Pointers...)
	newest = found.Pointers[len(found.Pointers)-1]
	if len(o.Login) > 0 {
		login, err := crypto.ParsePointer(o.Login)
		if err != nil {
			return at, err
		}
		contents.Pointers = append(contents.Pointers, login)
	}
	slices.SortFunc(names, func(a, b crypto.BlobName) int { return slices.Compare(a[:], b[:]) })
	at, err = bundle.ExportFile(ctx, store, o.File, contents, transfer.Names(names), bundle.ExportOptions{
		TotalBlobs: int64(len(names)), Mail: beside.Mail, Log: g.log, Progress: control.Carried("exported", tell),
	})
	if err != nil {
		return at, err
	}
	return at, g.home.AddExport(home.Export{Time: time.Now().UTC(), Pointer: newest.Marshal()})
}

// beyond returns the blobs of the newest state that an earlier one does not have. If the earlier state was collected,
// it returns those that the earlier state's bundle does not hold.
func (g *gateway) beyond(
	ctx context.Context, newest, since crypto.Pointer, file string, tell control.Tell,
) (roots.Reached, error) {
	if since == newest {
		return roots.Reached{}, say.Advisef("nothing was committed since then: there is nothing to export")
	}
	store := g.drive.checked
	held, err := base.Contains(ctx, store, g.account.Secret.Own(), since, newest)
	from, known := &since, map[crypto.BlobName]bool{}
	if errors.Is(err, base.ErrUntold) && file != "" && g.exported(since) {
		held, from = true, nil
		known, err = namesIn(file)
	}
	switch {
	case errors.Is(err, base.ErrUntold):
		return roots.Reached{}, say.Advisef("the state that --since names is not here (%w): if it is of a bundle from "+
			"another device, import that first; if it is too old, leave --since out to export all", err)
	case err != nil:
		return roots.Reached{}, err
	case !held || since.Seq >= newest.Seq:
		return roots.Reached{}, say.Advisef("what --since names holds changes that are not here: import that bundle first")
	}
	found, err := g.reach(ctx, from, tell)
	found.Blobs = slices.DeleteFunc(found.Blobs, func(name crypto.BlobName) bool { return known[name] })
	return found, err
}

// reach returns the blobs of all spaces of the owner, without those of an earlier state of the own space.
func (g *gateway) reach(ctx context.Context, beyond *crypto.Pointer, tell control.Tell) (roots.Reached, error) {
	found, err := g.drive.space.Keeper().Reach(ctx, g.drive.checked,
		roots.ReachOptions{Beyond: beyond, Seen: control.Seeking(tell)})
	if err != nil {
		return found, fmt.Errorf("find the blobs to export: %w", err)
	}
	return found, nil
}

// exported reports whether a state was exported here, and so belongs to the drive's history, even if the history no
// longer shows it.
func (g *gateway) exported(p crypto.Pointer) bool {
	made, err := g.home.ReadExports()
	return err == nil && slices.ContainsFunc(made, func(e home.Export) bool { return bytes.Equal(e.Pointer, p.Marshal()) })
}

// namesIn returns the names of the blobs in a bundle.
func namesIn(path string) (map[crypto.BlobName]bool, error) {
	file, err := localfs.OpenRegular(path)
	if err != nil {
		return nil, fmt.Errorf("can't read the bundle: %w", err)
	}
	defer func() { _ = file.Close() }() // only read from
	reader, err := bundle.NewReader(file)
	names := map[crypto.BlobName]bool{}
	for err == nil {
		var blob bundle.Blob
		if blob, err = reader.Next(); err == nil {
			names[blob.Name] = true
		}
	}
	if !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("--since %s: %w", path, err)
	}
	return names, nil
}
