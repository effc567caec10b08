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

type checkFlags struct {
	create, json bool
	limit        home.Rates
}

func check(p *command.Program) *cobra.Command {
	var f checkFlags
	cmd := &cobra.Command{
		Use:   "check URL",
		Short: "Check that a remote keeps the promises that Postern relies on, and how fast it is",
		Long: `Runs the contract of remotes against a remote, even one in use, and reports what the remote can do, how long small
calls take, and how fast blobs go up and come down. It puts random blobs, at most 80 MiB, which it deletes afterwards,
and random pointers, which stay and take a few hundred bytes each. It changes nothing else there. If there is no remote
yet, it is made and stays; in a folder, which may be that of a disk that is not mounted, only with --create.`,
		Args: command.Exactly(1, "one URL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			to, err := p.Drivers.Parse(args[0], home.Home(""))
			if err != nil {
				return err
			}
			return checkRemote(gateway.Limited(cmd.Context(), f.limit, f.limit), p, to, f)
		},
	}
	cmd.Flags().BoolVar(&f.create, "create", false,
		"make the remote first, in an empty or missing folder; in a bucket it is always made")
	cmd.Flags().Var(&f.limit, "limit", "most bytes a second in each direction, such as 10MiB/s (default: no limit)")
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON, for programs")
	return cmd
}

// checkRemote prints one line per part of the contract, and then what the remote can do. With f.create, or over the
// network, an empty place becomes a remote first.
func checkRemote(ctx context.Context, p *command.Program, to gateway.Target, f checkFlags) error {
	at := &examined{Remote: to.String()}
	open, err := handles(ctx, to, f.create || to.Network(), at.look)
	if err != nil {
		return err
	}
	sayf := p.Printf
	if f.json {
		sayf = func(string, ...any) {}
	}
	err = remotetest.RunAll(ctx, open, p.Rand, func(check remotetest.Check, err error) {
		at.add(check, err)
		if err != nil {
			sayf("BROKEN  %-28s %s: %v\n", check.Name, check.Promise, err)
			return
		}
		sayf("kept    %-28s %s\n", check.Name, check.Promise)
	})
	if err != nil && ctx.Err() != nil {
		return err
	}
	broken := at.broken()
	if err != nil && broken == 0 {
		return err
	}
	if err := at.measure(ctx, p, open); err != nil {
		return err
	}
	if f.json {
		if err := p.PrintJSON(at); err != nil {
			return err
		}
	} else {
		at.show(p)
	}
	if broken > 0 {
		return say.Advisef("the remote %s breaks %s of %d: don't keep a drive there",
			to, say.Plural(int64(broken), "promise"), len(at.Promises))
	}
	sayf("%s keeps all %d promises\n", to, len(at.Promises))
	return nil
}

// watchEvery is the time between two looks at a watched disk. A check waits for several hints, one after another.
const watchEvery = 50 * time.Millisecond

// handles returns a function that opens a remote each time it is called. A remote in memory is the same one each time.
// opened gets each driver that is opened.
func handles(
	ctx context.Context, to gateway.Target, create bool, opened func(remote.Store),
) (func() (remote.Store, error), error) {
	first, err := to.Open(ctx, gateway.Opening{Founding: create, WatchEvery: watchEvery, Opened: opened})
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
	return func() (remote.Store, error) {
		return to.Open(lasting, gateway.Opening{WatchEvery: watchEvery, Opened: opened})
	}, nil
}
