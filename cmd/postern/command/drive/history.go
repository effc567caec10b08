package drive

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postern/cmd/postern/command"
	"postern/cmd/postern/control"
	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
	"postern/vfs/layout"
)

func historyList(p *command.Program) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list [PATH]",
		Short: "List the states that are kept, or the earlier versions of a file or folder",
		Long: `Lists the states of the drive that are kept, the newest first. With a path such as /files/letters/a.txt,
it lists the states in which the file or folder was different from the next. Times in paths are UTC. How much is kept is
set by history.all, history.hourly and history.daily.`,
		Args: command.AtMostOne("one path"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var all []control.Version
			err := p.WithGateway(cmd.Context(), func(g control.Gateway) (err error) {
				all, err = g.Versions(cmd.Context(), strings.Join(args, ""))
				return err
			})
			if err != nil {
				return err
			}
			if len(all) == 0 && len(args) > 0 && !asJSON {
				p.Printf("%s has been like this for as long as the history goes back.\n", args[0])
				return nil
			}
			return showVersions(p, all, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, for programs")
	return cmd
}

func historyShow(p *command.Program) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show PATH",
		Short: "Show a file or a folder as it was",
		Long: `Writes the bytes of a file of the history, such as "/history/2026-11-20 09.15.00/letters/a.txt", to the
output, or lists a folder. postern history list lists the paths.`,
		Args: command.Exactly(1, "one path"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.WithGateway(cmd.Context(), func(g control.Gateway) error {
				all, err := g.List(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if len(all) == 1 && all[0].Path == layout.Clean(args[0]) && !all[0].Folder && !asJSON {
					return g.Read(cmd.Context(), args[0], p.Out)
				}
				return showVersions(p, all, asJSON)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, for programs")
	return cmd
}

func historyRestore(p *command.Program) *cobra.Command {
	var to string
	var force bool
	cmd := &cobra.Command{
		Use:   "restore PATH",
		Short: "Bring back a file or folder of the history",
		Long: `Copies a file or folder of the history, such as "/history/2026-11-20 09.15.00/letters/a.txt", to where it
was, by reference, so that it costs nothing whatever its size. With a path such as /files/letters/a.txt its newest
earlier version comes back. A file or folder that is there is replaced only with --force; the history then keeps it.`,
		Args: command.Exactly(1, "one path"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.WithGateway(cmd.Context(), func(g control.Gateway) error {
				return restore(cmd.Context(), p, g, args[0], to, force)
			})
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "path of the drive to copy to, such as /files/old.txt (default: where it was)")
	cmd.Flags().BoolVar(&force, "force", false, "replace what is there")
	return cmd
}

func restore(ctx context.Context, p *command.Program, g control.Gateway, from, to string, force bool) error {
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
		return say.Usagef("%s is no path of the history, such as %s: postern history list lists them", from,
			layout.InState("2026-11-20 09.15.00", "/letters/a.txt"))
	case to == "" && within == "":
		return say.Usagef("%s is the whole drive as it was: name a file or folder in it, or a new folder to copy it to "+
			"with --to", from)
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
	p.Printf("%s is back, as of %s.\n", to, state)
	return nil
}

func showVersions(p *command.Program, all []control.Version, asJSON bool) error {
	if asJSON {
		if all == nil {
			all = []control.Version{}
		}
		return p.PrintJSON(all)
	}
	table := p.RightTable()
	for _, v := range all {
		table.Row("%s\t%s\t  %s%s", home.Size(v.Size), v.Modified.Local().Format(time.DateTime), v.Path,
			say.IfElse(v.Folder, "/", ""))
	}
	return table.Flush()
}
