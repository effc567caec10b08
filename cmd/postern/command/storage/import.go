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
	"postern/remote/transfer"
)

// importing is the command bundle import.
func importing(p *command.Program) *cobra.Command {
	var url string
	var limit home.Rates
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Import the contents of a bundle into a remote",
		Long: `Imports the contents of a bundle into the drive's remote. If both sides have changed, the changes are merged,
as between devices of one remote; carry a bundle back to bring the result to the other side. With --remote the contents
go to any remote, without an account and without merging; postern login or postern recover works there afterwards.
Everything is verified. Run an interrupted import again to continue it.`,
		Args: command.Exactly(1, "one file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return importBundle(cmd.Context(), p, args[0], url, limit)
		},
	}
	cmd.Flags().StringVar(&url, "remote", "", "URL of the remote to import into, instead of the drive's own")
	command.Limit(cmd, &limit)
	return cmd
}

func importBundle(ctx context.Context, p *command.Program, arg, url string, limit home.Rates) error {
	file, err := bundleFile(arg)
	if err != nil {
		return err
	}
	var at transfer.Progress
	switch {
	case url != "":
		at, err = importTo(ctx, p, url, file, limit)
	case limit != home.Rates{}:
		return say.Usagef("--limit goes with --remote: set remote.upload in config.toml for the drive's own remote")
	default:
		err = p.Working(ctx, func(g control.Gateway, tell control.Tell) (err error) {
			at, err = g.Import(ctx, file, tell)
			return err
		})
	}
	if err != nil {
		return err
	}
	p.Printf("%s: %s, %s came; already there: %s.\n", arg, say.Plural(at.Copied, "blob"), home.Size(at.CopiedBytes),
		say.Plural(at.Skipped, "blob"))
	if at.Joined > 0 {
		p.Printf("Both sides had changed the drive, and are merged here now: carry it back with "+
			"postern bundle export --since %s FILE.\n", arg)
	}
	return nil
}

// importTo imports to a remote that need not be the account's.
func importTo(ctx context.Context, p *command.Program, url, file string, limit home.Rates) (transfer.Progress, error) {
	h, err := p.Home()
	if err != nil {
		return transfer.Progress{}, err
	}
	to, err := p.Drivers.Parse(url, h)
	if err != nil {
		return transfer.Progress{}, err
	}
	if to.Volatile() {
		return transfer.Progress{}, say.Usagef("the remote %s ends with the process: import to another", to)
	}
	if brings, err := carry.BringsLogin(file); err != nil {
		return transfer.Progress{}, err
	} else if !brings {
		p.Printf("The bundle brings no login record: unless an earlier one did, the drive opens there by postern recover " +
			"and its recovery words, not by postern login.\n")
	}
	up, down, err := p.Rates(h, limit)
	if err != nil {
		return transfer.Progress{}, err
	}
	m := p.Meter()
	defer m.Clear()
	return carry.Import(gateway.Limited(ctx, up, down), h, to, file, m.Show)
}
