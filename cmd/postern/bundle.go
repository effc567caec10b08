package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

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

func (p *program) bundle() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bundle",
		Short: "Carry the drive, or what changed in it, in a file",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.bundleExport(), p.bundleImport())
	return cmd
}

func (p *program) bundleExport() *cobra.Command {
	var since, passphraseFile string
	cmd := &cobra.Command{
		Use:   "export FILE",
		Short: "Write the drive, or what changed in it, to a file, sealed as it is",
		Long: `Writes all that the drive and its history lead to into a file, as it lies at the remote: sealed and signed. With --since it is only what
came after an earlier export, which is named by its file, or by a time: the newest export that this device made until then. An export that
was cut is run again and goes on from what FILE.part holds.

With the passphrase (--passphrase-file, $POSTERN_PASSPHRASE) the login record goes along, so that user name and passphrase are enough
at a remote that the file is imported to; without, the recovery words are.`,
		Args: exactlyOne("one file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.export(cmd.Context(), args[0], since, passphraseFile)
		},
	}
	cmd.Flags().StringVar(&since, "since", "", `an earlier bundle, or a time such as 2026-11-20, "2026-11-20 09:15" or 7d (ago)`)
	cmd.Flags().StringVar(&passphraseFile, "passphrase-file", "", "file whose first line is the passphrase (default $POSTERN_PASSPHRASE, else the login record stays)")
	return cmd
}

func (p *program) export(ctx context.Context, file, since, passphraseFile string) error {
	h, err := p.home()
	if err != nil {
		return err
	}
	account, to, err := p.accountOf(h)
	if err != nil {
		return err
	}
	o := control.ExportOrder{}
	if o.File, err = filepath.Abs(file); err != nil {
		return usagef("can't tell where %s is: %w", file, err)
	}
	if since != "" {
		base, err := p.baseOf(h, account, since)
		if err != nil {
			return err
		}
		o.Base = base.Marshal()
	}
	if login, err := p.loginPointer(ctx, account, to, h, passphraseFile); err != nil {
		return err
	} else if login != nil {
		o.Login = login.Marshal()
	}
	m := p.meter()
	var at transfer.Progress
	err = p.withGateway(ctx, func(g control.Gateway) (err error) {
		at, err = g.Export(ctx, o, m.tell)
		return err
	})
	m.done()
	if err != nil {
		return err
	}
	p.printf("%s holds %s, %s%s.\n", file, plural(at.Copied+at.Skipped, "blob"), home.Size(at.CopiedBytes+at.SkippedBytes), ifElse(since == "", "", ", and needs what was exported before"))
	return nil
}

// baseOf is the state that an export is to take for granted.
func (p *program) baseOf(h home.Home, account home.Account, since string) (crypto.Pointer, error) {
	id := account.Secret.Writer().ID()
	if file, err := os.Open(since); err == nil {
		defer func() { _ = file.Close() }() // only read from
		reader, err := bundle.NewReader(file)
		if err != nil {
			return crypto.Pointer{}, fmt.Errorf("--since %s: %w", since, err)
		}
		for _, pointer := range reader.Contents().Pointers {
			if pointer.ID == id {
				return pointer, nil
			}
		}
		return crypto.Pointer{}, advisef("%s is no bundle of this account's drive: name another with --since", since)
	}
	when, err := parseTime(since, time.Now())
	if err != nil {
		return crypto.Pointer{}, err
	}
	made, err := h.ReadExports()
	if err != nil {
		return crypto.Pointer{}, err
	}
	for _, e := range slices.Backward(made) {
		if e.Time.After(when) {
			continue
		}
		if pointer, err := crypto.ParsePointer(e.Pointer); err == nil && pointer.ID == id && pointer.Verify() == nil {
			return pointer, nil
		}
	}
	return crypto.Pointer{}, advisef("this device made no export until %s: name an earlier bundle with --since, or leave --since out to export all", when.Local().Format(time.DateTime))
}

