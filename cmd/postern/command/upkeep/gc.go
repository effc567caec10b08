package upkeep

import (
	"time"

	"github.com/spf13/cobra"

	"postern/cmd/postern/command"
	"postern/cmd/postern/control"
	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
	"postern/vfs/gc"
)

func collect(p *command.Program) *cobra.Command {
	var dry, asJSON bool
	var grace home.Span
	cmd := &cobra.Command{
		Use:   "gc",
		Short: "Delete blobs that neither the drive nor its history needs",
		Long: `Looks for blobs at the remote that neither the files nor the history lead to, and deletes those that have
not been needed for longer than the grace period (gc.grace, 7d by default). A blob that is found for the first time is
only noted, so space comes back a grace period after it was freed. Packs that are mostly dead are rewritten. It may run
while this and other gateways write, and may be interrupted at any time.`,
		Args: command.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o := control.CollectOrder{DryRun: dry, Grace: time.Duration(grace)}
			var report gc.Report
			err := p.Working(cmd.Context(), func(g control.Gateway, tell control.Tell) (err error) {
				report, err = g.Collect(cmd.Context(), o, tell)
				return err
			})
			if err != nil {
				return err
			}
			if asJSON {
				return p.PrintJSON(report)
			}
			showCollected(p, report)
			return nil
		},
	}
	cmd.Flags().BoolVar(&dry, "dry-run", false, "show what would be done, and do nothing")
	cmd.Flags().Var(&grace, "grace", "how long unneeded blobs stay, such as 12h or 7d; \"none\" deletes at once, "+
		"and is safe only while no other gateway writes, nor did in the last hour (default: gc.grace in the settings, 7d)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, for programs")
	return cmd
}

func showCollected(p *command.Program, r gc.Report) {
	amount := func(a gc.Amount) string { return home.Size(a.Bytes).String() + " in " + say.Plural(a.Blobs, "blob") }
	p.Printf("needed     %s\n", amount(r.Needed))
	p.Printf("%s%s\n", say.IfElse(r.DryRun, "to delete  ", "deleted    "), amount(r.Deleted))
	if r.Repacked.Blobs > 0 {
		p.Printf("%s%s that were mostly dead\n", say.IfElse(r.DryRun, "to rewrite ", "rewritten  "), amount(r.Repacked))
	}
	if r.Candidates.Blobs > 0 {
		p.Printf("waiting    %s, the first until %s\n", amount(r.Candidates), r.Due.Local().Format(time.DateTime))
	}
	if len(r.Damaged) > 0 {
		p.Printf("damaged    %s: kept %s that it may need; run postern fsck --repair\n", r.Damaged[0], amount(r.HeldBack))
	}
	if r.Others.Blobs > 0 {
		p.Printf("not ours   %s: left alone\n", amount(r.Others))
	}
}
