package command

import (
	"context"

	"github.com/spf13/cobra"

	"postern/cmd/postern/control"
)

// Listing completes a command that prints what get returns: with --json as it is, else in the way of show.
func Listing[T any](
	p *Program, cmd *cobra.Command, get func(ctx context.Context, g control.Gateway, args []string) (T, error),
	show func(all T, args []string) error,
) *cobra.Command {
	var asJSON bool
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return p.WithGateway(cmd.Context(), func(g control.Gateway) error {
			all, err := get(cmd.Context(), g, args)
			if err != nil {
				return err
			}
			if asJSON {
				return p.PrintJSON(all)
			}
			return show(all, args)
		})
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, for programs")
	return cmd
}
