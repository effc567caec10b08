package main

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"postern/cmd/postern/control"
	"postern/dav/lock"
)

func (p *program) locks() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "locks",
		Short: "Look at what programs have locked, and break locks that are left behind",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var asJSON bool
	list := &cobra.Command{
		Use:   "list",
		Short: "List the locks that programs hold",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.withGateway(cmd.Context(), func(g control.Gateway) error {
				all, err := g.Locks(cmd.Context())
				if err != nil {
					return err
				}
				if asJSON {
					return p.printJSON(append([]control.Lock{}, all...))
				}
				return p.showLocks(all)
			})
		},
	}
	list.Flags().BoolVar(&asJSON, "json", false, "print JSON, for programs")
	cmd.AddCommand(list, &cobra.Command{
		Use:   "break PATH | TOKEN",
		Short: "End the locks on a path, or that of a token, whoever took them",
		Long: `Ends locks that a program left behind, so that others can write again. A program that still works on the file is refused at its
next write, and should be closed before.`,
		Args: exactlyOne("one path or token"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withGateway(cmd.Context(), func(g control.Gateway) error {
				broken, err := g.Break(cmd.Context(), args[0])
				for _, l := range broken {
					p.printf("broken: the lock on %s%s\n", l.Path, ifElse(l.Owner == "", "", " of "+l.Owner))
				}
				return err
			})
		},
	})
	return cmd
}

func (p *program) showLocks(all []control.Lock) error {
	if len(all) == 0 {
		p.printf("Nothing is locked.\n")
	}
	table := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	for _, l := range all {
		_, _ = fmt.Fprintf(table, "%s%s\t%s\tuntil %s\t%s\t%s\n", l.Path, ifElse(l.Beneath, " and all beneath", ""), ifElse(l.Shared, "shared", "exclusive"),
			l.Expires.Local().Format(time.DateTime), l.Token, l.Owner) // kept until Flush
	}
	return table.Flush()
}

// Locks implements control.Locksmith.
func (g *gateway) Locks(context.Context) ([]control.Lock, error) {
	var all []control.Lock
	for _, l := range g.locks.All() {
		all = append(all, shown(l))
	}
	return all, nil
}

// Break implements control.Locksmith.
func (g *gateway) Break(_ context.Context, what string) (broken []control.Lock, err error) {
	path := lock.Key(clean(what))
	for _, l := range g.locks.All() {
		if l.Token != what && lock.Key(clean(l.Root)) != path {
			continue
		}
		if err := g.locks.Break(l.Token); err != nil {
			return broken, err
		}
		broken = append(broken, shown(l))
	}
	if len(broken) == 0 {
		return nil, advisef("there is no lock on %q, and none of that token: postern locks list tells them", what)
	}
	return broken, nil
}

func shown(l lock.Lock) control.Lock {
	return control.Lock{Path: l.Root, Token: l.Token, Owner: ownerText(l.OwnerXML), Shared: l.Shared, Beneath: !l.ZeroDepth, Expires: l.Expires}
}

// ownerText is the text in the XML by which a program says whose lock it is, made safe for a terminal.
func ownerText(inner string) string {
	var text strings.Builder
	for tokens := xml.NewDecoder(strings.NewReader(inner)); ; {
		token, err := tokens.Token()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				return ""
			}
			break
		}
		if data, ok := token.(xml.CharData); ok {
			text.Write(data)
		}
	}
	words := strings.Join(strings.Fields(text.String()), " ")
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return -1
		}
		return r
	}, words)
}
