package command

import (
	"math"

	"github.com/spf13/cobra"

	"postern/cmd/postern/say"
)

// NoArgs rejects arguments with one sentence.
func NoArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return say.Usagef("%s takes no argument, and %q is one: see %s --help", cmd.CommandPath(), args[0], cmd.CommandPath())
	}
	return nil
}

// Exactly insists on n arguments. The sentence for any other number names them as what, such as "two URLs".
func Exactly(n int, what string) cobra.PositionalArgs { return between(n, n, what) }

// AtMostOne accepts one argument or none.
func AtMostOne(what string) cobra.PositionalArgs { return between(0, 1, what) }

// AtLeast accepts n arguments or more.
func AtLeast(n int, what string) cobra.PositionalArgs { return between(n, math.MaxInt, what) }

func between(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return say.Usagef("%s takes %s: see %s --help", cmd.CommandPath(), what, cmd.CommandPath())
		}
		return nil
	}
}
