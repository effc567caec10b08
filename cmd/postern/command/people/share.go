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

func share(p *command.Program) *cobra.Command {
	var write bool
	cmd := &cobra.Command{
		Use:   "share PATH NAME…",
		Short: "Share a file or folder with friends",
		Long: `Shares the file or folder at a path below /files with friends, or with all of them (friends). It appears in
their drives as /shared/YOU/NAME within half a minute. Nothing is uploaded again. With --write they can change it, too.
Everybody who gets it sees its history from now on.`,
		Args: command.AtLeast(2, "a path and at least one name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.WithGateway(cmd.Context(), func(g control.Gateway) error {
				s, err := g.Share(cmd.Context(), control.ShareOrder{Path: args[0], With: args[1:], Write: write})
				if s.Path != "" {
					p.Printf("%s is shared with %s\n", s.Path, grants(s))
				}
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&write, "write", false, "they may also change it")
	cmd.AddCommand(shareList(p), shareLeave(p))
	return cmd
}

// grants returns with whom something is shared, as a part of a sentence.
func grants(s people.Share) string {
	var all []string
	for _, g := range s.With {
		all = append(all, g.To+" ("+say.IfElse(g.Write, "may write", "reads")+
			say.IfElse(g.Waiting, ", waits for an answer", "")+")")
	}
	return strings.Join(all, ", ")
}

func shareList(p *command.Program) *cobra.Command {
	return command.Listing(p, &cobra.Command{
		Use:   "list",
		Short: "List what you share, and what others share with you",
		Args:  command.NoArgs,
	}, func(ctx context.Context, g control.Gateway, _ []string) (people.Shares, error) {
		return g.Shares(ctx)
	}, func(all people.Shares, _ []string) error {
		if len(all.Mine)+len(all.Theirs) == 0 {
			p.Printf("Nothing is shared: postern share PATH NAME shares a folder.\n")
		}
		table := p.Table()
		for _, s := range all.Mine {
			table.Row("%s\tshared with %s", s.Path, grants(s))
		}
		for _, s := range all.Theirs {
			table.Row("%s\tof %s, %s", s.Path, s.Owner, say.IfElse(s.Write, "you may write", "read-only"))
		}
		return table.Flush()
	})
}

func shareLeave(p *command.Program) *cobra.Command {
	return &cobra.Command{
		Use:   "leave PATH",
		Short: "Remove a folder that a friend shares from your drive",
		Args:  command.Exactly(1, "one path below /shared"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.WithGateway(cmd.Context(), func(g control.Gateway) error {
				if err := g.LeaveShare(cmd.Context(), args[0]); err != nil {
					return err
				}
				p.Printf("%s is gone from your drive\n", args[0])
				return nil
			})
		},
	}
}

func unshare(p *command.Program) *cobra.Command {
	return &cobra.Command{
		Use:   "unshare PATH [NAME…]",
		Short: "Stop sharing a folder, with everybody or with some",
		Long: `Takes a shared folder back from the friends named, or from all. What is written from then on can't be
opened by them. They may have kept what they could read until now.`,
		Args: command.AtLeast(1, "a path, and the names to take it back from"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.WithGateway(cmd.Context(), func(g control.Gateway) error {
				s, err := g.Unshare(cmd.Context(), control.ShareOrder{Path: args[0], With: args[1:]})
				if err != nil {
					return err
				}
				if len(s.With) == 0 {
					p.Printf("%s is not shared any more\n", args[0])
				} else {
					p.Printf("%s is still shared with %s\n", args[0], grants(s))
				}
				return nil
			})
		},
	}
}
