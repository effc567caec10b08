package drive

import (
	"cmp"
	"context"
	"time"

	"github.com/spf13/cobra"

	"postern/cmd/postern/command"
	"postern/cmd/postern/control"
	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
	"postern/vfs/people"
)

func historyAuthors(p *command.Program) *cobra.Command {
	return command.Listing(p, &cobra.Command{
		Use:   "authors PATH",
		Short: "Show who changed a shared file or folder",
		Long: `Lists the newest changes of a file or folder that several people may write, such as
/shared/bob/photos/a.txt, the newest first. Each is signed by its author, and sealed. Where states between two were left
out of the history, as old ones are, the author is unknown.`,
		Args: command.Exactly(1, "one path"),
	}, func(ctx context.Context, g control.Gateway, args []string) ([]people.Change, error) {
		all, err := g.Changes(ctx, args[0])
		return append([]people.Change{}, all...), err
	}, func(all []people.Change, args []string) error {
		if len(all) == 0 {
			p.Printf("No change of %s by several people is known.\n", args[0])
		}
		table := p.Table()
		for _, c := range all {
			table.Row("%s\t%s\t%s", c.At.Local().Format(time.DateTime), cmp.Or(c.By, "unknown"),
				say.IfElse(c.Gone, "removed", say.IfElse(c.Folder, "folder", home.Size(c.Size).String())))
		}
		return table.Flush()
	})
}
