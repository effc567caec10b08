// Package mount is the family of commands that have this machine use the drive: as a folder, and with its certificate
// trusted.
package mount

import (
	"github.com/spf13/cobra"

	"postern/cmd/postern/command"
)

// Commands returns the commands of the family. It is a command.Family.
func Commands(p *command.Program) []*cobra.Command {
	return []*cobra.Command{mounting(p), trusting(p)}
}
