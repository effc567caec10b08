// Package upkeep is the family of commands that look into the drive and keep it in order: what lies at the remote, what
// of it is needed, whether all of it can be read.
package upkeep

import (
	"github.com/spf13/cobra"

	"postern/cmd/postern/command"
)

// Commands returns the commands of the family. It is a command.Family.
func Commands(p *command.Program) []*cobra.Command {
	return []*cobra.Command{inspect(p), collect(p), check(p)}
}
