package drive

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"postern/cmd/postern/command"
	"postern/cmd/postern/control"
	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
)

// flushTick is how often flush looks at how far the drive is.
const flushTick = 500 * time.Millisecond

func flush(p *command.Program) *cobra.Command {
	return &cobra.Command{
		Use:   "flush",
		Short: "Wait until everything is at the remote",
		Long: `Waits until all changes made before are at the remote. While the remote is away or full it says so and
goes on waiting. It fails if waiting is useless, because the remote went back to an older state.`,
		Args: command.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.WithGateway(cmd.Context(), func(g control.Gateway) error { return awaitFlush(cmd.Context(), p, g) })
		},
	}
}

// awaitFlush flushes. It prints each cause of waiting once, and on a terminal how much is left.
func awaitFlush(ctx context.Context, p *command.Program, g control.Gateway) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	flushed := make(chan error, 1)
	go func() { flushed <- g.Flush(ctx) }()
	tick := time.NewTicker(flushTick)
	defer tick.Stop()
	m := p.Meter()
	defer m.Clear()
	told := ""
	for {
		select {
		case err := <-flushed:
			return err
		case <-tick.C:
		}
		s, err := g.Status(ctx)
		if err != nil {
			continue // Flush fails for the same reason, and says it
		}
		why, hopeless := heldUp(s)
		if hopeless {
			cancel()
			if err := <-flushed; err == nil {
				return nil // it was done meanwhile
			}
			return say.Advisef("%s", why)
		}
		if why != told && why != "" {
			m.Clear()
			p.Warnf("%s; waiting\n", why)
		}
		told = why
		m.Show(control.Progress{What: "changes not yet at the remote", Items: s.Pending.Changes,
			Bytes: s.Pending.Bytes + s.Pending.Staged})
	}
}

// heldUp says why changes do not get to the remote; empty if they do. hopeless reports that they will not until the
// user acts.
func heldUp(s control.Status) (why string, hopeless bool) {
	left := fmt.Sprintf("%s (%s)", say.Plural(s.Pending.Changes, "change"), home.Size(s.Pending.Bytes+s.Pending.Staged))
	switch {
	case s.Commit.Blocked != "":
		return fmt.Sprintf("%s can't go to the remote %s, which is not as it was (%s): restore it from its newest copy, or "+
			"see postern inspect fork",
			left, s.Remote, s.Commit.Blocked), true
	case !s.Commit.Offline.IsZero():
		return fmt.Sprintf("the remote %s is away since %s%s: %s will go there when it is back", s.Remote,
			s.Commit.Offline.Local().Format(time.DateTime), say.IfElse(s.Commit.Reason == "", "", " ("+s.Commit.Reason+")"),
			left), false
	case s.Commit.Full:
		return fmt.Sprintf("the remote %s is full: %s will go there when room was made", s.Remote, left), false
	case s.Commit.LastError != "":
		return fmt.Sprintf("the remote %s did not take %s, which is tried again: %s", s.Remote, left,
			s.Commit.LastError), false
	}
	return "", false
}
