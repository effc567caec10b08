package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postern/cmd/postern/control"
	"postern/cmd/postern/home"
	"postern/remote/mirror"
	"postern/vfs/fsck"
)

// checkFlush is how long a check waits for what is pending to come to the remote; then it checks what is there.
const checkFlush = 10 * time.Second

func (p *program) fsck() *cobra.Command {
	var o control.CheckOrder
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "fsck",
		Short: "Check that everything can be read, and repair what can be",
		Long: `Looks whether all that the drive and its history lead to is at the remote, and names each path that is damaged.
With --repair, what the cache or what waits for the remote still has is put back; the rest is moved to /files/lost+found with all that
can still be read, and the report names good versions in the history. Exit code 1 when something is damaged and was not put back; what a
repair gave up is no damage to a later check, and postern gc no longer keeps what only it leads to.

Of a mirror each remote is looked at by itself: what it should have, and with --read-data every byte of it.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var report fsck.Report
			m := p.meter()
			err := p.withGateway(cmd.Context(), func(g control.Gateway) (err error) {
				report, err = g.Check(cmd.Context(), o, m.tell)
				return err
			})
			m.done()
			if report.Started.IsZero() {
				return err
			}
			if asJSON {
				err = errors.Join(err, p.printJSON(report))
			} else {
				p.showChecked(report)
			}
			if err != nil && !headless(report) {
				return err
			}
			return verdict(report, o.Repair)
		},
	}
	cmd.Flags().BoolVar(&o.ReadData, "read-data", false, "read every byte, not only look whether it is there")
	cmd.Flags().BoolVar(&o.Repair, "repair", false, "put back what can be, and move the rest aside")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, for programs")
	return cmd
}

// verdict is the error of a drive that isn't whole. What an earlier repair gave up is told, and no error any more.
func verdict(r fsck.Report, repaired bool) error {
	n := len(r.Damage) - givenUp(r)
	switch {
	case headless(r):
		return advisef("the drive's newest commit is lost, and no older one is at hand here: check it on another device of yours, or restore the remote from its newest copy")
	case n > 0 && repaired:
		return advisef("%s%s damaged for good: what is left of it lies in /files/lost+found, or as it was in the history", ifElse(r.More, "more than ", ""), pathsAre(n))
	case n > 0:
		return advisef("%s%s damaged: run postern fsck --repair", ifElse(r.More, "more than ", ""), pathsAre(n))
	case ill(r) > 0 && repaired:
		return advisef("%s at one remote of the mirror could not be put right from the others", plural(ill(r), "blob"))
	case ill(r) > 0:
		return advisef("a remote of the mirror lacks or has damaged what another has: run postern fsck --repair")
	case len(r.Unchecked) > 0:
		return advisef("%s not checked, for the remote can't be reached: try again when it can", pathsAre(len(r.Unchecked)))
	}
	return nil
}

// ill is how many blobs of a mirror's remotes are missing or damaged still.
func ill(r fsck.Report) (n int64) {
	for _, c := range r.Copies {
		n += c.Ill()
	}
	return n
}

// headless tells whether nothing was checked, since no commit can be opened.
func headless(r fsck.Report) bool {
	return len(r.Damage) == 1 && r.Damage[0].Kind == fsck.Commit && r.Nodes == 0
}

// givenUp is how many paths an earlier repair gave up.
func givenUp(r fsck.Report) (n int) {
	for _, d := range r.Damage {
		if d.GivenUp {
			n++
		}
	}
	return n
}

func pathsAre(n int) string { return plural(int64(n), "path") + ifElse(n == 1, " is", " are") }

func (p *program) showChecked(r fsck.Report) {
	for _, d := range r.Damage {
		if d.GivenUp {
			continue
		}
		p.printf("%s\n", damageLine(d))
		for _, good := range d.Good {
			p.printf("    a good version: %s\n", good)
		}
	}
	for _, path := range r.Unchecked {
		p.printf("not checked: %s\n", path)
	}
	if n := len(r.Restored); n > 0 {
		p.printf("put back %s that the remote had lost\n", plural(int64(n), "blob"))
	}
	if n := len(r.Rewritten); n > 0 {
		p.printf("wrote %s anew: every byte could be read, but not what describes them\n", plural(int64(n), "file"))
	}
	for _, c := range r.Copies {
		if c.Trouble != "" {
			p.printf("%s was not looked at in full: %s\n", c.Remote, c.Trouble)
		}
		if c.Missing+c.Damaged > 0 {
			p.printf("%s lacks %s and has %d damaged; put right: %d\n", c.Remote, plural(c.Missing, "blob"), c.Damaged, c.Healed)
		}
	}
	if r.Clean() {
		p.printf("%s, as of %s: all is well (%s of folders and indexes, %s, %s)\n", ifElse(r.ReadData, "Every byte was read", "Everything is there"),
			r.Commit.Local().Format(time.DateTime), plural(r.Nodes, "part"), plural(r.Chunks, "chunk"), home.Size(r.Bytes))
	}
	if n := givenUp(r); n > 0 {
		p.printf("%s damaged, and given up by an earlier repair, in /files/lost+found and the history: remove lost+found when you have taken from it what you need; the history goes with time (--json lists them)\n", pathsAre(n))
	}
}

// damageLine says what is damaged, where, and what became of it.
func damageLine(d fsck.Damage) string {
	var what []string
	switch {
	case d.Kind == fsck.Folder && d.Count > 0:
		what = append(what, fmt.Sprintf("%s with %s missing", plural(d.Count, "item"), home.Size(d.Bytes)))
	case d.Kind == fsck.File && len(d.Ranges) > 0:
		var lost int64
		for _, r := range d.Ranges {
			lost += r.Length
		}
		what = append(what, home.Size(lost).String()+" can't be read")
	}
	what = append(what, d.Why)
	switch {
	case d.Newest == "":
	case strings.HasPrefix(d.Path, historyAt+"/"):
		what = append(what, ifElse(d.Oldest == d.Newest, "", "so in the history since "+d.Oldest))
	default:
		what = append(what, "so in the history, "+ifElse(d.Oldest == d.Newest, "at ", "from "+d.Oldest+" to ")+d.Newest)
	}
	if !d.WentBack.IsZero() {
		what = append(what, "the drive was taken back to its state of "+d.WentBack.Local().Format(time.DateTime)+", and what was committed after it is lost")
	}
	if d.Moved != "" {
		what = append(what, "moved to "+d.Moved)
	}
	return fmt.Sprintf("damaged %s: %s: %s", d.Kind, d.Path, strings.Join(slices.DeleteFunc(what, func(s string) bool { return s == "" }), "; "))
}

// Check implements control.Keeper.
func (g *gateway) Check(ctx context.Context, o control.CheckOrder, tell control.Tell) (fsck.Report, error) {
	if !g.keeping.TryLock() {
		return fsck.Report{}, advisef("the drive is being collected or checked already: wait until that is done")
	}
	defer g.keeping.Unlock()
	g.flushFor(ctx, checkFlush)
	copies, err := g.to.mirror.scrub(ctx, mirror.Scrubbing{Read: o.ReadData, Heal: o.Repair, Progress: func(blobs, bytes int64) {
		tell(control.Progress{What: "blobs of the copies read", Items: blobs, Bytes: bytes})
	}})
	if err != nil {
		return fsck.Report{}, err
	}
	report, err := g.drive.space.Fsck(ctx, fsck.Options{
		Store: g.drive.checked, ReadData: o.ReadData, Repair: o.Repair, Sources: g.drive.copies(),
		Progress: func(c fsck.Counts) {
			at := control.Progress{What: "parts checked", Items: c.Nodes + c.Chunks, Bytes: c.Bytes}
			if c.Bytes <= c.Total { // then comes what only the history has, and nobody knows how much that is
				at.TotalBytes = c.Total
			}
			tell(at)
		},
	})
	report.Copies = copies
	for i := range report.Damage {
		if moved := &report.Damage[i].Moved; *moved != "" {
			*moved = filesAt + *moved // as the drive's users see it
		}
	}
	if err == nil && o.Repair {
		g.flushFor(ctx, checkFlush)
		g.to.mirror.settle(ctx, checkFlush)
	}
	return report, err
}

// flushFor waits for what is pending to come to the remote, but not for long.
func (g *gateway) flushFor(ctx context.Context, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	if err := g.drive.space.Flush(ctx); err != nil {
		g.log.Warn("not everything is at the remote yet", "err", err)
	}
}

// copies are where blobs may be that the remote has lost.
func (d *drive) copies() []fsck.Source {
	if d.kept != nil {
		return []fsck.Source{d.kept, d.cache}
	}
	return []fsck.Source{d.cache}
}
