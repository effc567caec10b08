// Package upkeep is the family of commands that inspect the drive and maintain it: they show what lies at the remote,
// delete garbage, and check that everything can be read.
package upkeep

import (
	"github.com/spf13/cobra"

	"postern/cmd/postern/command"
)

// Commands returns the commands of the family. It is a command.Family.
func Commands(p *command.Program) []*cobra.Command {
	return []*cobra.Command{inspect(p), collect(p), check(p)}
}
