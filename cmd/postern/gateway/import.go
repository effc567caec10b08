package gateway

import (
	"context"
	"errors"
	"fmt"

	"postern/cmd/postern/control"
	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
	"postern/crypto"
	"postern/remote"
	"postern/remote/bundle"
	"postern/remote/localfs"
	"postern/remote/transfer"
	"postern/vfs/space/base"
)

// Import implements control.Carrier.
func (g *gateway) Import(ctx context.Context, file string, tell control.Tell) (transfer.Progress, error) {
	if !g.keeping.TryLock() {
		return transfer.Progress{}, say.Advisef("the drive is being collected or checked: wait until that is done")
	}
	defer g.keeping.Unlock()
	// Pending changes are committed first, so that a bundle that builds on the present state needs a merge less often.
	if err := g.drive.space.Flush(ctx); err != nil {
		return transfer.Progress{}, err
	}
	store, drive := g.drive.checked, g.account.Secret.Writer().ID()
	follows := Follows(store, g.account)
	at, err := ImportFile(ctx, store, file, bundle.ImportOptions{
		Follows: func(ctx context.Context, have, next crypto.Pointer) (bool, error) {
			yes, err := follows(ctx, have, next)
			if yes && err == nil && next.ID == drive { // else the drive would refer to missing blobs
				err = g.drive.space.Keeper().Missing(ctx, next)
			}
			return yes, err
		},
		Join: func(ctx context.Context, next crypto.Pointer) (bool, error) {
			if next.ID != drive {
				return false, nil // the login record is older than the present one, which stays
			}
			return g.drive.space.Keeper().Join(ctx, next)
		},
		Progress: control.Carried("imported", tell),
	})
	var undelivered *bundle.Undelivered
	if err == nil || errors.As(err, &undelivered) {
		err = errors.Join(err, g.drive.space.Committer().Look(ctx))
	}
	return at, err
}

// ImportFile imports a bundle into a remote. Errors advise the user about a bundle that does not fit.
func ImportFile(
	ctx context.Context, to remote.Store, file string, o bundle.ImportOptions,
) (at transfer.Progress, err error) {
	from, err := localfs.OpenRegular(file)
	if err != nil {
		return at, fmt.Errorf("can't read the bundle: %w", err)
	}
	defer func() { _ = from.Close() }() // only read from
	reader, err := bundle.NewReader(from)
	if err == nil {
		at, err = reader.Import(ctx, to, o)
	}
	var undelivered *bundle.Undelivered
	switch {
	case errors.As(err, &undelivered):
		return at, say.Advisef("%s was imported, but not all of the letters and the name in it: %w", file, err)
	case errors.Is(err, remote.ErrFork):
		return at, say.Advisef("%s was not imported: %w: import it without --remote where the drive is open, which merges "+
			"both", file, err)
	case errors.Is(err, remote.ErrRollback):
		return at, say.Advisef("%s was not imported: %w: it is older than what is there", file, err)
	case errors.Is(err, remote.ErrRefused):
		return at, say.Advisef("%s was not imported: %w", file, err)
	case errors.Is(err, bundle.ErrIncomplete), errors.Is(err, remote.ErrCorrupt):
		return at, say.Advisef("%s can't be imported in full: %w: copy the file again, or export again", file, err)
	case err != nil:
		return at, fmt.Errorf("import %s: %w", file, err)
	}
	return at, nil
}

// Follows returns a function that reports whether a pointer of an account builds on another. It reads the commits of
// the drive's pointer. Login records have no history: only postern passwd writes them, each is complete, and the one
// with the greatest sequence counts.
func Follows(at remote.Store, account home.Account) transfer.Follows {
	drive := account.Secret.Writer().ID()
	return func(ctx context.Context, have, next crypto.Pointer) (bool, error) {
		if next.ID != drive {
			return transfer.BySequence(ctx, have, next)
		}
		return base.Contains(ctx, at, account.Secret.Own(), have, next)
	}
}
