// Package people is the family of commands about other people: friends, shared folders and secret links, and the name
// by which others find this account.
package people

import (
	"github.com/spf13/cobra"

	"postern/cmd/postern/command"
)

// Commands returns the commands of the family. It is a command.Family.
func Commands(p *command.Program) []*cobra.Command {
	return []*cobra.Command{
		command.Verbs("name", "Claim a name by which friends find you", nameClaim(p), nameShow(p)),
		command.Verbs("friend", "Ask people to become friends, and answer those who ask",
			friendAdd(p), friendAccept(p), friendReject(p), friendList(p), friendRemove(p), friendBlock(p), friendTrust(p),
			friendCard(p)),
		share(p),
		unshare(p),
		command.Verbs("link", "Give out secret links to folders, and open those of others",
			linkCreate(p), linkOpen(p), linkList(p), linkRevoke(p)),
	}
}
