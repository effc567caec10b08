package main

import (
	"context"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"postern/cmd/postern/control"
	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
	"postern/vfs/layout"
)

func (p *program) history() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "history",
		Short: "Look at files as they were, and bring them back",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.historyList(), p.historyShow(), p.historyRestore())
	return cmd
}

func (p *program) historyList() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list [PATH]",
		Short: "List the states that are kept, or the earlier versions of a file or folder",
		Long: `Lists the states of the drive that are kept, or, with a path such as /files/letters/a.txt, those in which it was another than it became;
the newest first. Times in paths are UTC. How much is kept is set by history.all, history.hourly and history.daily.`,
		Args: atMostOne("one path"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var all []control.Version
			err := p.withGateway(cmd.Context(), func(g control.Gateway) (err error) {
				all, err = g.Versions(cmd.Context(), strings.Join(args, ""))
				return err
			})
			if err != nil {
				return err
			}
			if len(all) == 0 && len(args) > 0 && !asJSON {
				p.printf("%s has been like this for as long as the history goes back.\n", args[0])
				return nil
			}
			return p.showVersions(all, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, for programs")
	return cmd
}

func (p *program) historyShow() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show PATH",
		Short: "Show a file as it was, or what lay in a folder",
		Long: `Writes the bytes of a file of the history, such as "/history/2026-11-20 09.15.00/letters/a.txt", to the output, or lists a folder.
postern history list tells the paths.`,
		Args: exactlyOne("one path"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withGateway(cmd.Context(), func(g control.Gateway) error {
				all, err := g.List(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if len(all) == 1 && all[0].Path == layout.Clean(args[0]) && !all[0].Folder && !asJSON {
					return g.Read(cmd.Context(), args[0], p.out)
				}
				return p.showVersions(all, asJSON)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, for programs")
	return cmd
}

func (p *program) historyRestore() *cobra.Command {
	var to string
	var force bool
	cmd := &cobra.Command{
		Use:   "restore PATH",
		Short: "Bring back a file or folder of the history",
		Long: `Copies a file or folder of the history, such as "/history/2026-11-20 09.15.00/letters/a.txt", to where it was, by reference, so that it
costs nothing whatever its size. With a path such as /files/letters/a.txt its newest earlier version comes back. What is there is replaced only
with --force, and is in the history then.`,
		Args: exactlyOne("one path"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withGateway(cmd.Context(), func(g control.Gateway) error { return p.restore(cmd.Context(), g, args[0], to, force) })
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "path of the drive to copy to, such as /files/old.txt (default: where it was)")
	cmd.Flags().BoolVar(&force, "force", false, "replace what is there")
	return cmd
}

func (p *program) restore(ctx context.Context, g control.Gateway, from, to string, force bool) error {
	from = layout.Clean(from)
	if own, ok := layout.CutFiles(from); ok && own != "" {
		if to == "" {
			to = from
		}
		versions, err := g.Versions(ctx, from)
		if err != nil {
			return err
		}
		if len(versions) == 0 {
			return say.Advisef("the history has no other version of %s: postern history list shows what it has", from)
		}
		from = versions[0].Path
	}
	state, within, ok := layout.CutState(from)
	switch {
	case !ok:
		return say.Usagef("%s is no path of the history, such as %s: postern history list lists them", from, layout.InState("2026-11-20 09.15.00", "/letters/a.txt"))
	case to == "" && within == "":
		return say.Usagef("%s is the whole drive as it was: name a file or folder in it, or a new folder to copy it to with --to", from)
	case to == "":
		to = layout.Files + within
	}
	to = layout.Clean(to)
	if own, ok := layout.CutFiles(to); !ok || own == "" {
		return say.Usagef("%s is not below %s: name another place with --to", to, layout.Files)
	}
	if err := g.Restore(ctx, from, to, force); err != nil {
		return err
	}
	p.printf("%s is back, as of %s.\n", to, state)
	return nil
}

func (p *program) showVersions(all []control.Version, asJSON bool) error {
	if asJSON {
		if all == nil {
			all = []control.Version{}
		}
		return p.printJSON(all)
	}
	table := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, v := range all {
		_, _ = say.Fprintf(table, "%s\t%s\t  %s%s\n", home.Size(v.Size), v.Modified.Local().Format(time.DateTime), v.Path, say.IfElse(v.Folder, "/", "")) // kept until Flush
	}
	return table.Flush()
}
