package people

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"postern/cmd/postern/command"
	"postern/cmd/postern/control"
	"postern/cmd/postern/say"
	"postern/vfs/people"
)

// onFriend returns a command that does one thing with one person, and says what came of it.
func onFriend(
	p *command.Program, use, short, long string,
	do func(g control.Gateway, ctx context.Context, who string) (people.Friend, error), said string,
) *cobra.Command {
	return &cobra.Command{
		Use: use + " NAME", Short: short, Long: long,
		Args: command.Exactly(1, "one name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.WithGateway(cmd.Context(), func(g control.Gateway) error {
				f, err := do(g, cmd.Context(), args[0])
				if f.Name != "" {
					p.Printf(said+"\n", f.Name)
				}
				return err
			})
		},
	}
}

// inGroup adds the flag --group to a command: with it the command changes a group instead.
func inGroup(p *command.Program, cmd *cobra.Command, what, said string, in bool) *cobra.Command {
	group, without := "", cmd.RunE
	cmd.Flags().StringVar(&group, "group", "", what)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if group == "" {
			return without(cmd, args)
		}
		return p.WithGateway(cmd.Context(), func(g control.Gateway) error {
			f, err := g.GroupFriend(cmd.Context(), args[0], group, in)
			if f.Name != "" {
				p.Printf(said+"\n", f.Name, group)
			}
			return err
		})
	}
	return cmd
}

func friendAdd(p *command.Program) *cobra.Command {
	return inGroup(p, &cobra.Command{
		Use:   "add NAME | CARD",
		Short: "Ask somebody to become a friend",
		Long: `Sends a sealed request to somebody who has claimed a name at the same storage, or whose contact card you
have (postern friend card). The storage does not learn from whom it is. If they have asked already, this accepts.
Compare the fingerprint with them by another way, such as the telephone.`,
		Args: command.Exactly(1, "one name or contact card"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.WithGateway(cmd.Context(), func(g control.Gateway) error {
				f, err := g.AddFriend(cmd.Context(), args[0])
				switch {
				case f.Name == "":
				case f.State == people.IsFriend:
					p.Printf("%s is a friend now: what they share appears in /shared/%s\n", f.Name, f.Name)
				default:
					p.Printf("%s is asked; fingerprint: %s\n", f.Name, f.Fingerprint)
				}
				return err
			})
		},
	}, "put a friend into this group, to share with all in it", "%s is in the group %s", true)
}

func friendAccept(p *command.Program) *cobra.Command {
	return onFriend(p, "accept", "Accept somebody who asks",
		"Both are friends from then on. Nothing is shared until one of you shares it.",
		control.Gateway.AcceptFriend,
		"%s is a friend now")
}

// end returns what ends the relation to somebody in a way.
func end(as people.State) func(control.Gateway, context.Context, string) (people.Friend, error) {
	return func(g control.Gateway, ctx context.Context, who string) (people.Friend, error) {
		return g.EndFriend(ctx, who, as)
	}
}

func friendReject(p *command.Program) *cobra.Command {
	return onFriend(p, "reject", "Turn a request down", "The other side learns nothing of it.", end(people.Rejected),
		"the request of %s is turned down")
}

func friendRemove(p *command.Program) *cobra.Command {
	cmd := onFriend(p, "remove", "End a friendship, or take a request back",
		"Takes back all that you share with them: what is written from now on can't be opened by them.",
		end(people.Removed), "%s is removed")
	return inGroup(p, cmd, "only take them out of this group, and back what it has", "%s is no longer in the group %s",
		false)
}

func friendBlock(p *command.Program) *cobra.Command {
	return onFriend(p, "block", "Remove somebody and drop their letters",
		"Like remove; later requests of the same account are dropped unread.",
		end(people.Blocked), "%s is blocked")
}

func friendTrust(p *command.Program) *cobra.Command {
	return onFriend(p, "trust", "Accept that a name belongs to another key now",
		"Compare the new fingerprint with your friend first.",
		control.Gateway.TrustFriend,
		"the new key of %s is trusted")
}

func friendCard(p *command.Program) *cobra.Command {
	return &cobra.Command{
		Use:   "card",
		Short: "Print a contact card, for people who can't find you by name",
		Long: `Prints one line with all that is needed to ask you: give it to people who do not use the same storage, or
if you have claimed no name. It holds no secret.`,
		Args: command.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.WithGateway(cmd.Context(), func(g control.Gateway) error {
				me, err := g.Me(cmd.Context())
				if err == nil {
					p.Printf("%s\n", me.Card)
					p.Warnf("fingerprint: %s\n", me.Fingerprint)
				}
				return err
			})
		},
	}
}

func friendList(p *command.Program) *cobra.Command {
	return command.Listing(p, &cobra.Command{
		Use:   "list",
		Short: "List friends and requests",
		Args:  command.NoArgs,
	}, func(ctx context.Context, g control.Gateway, _ []string) ([]people.Friend, error) {
		all, err := g.Friends(ctx)
		return append([]people.Friend{}, all...), err
	}, func(all []people.Friend, _ []string) error { return showFriends(p, all) })
}

func showFriends(p *command.Program, all []people.Friend) error {
	if len(all) == 0 {
		p.Printf("Nobody yet: postern friend add NAME asks somebody.\n")
	}
	table := p.Table()
	for _, f := range all {
		state := string(f.State)
		if f.State == people.Asks {
			state = "asks (accept or reject)"
		}
		table.Row("%s\t%s\t%s%s", f.Name, state, f.Fingerprint,
			say.IfElse(f.Called == f.Name || f.Called == "", "", "  calls themselves "+f.Called)+
				say.IfElse(len(f.Groups) == 0, "", "  in "+strings.Join(f.Groups, ", ")))
	}
	return table.Flush()
}
