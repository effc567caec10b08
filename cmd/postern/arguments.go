package main

import (
	"github.com/spf13/cobra"

	"postern/cmd/postern/say"
)

// exactlyOne insists on one argument, which what names.
func exactlyOne(what string) cobra.PositionalArgs { return count(1, 1, what) }

// atMostOne takes one argument or none.
func atMostOne(what string) cobra.PositionalArgs { return count(0, 1, what) }

func count(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return say.Usagef("%s takes %s: see %s --help", cmd.CommandPath(), what, cmd.CommandPath())
		}
		return nil
	}
}
