package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"postern/cmd/postern/control"
	"postern/cmd/postern/home"
	"postern/crypto"
	"postern/remote/bundle"
	"postern/remote/transfer"
	"postern/vfs/space"
)

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
	if o.File, err = bundleFile(file); err != nil {
		return err
	}
	if since != "" {
		base, isFile, err := p.baseOf(h, account, since)
		if err != nil {
			return err
		}
		o.Base = base.Marshal()
		if isFile {
			if o.Since, err = bundleFile(since); err != nil {
				return err
			}
		}
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

// baseOf is the state that an export is to take for granted, named by the bundle that brings it or by a time.
func (p *program) baseOf(h home.Home, account home.Account, since string) (base crypto.Pointer, isFile bool, err error) {
	id := account.Secret.Writer().ID()
	if file, err := os.Open(since); err == nil {
		defer func() { _ = file.Close() }() // only read from
		reader, err := bundle.NewReader(file)
		if err != nil {
			return crypto.Pointer{}, false, advisef("--since %s: %w: name an earlier bundle, or leave --since out to export all", since, err)
		}
		for _, pointer := range reader.Contents().Pointers {
			if pointer.ID == id {
				return pointer, true, nil
			}
		}
		return crypto.Pointer{}, false, advisef("%s is no bundle of this account's drive: name another with --since", since)
	}
	when, err := parseTime(since, time.Now())
	if err != nil {
		return crypto.Pointer{}, false, err
	}
	made, err := h.ReadExports()
	if err != nil {
		return crypto.Pointer{}, false, err
	}
	for _, e := range slices.Backward(made) {
		if e.Time.After(when) {
			continue
		}
		if pointer, err := crypto.ParsePointer(e.Pointer); err == nil && pointer.ID == id && pointer.Verify() == nil {
			return pointer, false, nil
		}
	}
	return crypto.Pointer{}, false, advisef("this device made no export until %s: name an earlier bundle with --since, or leave --since out to export all", when.Local().Format(time.DateTime))
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
	var names []crypto.BlobName
	if len(o.Base) > 0 {
		base, err := crypto.ParsePointer(o.Base)
		if err == nil {
			err = base.Verify()
		}
		if err == nil {
			names, err = g.beyond(ctx, newest, base, o.Since, tell)
		}
		if err != nil {
			return at, err
		}
		contents.Bases = []crypto.Pointer{base}
	} else if names, err = space.Reach(ctx, store, g.account.Secret, newest, nil, seeking(tell)); err != nil {
		return at, fmt.Errorf("look for what is to be exported: %w", err)
	}
	if len(o.Login) > 0 {
		login, err := crypto.ParsePointer(o.Login)
		if err != nil {
			return at, err
		}
		contents.Pointers = append(contents.Pointers, login)
	}
	slices.SortFunc(names, func(a, b crypto.BlobName) int { return slices.Compare(a[:], b[:]) })
	at, err = bundle.ExportFile(ctx, store, o.File, contents, named(names), bundle.ExportOptions{TotalBlobs: int64(len(names)), Progress: carried("exported", tell)})
	if err != nil {
		return at, err
	}
	return at, g.home.AddExport(home.Export{Time: time.Now().UTC(), Pointer: newest.Marshal()})
}

// beyond tells what the newest state leads to that an earlier one does not. Where the earlier one was collected, it is what the bundle of
// it does not hold.
func (g *gateway) beyond(ctx context.Context, newest, base crypto.Pointer, file string, tell control.Tell) ([]crypto.BlobName, error) {
	if base == newest {
		return nil, advisef("nothing was committed since then: there is nothing to export")
	}
	store := g.drive.checked
	held, err := space.Contains(ctx, store, g.account.Secret, base, newest)
	from, known := &base, map[crypto.BlobName]bool{}
	if errors.Is(err, space.ErrUntold) && file != "" && g.exported(base) {
		held, from = true, nil
		known, err = namesIn(file)
	}
	switch {
	case errors.Is(err, space.ErrUntold):
		return nil, advisef("the state that --since names is not here (%w): if it is of a bundle from another device, import that first; if it is too old, leave --since out to export all", err)
	case err != nil:
		return nil, err
	case !held || base.Seq >= newest.Seq:
		return nil, advisef("what --since names holds changes that are not here: import that bundle first")
	}
	names, err := space.Reach(ctx, store, g.account.Secret, newest, from, seeking(tell))
	if err != nil {
		return nil, fmt.Errorf("look for what is to be exported: %w", err)
	}
	return slices.DeleteFunc(names, func(name crypto.BlobName) bool { return known[name] }), nil
}

// exported tells whether a state was exported here, and so is part of the drive's history, whether that still shows or not.
func (g *gateway) exported(p crypto.Pointer) bool {
	made, err := g.home.ReadExports()
	return err == nil && slices.ContainsFunc(made, func(e home.Export) bool { return bytes.Equal(e.Pointer, p.Marshal()) })
}

// namesIn tells the blobs of a bundle.
func namesIn(path string) (map[crypto.BlobName]bool, error) {
	file, err := os.Open(path)
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
