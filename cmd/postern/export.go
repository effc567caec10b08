package main

import (
	"context"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"postern/cmd/postern/control"
	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
	"postern/crypto"
	"postern/remote/bundle"
	"postern/remote/localfs"
	"postern/remote/transfer"
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
	p.printf("%s holds %s, %s%s.\n", file, say.Plural(at.Copied+at.Skipped, "blob"), home.Size(at.CopiedBytes+at.SkippedBytes), say.IfElse(since == "", "", ", and needs what was exported before"))
	return nil
}

// baseOf is the state that an export is to take for granted, named by the bundle that brings it or by a time.
func (p *program) baseOf(h home.Home, account home.Account, since string) (base crypto.Pointer, isFile bool, err error) {
	id := account.Secret.Writer().ID()
	if file, err := localfs.OpenRegular(since); err == nil {
		defer func() { _ = file.Close() }() // only read from
		reader, err := bundle.NewReader(file)
		if err != nil {
			return crypto.Pointer{}, false, say.Advisef("--since %s: %w: name an earlier bundle, or leave --since out to export all", since, err)
		}
		for _, pointer := range reader.Contents().Pointers {
			if pointer.ID == id {
				return pointer, true, nil
			}
		}
		return crypto.Pointer{}, false, say.Advisef("%s is no bundle of this account's drive: name another with --since", since)
	}
	if _, err := os.Stat(since); err == nil {
		return crypto.Pointer{}, false, say.Advisef("--since %s: %w: name an earlier bundle", since, localfs.ErrNotRegular)
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
	return crypto.Pointer{}, false, say.Advisef("this device made no export until %s: name an earlier bundle with --since, or leave --since out to export all", when.Local().Format(time.DateTime))
}
