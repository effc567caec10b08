package drive

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"postern/cmd/postern/command"
	"postern/cmd/postern/control"
	"postern/cmd/postern/say"
)

func locksList(p *command.Program) *cobra.Command {
	return command.Listing(p, &cobra.Command{
		Use:   "list",
		Short: "List the locks that programs hold",
		Args:  command.NoArgs,
	}, func(ctx context.Context, g control.Gateway, _ []string) ([]control.Lock, error) {
		all, err := g.Locks(ctx)
		return append([]control.Lock{}, all...), err
	}, func(all []control.Lock, _ []string) error { return showLocks(p, all) })
}

func locksBreak(p *command.Program) *cobra.Command {
	return &cobra.Command{
		Use:   "break PATH | TOKEN",
		Short: "End the locks on a path, or the lock of a token, of any user",
		Long: `Ends locks that a program left behind, so that others can write again. A program that still works on the
file is refused at its next write, and should be closed before.`,
		Args: command.Exactly(1, "one path or token"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.WithGateway(cmd.Context(), func(g control.Gateway) error {
				broken, err := g.Break(cmd.Context(), args[0])
				for _, l := range broken {
					p.Printf("broken: the lock on %s%s\n", l.Path, say.IfElse(l.Owner == "", "", " of "+l.Owner))
				}
				return err
			})
		},
	}
}

func showLocks(p *command.Program, all []control.Lock) error {
	if len(all) == 0 {
		p.Printf("Nothing is locked.\n")
	}
	table := p.Table()
	for _, l := range all {
		table.Row("%s%s\t%s\tuntil %s\t%s\t%s", l.Path, say.IfElse(l.Beneath, " and all beneath", ""),
			say.IfElse(l.Shared, "shared", "exclusive"),
			l.Expires.Local().Format(time.DateTime), l.Token, l.Owner)
	}
	return table.Flush()
}
