package storage

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"postern/cmd/postern/command"
	"postern/cmd/postern/gateway"
	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
	"postern/remote"
	"postern/remote/mem"
	"postern/remote/remotetest"
)

func check(p *command.Program) *cobra.Command {
	create := false
	cmd := &cobra.Command{
		Use:   "check URL",
		Short: "Check that a remote keeps the promises that Postern relies on",
		Long: `Runs the contract of remotes against a remote, even one in use. It puts random blobs, which it deletes
afterwards, and random pointers, which stay and take a few hundred bytes each. It changes nothing else there. A missing
remote is made only with --create, and then stays.`,
		Args: command.Exactly(1, "one URL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			to, err := p.Drivers.Parse(args[0], home.Home(""))
			if err != nil {
				return err
			}
			return checkRemote(cmd.Context(), p, to, create)
		},
	}
	cmd.Flags().BoolVar(&create, "create", false, "make the remote first, in an empty or missing folder")
	return cmd
}

// checkRemote prints one line per part of the contract. With create an empty place becomes a remote first.
func checkRemote(ctx context.Context, p *command.Program, to gateway.Target, create bool) error {
	open, err := handles(ctx, to, create)
	if err != nil {
		return err
	}
	passed, broken := 0, 0
	err = remotetest.RunAll(ctx, open, p.Rand, func(check remotetest.Check, err error) {
		if err != nil {
			broken++
			p.Printf("BROKEN  %-28s %s: %v\n", check.Name, check.Promise, err)
			return
		}
		passed++
		p.Printf("kept    %-28s %s\n", check.Name, check.Promise)
	})
	if err != nil && ctx.Err() != nil {
		return err
	}
	if broken > 0 {
		return say.Advisef("the remote %s breaks %s of %d: don't keep a drive there",
			to, say.Plural(int64(broken), "promise"), passed+broken)
	}
	if err != nil {
		return err
	}
	p.Printf("%s keeps all %d promises\n", to, passed)
	return nil
}

// watchEvery is the time between two looks at a watched disk. A check waits for several hints, one after another.
const watchEvery = 50 * time.Millisecond

// handles returns a function that opens a remote each time it is called. A remote in memory is the same one each time.
func handles(ctx context.Context, to gateway.Target, create bool) (func() (remote.Store, error), error) {
	first, err := to.Open(ctx, gateway.Opening{Founding: create, WatchEvery: watchEvery})
	if err != nil {
		return nil, gateway.OrCreate(err)
	}
	if shared, ok := first.(*mem.Store); ok {
		return func() (remote.Store, error) { return shared.Another(), nil }, nil
	}
	if err := first.Close(); err != nil {
		return nil, err
	}
	lasting := context.WithoutCancel(ctx) // an interrupted check opens it once more, to clean up
	return func() (remote.Store, error) { return to.Open(lasting, gateway.Opening{WatchEvery: watchEvery}) }, nil
}