// parseTime reads a time as people write it: a day, a minute, a second, all local, or how long ago.
func parseTime(text string, now time.Time) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, "2006-01-02 15:04", time.DateTime, time.RFC3339} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t, nil
		}
	}
	var ago home.Span
	if ago.Set(text) == nil {
		return now.Add(-ago.Duration()), nil
	}
	return time.Time{}, usagef("%q is neither a file nor a time, such as 2026-11-20, \"2026-11-20 09:15\" or 7d", text)
}

// loginPointer finds the account's login record, if it has one and a passphrase is given.
func (p *program) loginPointer(ctx context.Context, account home.Account, to target, h home.Home, passphraseFile string) (_ *crypto.Pointer, err error) {
	source := secretSource{what: "passphrase", variable: "POSTERN_PASSPHRASE", flag: "passphrase-file", file: passphraseFile}
	if !account.Passphrase || !p.given(source) {
		return nil, nil
	}
	store, err := openChecked(ctx, holdOptions{home: h, to: to}, &verify.MemoryPins{})
	if err != nil {
		return nil, err
	}
	defer func() { err = closing(err, store.Close) }()
	_, now, err := p.oldRecord(ctx, store, account, to, passwdFlags{oldFile: passphraseFile})
	if err != nil {
		return nil, err
	}
	return &now.pointer, nil
}

// Export implements control.Carrier.
func (g *gateway) Export(ctx context.Context, o control.ExportOrder, tell control.Tell) (at transfer.Progress, err error) {
	if !g.keeping.TryLock() { // a collection would delete under its feet
		return at, advisef("the drive is being collected or checked: wait until that is done")
	}
	defer g.keeping.Unlock()
	if err := g.drive.space.Flush(ctx); err != nil {
		return at, err
	}
	store := g.drive.checked
	newest, err := store.Load(ctx, g.account.Secret.Writer().ID())
	if err != nil {
		return at, err
	}
	contents := bundle.Contents{Pointers: []crypto.Pointer{newest}}
	var beyond *crypto.Pointer
	if len(o.Base) > 0 {
		base, err := crypto.ParsePointer(o.Base)
		if err == nil {
			err = base.Verify()
		}
		if err != nil {
			return at, err
		}
		switch held, err := space.Contains(ctx, store, g.account.Secret, base, newest); {
		case base == newest:
			return at, advisef("nothing was committed since then: there is nothing to export")
		case err != nil:
			return at, advisef("the state that --since names is not here (%w): if it is of a bundle from another device, import that first; if it is too old, leave --since out to export all", err)
		case !held || base.Seq >= newest.Seq:
			return at, advisef("what --since names holds changes that are not here: import that bundle first")
		}
		beyond, contents.Bases = &base, []crypto.Pointer{base}
	}
	if len(o.Login) > 0 {
		login, err := crypto.ParsePointer(o.Login)
		if err != nil {
			return at, err
		}
		contents.Pointers = append(contents.Pointers, login)
	}
	names, err := space.Reach(ctx, store, g.account.Secret, newest, beyond)
	if err != nil {
		return at, fmt.Errorf("look for what is to be exported: %w", err)
	}
	slices.SortFunc(names, func(a, b crypto.BlobName) int { return slices.Compare(a[:], b[:]) })
	at, err = bundle.ExportFile(ctx, store, o.File, contents, named(names), bundle.ExportOptions{TotalBlobs: int64(len(names)), Progress: carried(tell)})
	if err != nil {
		return at, err
	}
	return at, g.home.AddExport(home.Export{Time: time.Now().UTC(), Pointer: newest.Marshal()})
}

// named yields names as those who copy take them.
func named(names []crypto.BlobName) func(yield func(crypto.BlobName, error) bool) {
	return func(yield func(crypto.BlobName, error) bool) {
		for _, name := range names {
			if !yield(name, nil) {
				return
			}
		}
	}
}

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
			file, err := filepath.Abs(args[0])
			if err != nil {
				return usagef("can't tell where %s is: %w", args[0], err)
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
	return importFile(ctx, store, file, bundle.ImportOptions{Progress: carried(tell)})
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
		Progress: carried(tell),
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
