package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"postern/cmd/postern/control"
	"postern/cmd/postern/home"
	"postern/crypto"
	"postern/remote"
	"postern/remote/bundle"
	"postern/remote/transfer"
	"postern/remote/verify"
	"postern/vfs/space"
)

func (p *program) bundleImport() *cobra.Command {
	var url string
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Take what a bundle holds to a remote",
		Long: `Takes what a bundle holds to the drive's remote. What both sides have changed is merged, as between devices of one remote; carry a
bundle back to have it on the other side, too. With --remote it goes to any remote, for which no account is needed: after that postern login
or postern recover works there; but nothing is merged. Everything is verified; an import that was cut is run again and goes on.`,
		Args: exactlyOne("one file"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			file, err := bundleFile(args[0])
			if err != nil {
				return err
			}
			m := p.meter()
			var at transfer.Progress
			if url != "" {
				at, err = p.importTo(cmd.Context(), url, file, m.tell)
			} else {
				err = p.withGateway(cmd.Context(), func(g control.Gateway) (err error) {
					at, err = g.Import(cmd.Context(), file, m.tell)
					return err
				})
			}
			m.done()
			if err != nil {
				return err
			}
			p.printf("%s: %s, %s came; already there: %s.\n", args[0], plural(at.Copied, "blob"), home.Size(at.CopiedBytes), plural(at.Skipped, "blob"))
			if at.Joined > 0 {
				p.printf("Both sides had changed the drive, and are merged here now: carry it back with postern bundle export --since %s FILE.\n", args[0])
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&url, "remote", "", "URL of a remote to take it to, instead of the drive's own")
	return cmd
}

// importTo imports without an account: a pointer that is there is moved only if the bundle names it as its base.
func (p *program) importTo(ctx context.Context, url, file string, tell control.Tell) (at transfer.Progress, err error) {
	h, err := p.home()
	if err != nil {
		return at, err
	}
	to, err := parseRemote(url, h)
	if err != nil {
		return at, err
	}
	if to.driver.volatile {
		return at, usagef("the remote %s ends with the process: import to another", to)
	}
	store, err := openChecked(ctx, holdOptions{home: h, to: to, founding: true}, &verify.MemoryPins{})
	if err != nil {
		return at, err
	}
	defer func() { err = closing(err, store.Close) }()
	return importFile(ctx, store, file, bundle.ImportOptions{Progress: carried("imported", tell)})
}

// Import implements control.Carrier.
func (g *gateway) Import(ctx context.Context, file string, tell control.Tell) (transfer.Progress, error) {
	if !g.keeping.TryLock() {
		return transfer.Progress{}, advisef("the drive is being collected or checked: wait until that is done")
	}
	defer g.keeping.Unlock()
	// What is pending goes first: so a bundle that builds on what was there is a step of one history more often than a merge.
	if err := g.drive.space.Flush(ctx); err != nil {
		return transfer.Progress{}, err
	}
	store, drive := g.drive.checked, g.account.Secret.Writer().ID()
	follows := follows(store, g.account)
	at, err := importFile(ctx, store, file, bundle.ImportOptions{
		Follows: func(ctx context.Context, have, next crypto.Pointer) (bool, error) {
			yes, err := follows(ctx, have, next)
			if yes && err == nil && next.ID == drive { // or the drive would lead to what is nowhere
				err = g.drive.space.Missing(ctx, next)
			}
			return yes, err
		},
		Join: func(ctx context.Context, next crypto.Pointer) (bool, error) {
			if next.ID != drive {
				return false, nil // an older login record than the one that is there, which stays
			}
			return g.drive.space.Join(ctx, next)
		},
		Progress: carried("imported", tell),
	})
	if err == nil {
		err = g.drive.space.Look(ctx)
	}
	return at, err
}

func importFile(ctx context.Context, to remote.Store, file string, o bundle.ImportOptions) (at transfer.Progress, err error) {
	from, err := os.Open(file)
	if err != nil {
		return at, fmt.Errorf("can't read the bundle: %w", err)
	}
	defer func() { _ = from.Close() }() // only read from
	reader, err := bundle.NewReader(from)
	if err == nil {
		at, err = reader.Import(ctx, to, o)
	}
	switch {
	case errors.Is(err, remote.ErrFork):
		return at, advisef("%s was not imported: %w: import it without --remote where the drive is open, which merges both", file, err)
	case errors.Is(err, remote.ErrRollback):
		return at, advisef("%s was not imported: %w: it is older than what is there", file, err)
	case errors.Is(err, remote.ErrRefused):
		return at, advisef("%s was not imported: %w", file, err)
	case errors.Is(err, bundle.ErrIncomplete), errors.Is(err, remote.ErrCorrupt):
		return at, advisef("%s can't be imported in full: %w: copy the file again, or export again", file, err)
	case err != nil:
		return at, fmt.Errorf("import %s: %w", file, err)
	}
	return at, nil
}

// follows tells whether a pointer of an account builds on another. Of the drive's, the commits tell. Login records are no history: each is
// written whole, by postern passwd alone, and the one of the greatest sequence counts.
func follows(at remote.Store, account home.Account) transfer.Follows {
	drive := account.Secret.Writer().ID()
	return func(ctx context.Context, have, next crypto.Pointer) (bool, error) {
		if next.ID != drive {
			return transfer.BySequence(ctx, have, next)
		}
		return space.Contains(ctx, at, account.Secret, have, next)
	}
}
