package account

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"postern/cmd/postern/command"
	"postern/cmd/postern/control"
	"postern/cmd/postern/say"
	"postern/vfs/people"
)

// devices is the command devices.
func devices(p *command.Program) *cobra.Command {
	cmd := command.Listing(p, &cobra.Command{
		Use:   "devices",
		Short: "List the machines that open this account's drive",
		Long: `Lists the machines that open this account's drive, and the day on which each was last in use. A machine appears
once it has shared something there, or once this command ran on it.`,
		Args: command.NoArgs,
	}, func(ctx context.Context, g control.Gateway, _ []string) ([]people.Device, error) {
		return g.Devices(ctx)
	}, func(all []people.Device, _ []string) error {
		table := p.Table()
		for _, d := range all {
			table.Row("%s\t%s%s", d.Name, d.Seen.Local().Format(time.DateOnly), say.IfElse(d.Own, "  (this one)", ""))
		}
		return table.Flush()
	})
	cmd.AddCommand(&cobra.Command{
		Use:   "rename OLD NEW",
		Short: "Give this machine another name",
		Long:  "Gives this machine another name. New versions of files show it once the gateway has started again.",
		Args:  command.Exactly(2, "the old and the new name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.WithGateway(cmd.Context(), func(g control.Gateway) error {
				err := g.RenameDevice(cmd.Context(), control.RenameOrder{From: args[0], To: args[1]})
				if err == nil {
					p.Printf("%s is now called %s\n", args[0], args[1])
				}
				return err
			})
		},
	})
	return cmd
}
