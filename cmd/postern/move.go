package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"postern/cmd/postern/control"
	"postern/cmd/postern/gateway"
	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
	"postern/crypto"
	"postern/remote/transfer"
	"postern/remote/verify"
	"postern/vfs/space/keep"
)

func (p *program) remoteCopy() *cobra.Command {
	var passphraseFile string
	var readBack bool
	cmd := &cobra.Command{
		Use:   "copy FROM TO",
		Short: "Copy the account to another remote",
		Long: `Copies all that the drive and its history lead to from one remote to another, then the drive's pointer, and, with the passphrase, the login
record. A copy that was cut is run again and goes on; run again later, it takes what has changed. The pointer at TO is moved only if what is
there is contained in what comes. Set remote in config.toml, or log in on TO, to use it.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return say.Usagef("%s takes two URLs: see %s --help", cmd.CommandPath(), cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.copyAccount(cmd.Context(), args[0], args[1], passphraseFile, readBack)
		},
	}
	cmd.Flags().StringVar(&passphraseFile, "passphrase-file", "", "file whose first line is the passphrase (default $POSTERN_PASSPHRASE, else the login record stays)")
	cmd.Flags().BoolVar(&readBack, "read-back", false, "read every blob back from TO, also those that were there")
	return cmd
}

func (p *program) copyAccount(ctx context.Context, fromURL, toURL, passphraseFile string, readBack bool) (err error) {
	h, err := p.home()
	if err != nil {
		return err
	}
	account, own, err := p.accountOf(h)
	if err != nil {
		return err
	}
	from, err := p.drivers.Parse(fromURL, h)
	if err != nil {
		return err
	}
	to, err := p.drivers.Parse(toURL, h)
	if err != nil {
		return err
	}
	switch {
	case from.Volatile() || to.Volatile():
		return say.Usagef("the remote mem: ends with the process: copy between others")
	case from.String() == to.String():
		return say.Usagef("both remotes are %s: name two", from)
	}
	login, err := p.loginPointer(ctx, account, from, h, passphraseFile)
	if err != nil {
		return err
	}
	if from.String() == own.String() { // what is written here already, too
		if err := p.withGateway(ctx, func(g control.Gateway) error { return g.Flush(ctx) }); err != nil {
			return err
		}
	}
	// A running gateway holds the home and its pins, so this looks at both with fresh eyes.
	source, err := gateway.OpenRemote(ctx, gateway.HoldOptions{Home: h, To: from}, &verify.MemoryPins{})
	if err != nil {
		return err
	}
	defer func() { err = say.Closing(err, source.Close) }()
	ids := []crypto.PointerID{account.Secret.Writer().ID()}
	if login != nil {
		ids = append(ids, login.ID)
	}
	newest, err := source.Load(ctx, ids[0])
	if err != nil {
		return err
	}
	m := p.meter()
	names, err := keep.Reach(ctx, source, account.Secret.Own(), newest, nil, control.Seeking(m.tell))
	m.done()
	if err != nil {
		return fmt.Errorf("look for what is to be copied: %w", err)
	}
	destination, err := gateway.OpenRemote(ctx, gateway.HoldOptions{Home: h, To: to, Founding: true}, &verify.MemoryPins{})
	if err != nil {
		return err
	}
	defer func() { err = say.Closing(err, destination.Close) }()
	at, err := transfer.Copy(ctx, pinnedAt{source, newest}, destination, ids, transfer.Options{
		Blobs: transfer.Names(names), ReadBack: readBack, Follows: gateway.Follows(destination, account),
		Progress: func(at transfer.Progress) {
			at.TotalBlobs = int64(len(names))
			control.Carried("copied", m.tell)(at)
		},
	})
	m.done()
	if err != nil {
		return copyFailed(err, to)
	}
	p.printf("%s has the drive of %s: %s, %s were copied; already there: %s.\n", to, account.User, say.Plural(at.Copied, "blob"),
		home.Size(at.CopiedBytes), say.Plural(at.Skipped, "blob"))
	return nil
}

func copyFailed(err error, to gateway.Target) error {
	var lost *transfer.Lost
	if errors.As(err, &lost) {
		return say.Advised(err)
	}
	return fmt.Errorf("copy to %s: %w", to, err)
}
