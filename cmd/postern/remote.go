package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"postern/cmd/postern/gateway"
	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
	"postern/remote"
	"postern/remote/mem"
	"postern/remote/remotetest"
)

func (p *program) remote() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "remote",
		Short: "Check remotes, and copy the account between them",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	create := false
	check := &cobra.Command{
		Use:   "check URL",
		Short: "See whether a remote keeps what Postern asks of it",
		Long: `Runs the contract of remotes against one that may be in use: with fresh random blobs, which are deleted afterwards,
and fresh random pointers, which stay and take a few hundred bytes each. Nothing else there is touched. A remote that is not there is
made only with --create, and then stays.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return say.Usagef("%s takes one URL: see %s --help", cmd.CommandPath(), cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			to, err := p.drivers.Parse(args[0], home.Home(""))
			if err != nil {
				return err
			}
			return checkRemote(cmd.Context(), p.out, to, create, p.rand)
		},
	}
	check.Flags().BoolVar(&create, "create", false, "make the remote first, in an empty or missing folder")
	cmd.AddCommand(check, p.remoteCopy())
	return cmd
}

// checkRemote prints one line per part of the contract. With create an empty place becomes a remote first.
func checkRemote(ctx context.Context, out io.Writer, to gateway.Target, create bool, rand io.Reader) error {
	open, err := handles(ctx, to, create)
	if err != nil {
		return err
	}
	passed, broken := 0, 0
	err = remotetest.RunAll(ctx, open, rand, func(check remotetest.Check, err error) {
		if err != nil {
			broken++
			_, _ = say.Fprintf(out, "BROKEN  %-28s %s: %v\n", check.Name, check.Promise, err)
			return
		}
		passed++
		_, _ = say.Fprintf(out, "kept    %-28s %s\n", check.Name, check.Promise)
	})
	if err != nil && ctx.Err() != nil {
		return err
	}
	if broken > 0 {
		return say.Advisef("the remote %s breaks %s of %d: don't keep a drive there", to, say.Plural(int64(broken), "promise"), passed+broken)
	}
	if err != nil {
		return err
	}
	_, _ = say.Fprintf(out, "%s keeps all %d promises\n", to, passed)
	return nil
}

// handles opens a remote as often as it is asked. A remote in memory has to be the same one each time.
func handles(ctx context.Context, to gateway.Target, create bool) (func() (remote.Store, error), error) {
	first, err := to.Open(ctx, gateway.Opening{Founding: create})
	if err != nil {
		return nil, gateway.OrCreate(err)
	}
	if shared, ok := first.(*mem.Store); ok {
		return func() (remote.Store, error) { return shared.Another(), nil }, nil
	}
	if err := first.Close(); err != nil {
		return nil, err
	}
	lasting := context.WithoutCancel(ctx) // also a check that is broken off opens it, to clean up
	return func() (remote.Store, error) { return to.Open(lasting, gateway.Opening{}) }, nil
}
