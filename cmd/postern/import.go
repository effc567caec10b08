package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"postern/cmd/postern/control"
	"postern/cmd/postern/gateway"
	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
	"postern/remote/bundle"
	"postern/remote/localfs"
	"postern/remote/transfer"
	"postern/remote/verify"
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
			p.printf("%s: %s, %s came; already there: %s.\n", args[0], say.Plural(at.Copied, "blob"), home.Size(at.CopiedBytes), say.Plural(at.Skipped, "blob"))
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
	to, err := p.drivers.Parse(url, h)
	if err != nil {
		return at, err
	}
	if to.Volatile() {
		return at, say.Usagef("the remote %s ends with the process: import to another", to)
	}
	if err := p.announceLogin(file); err != nil {
		return at, err
	}
	store, err := gateway.OpenRemote(ctx, gateway.HoldOptions{Home: h, To: to, Founding: true}, &verify.MemoryPins{})
	if err != nil {
		return at, err
	}
	defer func() { err = say.Closing(err, store.Close) }()
	return gateway.ImportFile(ctx, store, file, bundle.ImportOptions{Progress: control.Carried("imported", tell)})
}

// announceLogin says how the drive opens where a bundle is taken, if the bundle brings no login record.
func (p *program) announceLogin(path string) error {
	file, err := localfs.OpenRegular(path)
	if err != nil {
		return fmt.Errorf("can't read the bundle: %w", err)
	}
	defer func() { _ = file.Close() }() // only read from
	reader, err := bundle.NewReader(file)
	if err != nil || len(reader.Contents().Pointers) > 1 {
		return nil //nolint:nilerr // the import says what is wrong with the bundle
	}
	p.printf("The bundle brings no login record: unless an earlier one did, the drive opens there by postern recover and its recovery words, " +
		"not by postern login.\n")
	return nil
}
