package main

import (
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"postern/cmd/postern/control"
	"postern/cmd/postern/say"
)

func (p *program) locks() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "locks",
		Short: "Look at what programs have locked, and break locks that are left behind",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var asJSON bool
	list := &cobra.Command{
		Use:   "list",
		Short: "List the locks that programs hold",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.withGateway(cmd.Context(), func(g control.Gateway) error {
				all, err := g.Locks(cmd.Context())
				if err != nil {
					return err
				}
				if asJSON {
					return p.printJSON(append([]control.Lock{}, all...))
				}
				return p.showLocks(all)
			})
		},
	}
	list.Flags().BoolVar(&asJSON, "json", false, "print JSON, for programs")
	cmd.AddCommand(list, &cobra.Command{
		Use:   "break PATH | TOKEN",
		Short: "End the locks on a path, or that of a token, whoever took them",
		Long: `Ends locks that a program left behind, so that others can write again. A program that still works on the file is refused at its
next write, and should be closed before.`,
		Args: exactlyOne("one path or token"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withGateway(cmd.Context(), func(g control.Gateway) error {
				broken, err := g.Break(cmd.Context(), args[0])
				for _, l := range broken {
					p.printf("broken: the lock on %s%s\n", l.Path, say.IfElse(l.Owner == "", "", " of "+l.Owner))
				}
				return err
			})
		},
	})
	return cmd
}

func (p *program) showLocks(all []control.Lock) error {
	if len(all) == 0 {
		p.printf("Nothing is locked.\n")
	}
	table := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	for _, l := range all {
		_, _ = say.Fprintf(table, "%s%s\t%s\tuntil %s\t%s\t%s\n", l.Path, say.IfElse(l.Beneath, " and all beneath", ""), say.IfElse(l.Shared, "shared", "exclusive"),
			l.Expires.Local().Format(time.DateTime), l.Token, l.Owner) // kept until Flush
	}
	return table.Flush()
}
