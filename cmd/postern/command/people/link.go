package people

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postern/cmd/postern/command"
	"postern/cmd/postern/control"
	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
	"postern/crypto"
	"postern/vfs/people"
)

func linkCreate(p *command.Program) *cobra.Command {
	var o control.LinkOrder
	var expires home.Span
	var password bool
	var file string
	var uses int
	cmd := &cobra.Command{
		Use:   "create PATH",
		Short: "Make a secret link to a folder",
		Long: `Prints a link. Whoever has it can open the folder with Postern: postern link open; in a browser, too, if a
gateway serves a page for that (postern serve --link-page) and links.url in config.toml says where others reach it. The
secret is behind the # and reaches no server. It expires when your gateway runs after that time.`,
		Args: command.Exactly(1, "one path"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if uses != 0 {
				return say.Usagef("--uses needs a storage node that counts: a plain folder or bucket can't; use --expires")
			}
			o.Path, o.Expires = args[0], time.Duration(expires)
			if password {
				var err error
				if o.Password, err = p.ReadSecret(cmd.Context(), linkPassword(file)); err != nil {
					return err
				}
			}
			return p.WithGateway(cmd.Context(), func(g control.Gateway) error {
				l, err := g.CreateLink(cmd.Context(), o)
				if err == nil {
					p.Printf("%s\n", l.URL)
				}
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&o.Write, "write", false, "whoever has the link may also change the folder")
	cmd.Flags().BoolVar(&password, "password", false, "ask for a password that the link needs, too")
	cmd.Flags().StringVar(&file, "password-file", "", "file that holds the password of --password")
	cmd.Flags().Var(&expires, "expires", "when the link ends, such as 7d (default: never)")
	cmd.Flags().IntVar(&uses, "uses", 0, "how often it can be opened; storage nodes only")
	return cmd
}

// linkPassword says where the password of a link may come from.
func linkPassword(file string) command.Secret {
	return command.Secret{What: "password of the link", Variable: "POSTERN_LINK_PASSWORD", Flag: "password-file",
		File: file, Prompt: "Password of the link: "}
}

func linkOpen(p *command.Program) *cobra.Command {
	var password bool
	var file string
	cmd := &cobra.Command{
		Use:   "open URL",
		Short: "Show what a secret link leads to in /shared/links",
		Long: `Shows the folder that somebody's secret link leads to below /shared/links, until postern share leave. Other
users of this machine may see the arguments of commands: with - in place of the URL, the link is read from the input.`,
		Args: command.Exactly(1, "one link, or -"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			o := control.OpenOrder{URL: args[0]}
			if o.URL == "-" {
				line, err := bufio.NewReader(io.LimitReader(p.In, maxLink)).ReadString('\n')
				if err != nil && !errors.Is(err, io.EOF) {
					return err
				}
				o.URL = strings.TrimSpace(line)
			}
			if l, err := crypto.ParseLink(o.URL); err == nil && l.Password || password {
				if o.Password, err = p.ReadSecret(cmd.Context(), linkPassword(file)); err != nil {
					return err
				}
			}
			return p.WithGateway(cmd.Context(), func(g control.Gateway) error {
				path, err := g.OpenLink(cmd.Context(), o)
				if err == nil {
					p.Printf("%s\n", path)
				}
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&password, "password", false, "ask for the link's password")
	cmd.Flags().StringVar(&file, "password-file", "", "file that holds the link's password")
	return cmd
}

// maxLink is the most that is read of the input for a link, in bytes.
const maxLink = 1024

func linkList(p *command.Program) *cobra.Command {
	return command.Listing(p, &cobra.Command{
		Use:   "list",
		Short: "List your secret links",
		Args:  command.NoArgs,
	}, func(ctx context.Context, g control.Gateway, _ []string) ([]people.Link, error) {
		return g.Links(ctx)
	}, func(all []people.Link, _ []string) error {
		if len(all) == 0 {
			p.Printf("There are no links: postern link create PATH makes one.\n")
		}
		table := p.Table()
		for _, l := range all {
			until := "for ever"
			if !l.Expires.IsZero() {
				until = "until " + l.Expires.Local().Format(time.DateTime)
			}
			table.Row("%s\t%s\t%s\t%s", l.ID, l.Path, until, l.URL)
		}
		return table.Flush()
	})
}

func linkRevoke(p *command.Program) *cobra.Command {
	return &cobra.Command{
		Use:   "revoke ID",
		Short: "End a secret link",
		Args:  command.Exactly(1, "the id of one link: postern link list shows it"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.WithGateway(cmd.Context(), func(g control.Gateway) error {
				if err := g.RevokeLink(cmd.Context(), args[0]); err != nil {
					return err
				}
				p.Printf("the link is ended\n")
				return nil
			})
		},
	}
}
