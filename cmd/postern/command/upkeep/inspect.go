package upkeep

import (
	"strings"

	"github.com/spf13/cobra"

	"postern/cmd/postern/command"
	"postern/cmd/postern/control"
)

func inspect(p *command.Program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "inspect [PATH | NAME]",
		Short: "Show what a path of the drive, a blob or a pointer is",
		Long: `Describes a path of the drive ("/files/a.txt"), or the blob or pointer at the remote whose name or id is given
in 64 hex digits. Without an argument it describes the drive's own pointer. Keys are never shown.`,
		Args: command.AtMostOne("one path or name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			what := strings.Join(args, "")
			return p.WithGateway(cmd.Context(), func(g control.Gateway) error {
				facts, err := g.Inspect(cmd.Context(), what)
				if err != nil {
					return err
				}
				table := p.Table()
				for _, f := range facts {
					table.Row("%s\t%s", f.Name, f.Value)
				}
				return table.Flush()
			})
		},
	}
	cmd.AddCommand(inspectFork(p))
	return cmd
}
