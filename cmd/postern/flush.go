package main

import (
	"github.com/spf13/cobra"

	"postern/cmd/postern/control"
)

func (p *program) flush() *cobra.Command {
	return &cobra.Command{
		Use:   "flush",
		Short: "Wait until everything is at the remote",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.withGateway(cmd.Context(), func(g control.Gateway) error { return g.Flush(cmd.Context()) })
		},
	}
}
