package storage

import (
	"context"

	"github.com/spf13/cobra"

	"postern/cmd/postern/carry"
	"postern/cmd/postern/command"
	"postern/cmd/postern/control"
	"postern/cmd/postern/gateway"
	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
)

// duplicate is the command remote copy.
func duplicate(p *command.Program) *cobra.Command {
	var f copyFlags
	cmd := &cobra.Command{
		Use:   "copy FROM TO",
		Short: "Copy the account to another remote",
		Long: `Copies all that the drive and its history lead to from one remote to another, then the drive's pointer, and,
with the passphrase, the login record. Letters in the account's inbox and the record of its name go along. Run an
interrupted copy again to continue it; a later run copies the changes. The pointer at TO is moved only if the copied
history contains the state there. --limit bounds the bytes that are read in a second, and those that are written. To use
the copy, set remote in config.toml, or log in on TO.`,
		Args: command.Exactly(2, "two URLs"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return copyAccount(cmd.Context(), p, args[0], args[1], f)
		},
	}
	cmd.Flags().StringVar(&f.passphraseFile, "passphrase-file", "",
		"file whose first line is the passphrase (default $POSTERN_PASSPHRASE, else the login record stays)")
	command.Limit(cmd, &f.limit)
	cmd.Flags().BoolVar(&f.readBack, "read-back", false, "read every blob back from TO, also those that were there")
	return cmd
}

type copyFlags struct {
	passphraseFile string
	readBack       bool
	limit          home.Rates
}

func copyAccount(ctx context.Context, p *command.Program, fromURL, toURL string, f copyFlags) error {
	h, err := p.Home()
	if err != nil {
		return err
	}
	known, own, err := p.Account(h)
	if err != nil {
		return err
	}
	from, err := p.Drivers.Parse(fromURL, h)
	if err != nil {
		return err
	}
	to, err := p.Drivers.Parse(toURL, h)
	if err != nil {
		return err
	}
	switch {
	case from.Volatile() || to.Volatile():
		return say.Usagef("the remote mem: ends with the process: copy between others")
	case from.String() == to.String():
		return say.Usagef("both remotes are %s: name two", from)
	}
	up, down, err := p.Rates(h, f.limit)
	if err != nil {
		return err
	}
	if from.Network() && !to.Network() { // only bytes on the network are limited, where there are some
		up = home.Rates{}
	} else if to.Network() && !from.Network() && !f.readBack {
		down = home.Rates{}
	}
	ctx = gateway.Limited(ctx, up, down)
	login, err := loginRecord(ctx, p, h, known, from, f.passphraseFile)
	if err != nil {
		return err
	}
	if from.String() == own.String() { // the changes that are only here go first
		if err := p.WithGateway(ctx, func(g control.Gateway) error { return g.Flush(ctx) }); err != nil {
			return err
		}
	}
	m := p.Meter()
	at, err := carry.Copy(ctx, carry.CopyOptions{
		Home: h, Account: known, From: from, To: to, Login: login, ReadBack: f.readBack, Tell: m.Show,
		Behind: func(c control.Copy) {
			m.Clear()
			p.Warnf("The copy %s %s: a drive that is served from the mirror gives it the rest.\n", c.Remote, c.State())
		},
	})
	m.Clear()
	if err != nil {
		if at.TotalBlobs > 0 && say.Interrupted(ctx, err) {
			p.Warnf("%s has %d of %s now, which are not sent again.\n", to, at.Copied+at.Skipped,
				say.Plural(at.TotalBlobs, "blob"))
		}
		return err
	}
	p.Printf("%s has the drive of %s: %s, %s were copied; already there: %s.\n", to, known.User,
		say.Plural(at.Copied, "blob"), home.Size(at.CopiedBytes), say.Plural(at.Skipped, "blob"))
	return nil
}
