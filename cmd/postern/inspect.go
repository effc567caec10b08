package main

import (
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"postern/cmd/postern/control"
	"postern/cmd/postern/say"
)

func (p *program) inspect() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "inspect [PATH | NAME]",
		Short: "Tell what a path of the drive, a blob or a pointer is",
		Long: `Tells what lies behind a path of the drive ("/files/a.txt"), or behind the 64 hex digits of a blob's name or a pointer's
id as they show at the remote. Without an argument: the drive's own pointer. Keys are never shown.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return say.Usagef("%s takes one path or name: see %s --help", cmd.CommandPath(), cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			what := strings.Join(args, "")
			return p.withGateway(cmd.Context(), func(g control.Gateway) error {
				facts, err := g.Inspect(cmd.Context(), what)
				if err != nil {
					return err
				}
				table := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
				for _, f := range facts {
					_, _ = say.Fprintf(table, "%s\t%s\n", f.Name, f.Value) // kept until Flush
				}
				return table.Flush()
			})
		},
	}
	cmd.AddCommand(p.inspectFork())
	return cmd
}
