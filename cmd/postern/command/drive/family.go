// Package drive is the family of commands that serve the drive and work on what it serves: its state, its history, what
// is pinned and locked.
package drive

import (
	"github.com/spf13/cobra"

	"postern/cmd/postern/command"
)

// Commands returns the commands of the family. It is a command.Family.
func Commands(p *command.Program) []*cobra.Command {
	return []*cobra.Command{
		serve(p),
		status(p),
		flush(p),
		pins(p),
		command.Verbs("history", "Look at files as they were, and bring them back",
			historyList(p), historyShow(p), historyRestore(p), historyAuthors(p)),
		command.Verbs("locks", "Look at what programs have locked, and break locks that are left behind",
			locksList(p), locksBreak(p)),
	}
}
