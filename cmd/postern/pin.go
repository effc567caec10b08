package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"postern/cmd/postern/control"
	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
	"postern/vfs/pin"
)

func (p *program) pin() *cobra.Command {
	var list, remove, asJSON bool
	cmd := &cobra.Command{
		Use:   "pin PATH",
		Short: "Keep a file or folder readable offline",
		Long: `Keeps what lies at a path of the drive on this machine, sealed as it is at the remote, and keeps it up to date. It returns when all of it
is here; broken off, a running gateway goes on by itself. A path stays pinned when what lies there is replaced. When a pinned folder, or one
above it, is renamed on this machine, its pin goes with it.`,
		Args: atMostOne("one path, or --list"),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case list && (remove || len(args) > 0), !list && len(args) != 1:
				return say.Usagef("postern pin wants one path, or --list alone")
			}
			var status pin.Status
			m := p.meter()
			err := p.withGateway(cmd.Context(), func(g control.Gateway) (err error) {
				status, err = pinning(cmd.Context(), g, args, remove, m.tell)
				return err
			})
			m.done()
			if err != nil {
				return err
			}
			if asJSON {
				return p.printJSON(status)
			}
			return p.showPins(status)
		},
	}
	cmd.Flags().BoolVar(&list, "list", false, "tell what is pinned")
	cmd.Flags().BoolVar(&remove, "remove", false, "end keeping it")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, for programs")
	return cmd
}

func pinning(ctx context.Context, g control.Gateway, args []string, remove bool, tell control.Tell) (pin.Status, error) {
	switch {
	case len(args) == 0:
		return g.Pinned(ctx)
	case remove:
		return g.Unpin(ctx, args[0])
	default:
		return g.Pin(ctx, args[0], tell)
	}
}

func (p *program) showPins(s pin.Status) error {
	if len(s.Paths) == 0 {
		p.printf("Nothing is pinned.\n")
		return nil
	}
	table := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	for _, at := range s.Paths {
		state := "here"
		switch {
		case at.Absent:
			state = "nothing lies there yet"
		case at.Missing > 0 || !at.Known:
			state = fmt.Sprintf("%s still to come", say.Plural(int64(at.Missing), "blob"))
		}
		_, _ = say.Fprintf(table, "%s\t%s\t%s\n", at.Path, home.Size(at.Bytes), state) // kept until Flush
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if s.Failed != "" {
		p.printf("not all could be fetched, and is tried again: %s\n", s.Failed)
	}
	return nil
}
