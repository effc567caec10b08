package upkeep

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postern/cmd/postern/command"
	"postern/cmd/postern/control"
	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
	"postern/vfs/fsck"
	"postern/vfs/layout"
)

func check(p *command.Program) *cobra.Command {
	var o control.CheckOrder
	var asJSON bool
	var limit home.Rates
	cmd := &cobra.Command{
		Use:   "fsck",
		Short: "Check that everything can be read, and repair what can be",
		Long: `Checks that everything the drive and its history lead to is at the remote, and names each path that is
damaged. --repair puts back what the cache or the changes that wait for the remote still have. It moves the rest to
/files/lost+found with all that can still be read, and the report names good versions in the history. The exit code is 1
when something is damaged and was not put back. Losses that a repair gave up no longer count as damage in later checks,
and postern gc no longer keeps what only they lead to.

Each remote of a mirror is checked by itself: that it has what it should, and with --read-data every byte of it.`,
		Args: command.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var report fsck.Report
			o.Limit = limit.String()
			err := p.Working(cmd.Context(), func(g control.Gateway, tell control.Tell) (err error) {
				report, err = g.Check(cmd.Context(), o, tell)
				return err
			})
			if report.Started.IsZero() {
				return err
			}
			if asJSON {
				err = errors.Join(err, p.PrintJSON(report))
			} else {
				showChecked(p, report)
			}
			if err != nil && !headless(report) {
				return err
			}
			return verdict(report, o.Repair)
		},
	}
	cmd.Flags().BoolVar(&o.ReadData, "read-data", false, "read every byte, not only look whether it is there")
	cmd.Flags().BoolVar(&o.Repair, "repair", false, "put back what can be, and move the rest aside")
	command.Limit(cmd, &limit)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, for programs")
	return cmd
}

// verdict returns the error of a drive that is damaged. Losses that an earlier repair gave up are reported and are no
// error any more.
func verdict(r fsck.Report, repaired bool) error {
	n := len(r.Damage) - givenUp(r)
	switch {
	case headless(r):
		return say.Advisef("the drive's newest commit is lost, and no older one is at hand here: check it on another " +
			"device of yours, or restore the remote from its newest copy")
	case n > 0 && repaired:
		return say.Advisef("%s%s damaged for good: what is left of it lies in /files/lost+found, or as it was in the history",
			say.IfElse(r.More, "more than ", ""), pathsAre(n))
	case n > 0:
		return say.Advisef("%s%s damaged: run postern fsck --repair", say.IfElse(r.More, "more than ", ""), pathsAre(n))
	case ill(r) > 0 && repaired:
		return say.Advisef("%s at one remote of the mirror could not be put right from the others",
			say.Plural(ill(r), "blob"))
	case ill(r) > 0:
		return say.Advisef("a remote of the mirror lacks or has damaged what another has: run postern fsck --repair")
	case len(r.Unchecked) > 0:
		return say.Advisef("%s not checked, for the remote can't be reached: try again when it can",
			pathsAre(len(r.Unchecked)))
	}
	return nil
}

// ill counts the blobs that are still missing or damaged at the remotes of a mirror.
func ill(r fsck.Report) (n int64) {
	for _, c := range r.Copies {
		n += c.Ill()
	}
	return n
}

// headless reports whether nothing was checked, since no commit can be opened.
func headless(r fsck.Report) bool {
	return len(r.Damage) == 1 && r.Damage[0].Kind == fsck.Commit && r.Nodes == 0
}

// givenUp counts the paths that an earlier repair gave up.
func givenUp(r fsck.Report) (n int) {
	for _, d := range r.Damage {
		if d.GivenUp {
			n++
		}
	}
	return n
}

func pathsAre(n int) string { return say.Plural(int64(n), "path") + say.IfElse(n == 1, " is", " are") }

func showChecked(p *command.Program, r fsck.Report) {
	for _, d := range r.Damage {
		if d.GivenUp {
			continue
		}
		p.Printf("%s\n", damageLine(d))
		for _, good := range d.Good {
			p.Printf("    a good version: %s\n", good)
		}
	}
	for _, path := range r.Unchecked {
		p.Printf("not checked: %s\n", path)
	}
	if n := len(r.Restored); n > 0 {
		p.Printf("put back %s that the remote had lost\n", say.Plural(int64(n), "blob"))
	}
	if n := len(r.Rewritten); n > 0 {
		p.Printf("wrote %s anew: every byte could be read, but not what describes them\n", say.Plural(int64(n), "file"))
	}
	for _, c := range r.Copies {
		if c.Trouble != "" {
			p.Printf("%s was not looked at in full: %s\n", c.Remote, c.Trouble)
		}
		if c.Missing+c.Damaged > 0 {
			p.Printf("%s lacks %s and has %d damaged; put right: %d\n", c.Remote, say.Plural(c.Missing, "blob"), c.Damaged,
				c.Healed)
		}
	}
	if r.Clean() {
		p.Printf("%s, as of %s: all is well (%s of folders and indexes, %s, %s)\n",
			say.IfElse(r.ReadData, "Every byte was read", "Everything is there"),
			r.Commit.Local().Format(time.DateTime), say.Plural(r.Nodes, "part"), say.Plural(r.Chunks, "chunk"),
			home.Size(r.Bytes))
	}
	if n := givenUp(r); n > 0 {
		p.Printf("%s damaged, and given up by an earlier repair, in /files/lost+found and the history: remove lost+found "+
			"when you have taken from it what you need; the history goes with time (--json lists them)\n", pathsAre(n))
	}
}

// damageLine says what is damaged, where, and what was done about it.
func damageLine(d fsck.Damage) string {
	var what []string
	if d.Space != "" {
		what = append(what, "in space "+d.Space)
	}
	switch {
	case d.Kind == fsck.Folder && d.Count > 0:
		what = append(what, fmt.Sprintf("%s with %s missing", say.Plural(d.Count, "item"), home.Size(d.Bytes)))
	case d.Kind == fsck.File && len(d.Ranges) > 0:
		var lost int64
		for _, r := range d.Ranges {
			lost += r.Length
		}
		what = append(what, home.Size(lost).String()+" can't be read")
	}
	what = append(what, d.Why)
	_, _, past := layout.CutState(d.Path)
	switch {
	case d.Newest == "":
	case past:
		what = append(what, say.IfElse(d.Oldest == d.Newest, "", "so in the history since "+d.Oldest))
	default:
		what = append(what, "so in the history, "+say.IfElse(d.Oldest == d.Newest, "at ", "from "+d.Oldest+" to ")+d.Newest)
	}
	if !d.WentBack.IsZero() {
		what = append(what, "the drive was taken back to its state of "+d.WentBack.Local().Format(time.DateTime)+
			", and what was committed after it is lost")
	}
	if d.Moved != "" {
		what = append(what, "moved to "+d.Moved)
	}
	what = slices.DeleteFunc(what, func(s string) bool { return s == "" })
	return fmt.Sprintf("damaged %s: %s: %s", d.Kind, d.Path, strings.Join(what, "; "))
}
