package upkeep

import (
	"github.com/spf13/cobra"

	"postern/cmd/postern/command"
	"postern/cmd/postern/control"
	"postern/cmd/postern/say"
)

func inspectFork(p *command.Program) *cobra.Command {
	var accept bool
	cmd := &cobra.Command{
		Use:   "fork",
		Short: "Compare what the remote shows with what this device has seen, and get out of a rollback",
		Long: `A remote that shows an older state than before, or another history, is rejected: the drive accepts no
changes until the remote is as it was. Try that first: restore the remote from its newest copy.

If there is none, --accept takes the state that the remote shows now. Changes that are not at the remote yet stay in the
journal and are merged with it, as with changes of another device. Files that the
remote had before and lacks now are kept in a folder /files/kept-TIME, as far as the remote or this device still has
them. Each other device has to accept for itself.`,
		Args: command.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.WithGateway(cmd.Context(), func(g control.Gateway) error {
				fork, err := g.Fork(cmd.Context(), accept)
				if err != nil {
					return err
				}
				table := p.Table()
				for _, f := range fork.Facts {
					table.Row("%s\t%s", f.Name, f.Value)
				}
				if err := table.Flush(); err != nil {
					return err
				}
				if fork.Trouble && !fork.Accepted {
					return say.Advisef("the remote does not show what it showed before: restore it from its newest copy; if there " +
						"is none, postern inspect fork --accept takes it as it is")
				}
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&accept, "accept", false, "take what the remote shows for the truth from now on")
	return cmd
}
