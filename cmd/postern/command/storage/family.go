// Package storage is the family of commands about remotes: checking them, and carrying the drive between them, directly
// or in a file.
package storage

import (
	"github.com/spf13/cobra"

	"postern/cmd/postern/command"
)

// Commands returns the commands of the family. It is a command.Family.
func Commands(p *command.Program) []*cobra.Command {
	return []*cobra.Command{
		command.Verbs("remote", "Check remotes, and copy the account between them", check(p), duplicate(p)),
		command.Verbs("bundle", "Carry the drive, or what changed in it, in a file", export(p), importing(p)),
	}
}
