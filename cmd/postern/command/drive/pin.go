package drive

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"postern/cmd/postern/command"
	"postern/cmd/postern/control"
	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
	"postern/vfs/pin"
)

func pins(p *command.Program) *cobra.Command {
	var list, remove, asJSON bool
	cmd := &cobra.Command{
		Use:   "pin PATH",
		Short: "Keep a file or folder readable offline",
		Long: `Keeps the file or folder at a path of the drive on this machine, sealed as it is at the remote, and up to
date. It returns when everything is here. If it is interrupted, a running gateway goes on by itself. A path stays pinned
when its file or folder is replaced. When a pinned folder, or one above it, is renamed or moved on this machine, the pin
follows. Spaces mounted below a pinned folder are kept as well.`,
		Args: command.AtMostOne("one path, or --list"),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case list && (remove || len(args) > 0), !list && len(args) != 1:
				return say.Usagef("postern pin wants one path, or --list alone")
			}
			var status pin.Status
			err := p.Working(cmd.Context(), func(g control.Gateway, tell control.Tell) (err error) {
				status, err = pinning(cmd.Context(), g, args, remove, tell)
				return err
			})
			if err != nil {
				return err
			}
			if asJSON {
				return p.PrintJSON(status)
			}
			return showPins(p, status)
		},
	}
	cmd.Flags().BoolVar(&list, "list", false, "list what is pinned")
	cmd.Flags().BoolVar(&remove, "remove", false, "end keeping it")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, for programs")
	return cmd
}

func pinning(
	ctx context.Context, g control.Gateway, args []string, remove bool, tell control.Tell,
) (pin.Status, error) {
	switch {
	case len(args) == 0:
		return g.Pinned(ctx)
	case remove:
		return g.Unpin(ctx, args[0])
	default:
		return g.Pin(ctx, args[0], tell)
	}
}

func showPins(p *command.Program, s pin.Status) error {
	if len(s.Paths) == 0 {
		p.Printf("Nothing is pinned.\n")
		return nil
	}
	table := p.Table()
	for _, at := range s.Paths {
		state := "here"
		switch {
		case at.Absent:
			state = "nothing lies there yet"
		case at.Missing > 0 || !at.Known:
			state = fmt.Sprintf("%s still to come", say.Plural(int64(at.Missing), "blob"))
		}
		table.Row("%s\t%s\t%s", at.Path, home.Size(at.Bytes), state)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if s.Failed != "" {
		p.Printf("not all could be fetched, and is tried again: %s\n", s.Failed)
	}
	return nil
}
