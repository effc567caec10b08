// Package account is the family of commands that make an account, bring it to this machine, and change what opens it.
package account

import (
	"github.com/spf13/cobra"

	"postern/cmd/postern/command"
)

// Commands returns the commands of the family. It is a command.Family.
func Commands(p *command.Program) []*cobra.Command {
	return []*cobra.Command{create(p), login(p), restore(p), passwd(p), devices(p)}
}
