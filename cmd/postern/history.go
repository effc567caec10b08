package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"postern/cmd/postern/control"
	"postern/cmd/postern/home"
	"postern/vfs"
	"postern/vfs/space"
)

// The drive's folders of the files as they are, and as they were.
const (
	filesAt   = "/files"
	historyAt = "/history"
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
				if len(all) == 1 && all[0].Path == clean(args[0]) && !all[0].Folder && !asJSON {
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
	from = clean(from)
	if below(from, filesAt) {
		if to == "" {
			to = from
		}
		versions, err := g.Versions(ctx, from)
		if err != nil {
			return err
		}
		if len(versions) == 0 {
			return advisef("the history has no other version of %s: postern history list shows what it has", from)
		}
		from = versions[0].Path
	}
	within, ok := cutState(from)
	switch {
	case !ok:
		return usagef("%s is no path of the history, such as %s/2026-11-20 09.15.00/letters/a.txt: postern history list tells them", from, historyAt)
	case to == "" && within == "":
		return usagef("%s is the whole drive as it was: name a file or folder in it, or a new folder to copy it to with --to", from)
	case to == "":
		to = filesAt + within
	}
	to = clean(to)
	if !below(to, filesAt) {
		return usagef("%s is not below %s: name another place with --to", to, filesAt)
	}
	if err := g.Restore(ctx, from, to, force); err != nil {
		return err
	}
	p.printf("%s is back, as of %s.\n", to, strings.TrimPrefix(from[:len(from)-len(within)], historyAt+"/"))
	return nil
}

// cutState splits off the path within a state of the history, "" for all of it.
func cutState(path string) (within string, ok bool) {
	rest, ok := strings.CutPrefix(path, historyAt+"/")
	if !ok || rest == "" {
		return "", false
	}
	if _, after, deeper := strings.Cut(rest, "/"); deeper {
		return "/" + after, true
	}
	return "", true
}

// clean takes the slash off that shells add to folders.
func clean(path string) string {
	if len(path) > 1 {
		return strings.TrimRight(path, "/")
	}
	return path
}

func below(path, folder string) bool { return strings.HasPrefix(path, folder+"/") }

func (p *program) showVersions(all []control.Version, asJSON bool) error {
	if asJSON {
		if all == nil {
			all = []control.Version{}
		}
		return p.printJSON(all)
	}
	table := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, v := range all {
		_, _ = fmt.Fprintf(table, "%s\t%s\t  %s%s\n", home.Size(v.Size), v.Modified.Local().Format(time.DateTime), v.Path, ifElse(v.Folder, "/", "")) // kept until Flush
	}
	return table.Flush()
}

// Versions implements control.Historian.
func (g *gateway) Versions(ctx context.Context, path string) (found []control.Version, err error) {
	var within string
	if path = clean(path); path != "" && path != filesAt {
		if !below(path, filesAt) {
			return nil, usagef("%s has no history: only what lies below %s has", path, filesAt)
		}
		within = path[len(filesAt):]
	}
	var states []vfs.Info
	for info, err := range g.drive.fs.List(ctx, historyAt) {
		if err != nil {
			return nil, err
		}
		states = append(states, info)
	}
	slices.Reverse(states)
	if within == "" {
		for _, state := range states {
			if when, err := time.Parse(space.HistoryLayout, state.Name); err == nil {
				state.Modified = when // a state is as old as its name says
			}
			found = append(found, versionOf(historyAt+"/"+state.Name, state))
		}
		return found, nil
	}
	paths := []string{path}
	for _, state := range states {
		paths = append(paths, historyAt+"/"+state.Name+within)
	}
	seen, err := g.lookAll(ctx, paths)
	if err != nil {
		return nil, err
	}
	ever := seen[0].there
	for i, now := range seen[1:] {
		then := seen[i] // the state after
		if now.there && (!then.there || !alike(now.info, then.info)) {
			found = append(found, versionOf(paths[i+1], now.info))
		}
		ever = ever || now.there
	}
	if !ever {
		return nil, &vfs.Error{Op: "look back at", Path: path, Kind: vfs.ErrNotExist}
	}
	return found, nil
}

// alike tells whether two states of a path are one. A folder shows what lies in it by size and time only.
func alike(a, b vfs.Info) bool {
	return a.Folder == b.Folder && a.Version == b.Version && a.Size == b.Size && a.Modified.Equal(b.Modified)
}

// looks is how many states are looked into at once: each has pages of its own, which may have to come from far away.
const looks = 16

// look is what lies at a path, if anything does.
type look struct {
	info  vfs.Info
	there bool
}

// lookAll is Stat of many paths, at which there may be nothing.
func (g *gateway) lookAll(ctx context.Context, paths []string) ([]look, error) {
	all := make([]look, len(paths))
	each, ctx := errgroup.WithContext(ctx)
	each.SetLimit(looks)
	for i, path := range paths {
		each.Go(func() error {
			info, err := g.drive.fs.Stat(ctx, path)
			if errors.Is(err, vfs.ErrNotExist) || errors.Is(err, vfs.ErrNotFolder) {
				return nil
			}
			all[i] = look{info, err == nil}
			return err
		})
	}
	return all, each.Wait()
}

func versionOf(path string, info vfs.Info) control.Version {
	return control.Version{Path: path, Folder: info.Folder, Size: info.Size, Modified: info.Modified}
}

// List implements control.Historian.
func (g *gateway) List(ctx context.Context, path string) (found []control.Version, err error) {
	path = clean(path)
	info, err := g.drive.fs.Stat(ctx, path)
	if err != nil {
		return nil, err
	}
	if !info.Folder {
		return []control.Version{versionOf(path, info)}, nil
	}
	for info, err := range g.drive.fs.List(ctx, path) {
		if err != nil {
			return nil, err
		}
		found = append(found, versionOf(strings.TrimSuffix(path, "/")+"/"+info.Name, info))
	}
	return found, nil
}

// Restore implements control.Historian.
func (g *gateway) Restore(ctx context.Context, from, to string, replace bool) error {
	_, err := g.drive.fs.Copy(ctx, from, to, vfs.CopyOptions{Replace: replace})
	if errors.Is(err, vfs.ErrExist) {
		return advisef("%s is there: add --force to replace it, which keeps it in the history, or name another place with --to", to)
	}
	return err
}

// Read implements control.Historian.
func (g *gateway) Read(ctx context.Context, path string, w io.Writer) (err error) {
	file, err := g.drive.fs.Open(ctx, clean(path))
	if err != nil {
		return err
	}
	defer func() { err = closing(err, file.Close) }()
	_, err = file.WriteNTo(w, file.Info().Size)
	return err
}
