package drive

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postern/cmd/postern/command"
	"postern/cmd/postern/control"
	"postern/cmd/postern/gateway"
	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
	"postern/vfs/people"
)

// statusTick is how often status looks again while it waits for a gateway that is starting.
const statusTick = 20 * time.Millisecond

func status(p *command.Program) *cobra.Command {
	var asJSON bool
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show how the drive is doing and what is not yet at the remote",
		Args:  command.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			h, err := p.Home()
			if err != nil {
				return err
			}
			status, err := awaitStatus(cmd.Context(), control.NewClient(h.Socket()), wait)
			if errors.Is(err, control.ErrNotRunning) && wait == 0 {
				status, err = idleStatus(p, h)
			}
			if err != nil {
				return err
			}
			if asJSON {
				return p.PrintJSON(status)
			}
			return printStatus(p, status)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, for programs")
	cmd.Flags().DurationVar(&wait, "wait", 0, "wait so long for a gateway that is starting, such as 10s")
	return cmd
}

// awaitStatus asks until a gateway answers or the time is over.
func awaitStatus(ctx context.Context, client *control.Client, wait time.Duration) (control.Status, error) {
	status, err := client.Status(ctx)
	if !errors.Is(err, control.ErrNotRunning) || wait <= 0 {
		return status, err
	}
	over, tick := time.NewTimer(wait), time.NewTicker(statusTick)
	defer over.Stop()
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return control.Status{}, ctx.Err()
		case <-over.C:
			return control.Status{}, fmt.Errorf("%w, after %v", control.ErrNotRunning, wait)
		case <-tick.C:
		}
		if status, err = client.Status(ctx); !errors.Is(err, control.ErrNotRunning) {
			return status, err
		}
	}
}

// idleStatus returns the status of a home that no gateway serves, without touching journal or remote.
func idleStatus(p *command.Program, h home.Home) (control.Status, error) {
	account, err := h.ReadAccount()
	if errors.Is(err, home.ErrNoAccount) {
		return control.Status{}, command.NoAccount(h)
	}
	if err != nil {
		return control.Status{}, err
	}
	settings, err := p.Settings(h, home.Settings{})
	if err != nil {
		return control.Status{}, err
	}
	to, err := p.Remote(h, settings, account)
	if err != nil {
		return control.Status{}, err
	}
	return control.Status{
		Home: h.String(), User: account.User, Device: gateway.DeviceOf(account, settings).Name, Remote: to.String(),
		Version: command.Version(), Passphrase: account.Passphrase, Sync: settings.Sync,
		Pending: control.Pending{Limit: settings.Staging.Limit.Bytes()},
	}, nil
}

func printStatus(p *command.Program, s control.Status) error {
	table := p.Table()
	row := func(name, format string, args ...any) {
		table.Row("%s\t%s", name, p.Complete(say.Sprintf(format, args...)))
	}
	row("home", "%s", s.Home)
	row("account", "%s on %s%s", s.User, s.Device, say.IfElse(s.Passphrase, "", ", no passphrase yet (postern passwd)"))
	row("remote", "%s", s.Remote)
	if !s.Running {
		row("gateway", "not running")
		return table.Flush()
	}
	row("gateway", "%s since %s (process %d)", s.URL, s.Since.Local().Format(time.DateTime), s.PID)
	for _, c := range s.Copies {
		row("mirror", "%s: %s", c.Remote, c.State())
		if c.Line != nil {
			row("line", "%s", lineSentence(*c.Line))
		}
	}
	if s.Line != nil {
		row("line", "%s", lineSentence(*s.Line))
	}
	if s.Pending.Changes == 0 {
		row("pending", "nothing: everything is at the remote")
	} else {
		row("pending", "%s, %s, the oldest for %s", say.Plural(s.Pending.Changes, "change"),
			home.Size(s.Pending.Bytes+s.Pending.Staged),
			time.Duration(s.Pending.Oldest*float64(time.Second)).Round(time.Second))
	}
	row("staging", "%s of %s", home.Size(s.Pending.Staged), home.Size(s.Pending.Limit))
	row("commits", "%d landed, %d tries failed", s.Commit.Landed, s.Commit.Failed)
	switch {
	case s.Commit.Broken != "":
		row("trouble", "no changes are taken: %s; check the disk, then restart postern", s.Commit.Broken)
	case s.Commit.Blocked != "":
		row("trouble", "no changes are taken, for the remote is not as it was: %s; restore it from its newest copy, or see "+
			"postern inspect fork", s.Commit.Blocked)
	case !s.Commit.Offline.IsZero():
		row("offline", "since %s%s: %s", s.Commit.Offline.Local().Format(time.DateTime),
			say.IfElse(s.Commit.Reason == "", "", ", "+s.Commit.Reason), waiting(s.Pending))
	case s.Commit.Full:
		row("full", "the remote has no room: make room there; %s", waiting(s.Pending))
	case s.Commit.LastError != "":
		row("trouble", "%s", s.Commit.LastError)
	}
	for _, why := range s.Waiting {
		row("waiting", "changes of a shared folder that can't be opened: %s; they are kept here, and it is tried again", why)
	}
	for _, f := range s.Failing {
		row("failing", "%s", f.Sentence())
	}
	if s.Commit.Lost > 0 {
		row("lost", "%s that files copied or moved here need: other devices deleted them while this one was away; postern "+
			"fsck names the files", say.Plural(int64(s.Commit.Lost), "blob"))
	}
	if !s.Commit.Copied.IsZero() {
		row("copied", "this home was put back from an older copy, or is in use in another place too; nothing is lost, but "+
			"on another machine use postern login instead of a copy")
	}
	for _, r := range peopleRows(s.People) {
		row(r[0], "%s", r[1])
	}
	if s.History.States > 0 {
		row("history", "%s, since %s", say.Plural(s.History.States, "state"), s.History.Oldest.Local().Format(time.DateTime))
	}
	switch {
	case s.Garbage.Last.IsZero():
	case s.Garbage.Waiting > 0:
		row("garbage", "looked for at %s: %s waiting, the first until %s", s.Garbage.Last.Local().Format(time.DateTime),
			home.Size(s.Garbage.Waiting),
			s.Garbage.Due.Local().Format(time.DateTime))
	default:
		row("garbage", "looked for at %s: none waiting", s.Garbage.Last.Local().Format(time.DateTime))
	}
	row("cache", "%s, %s from the remote, %s in memory, %s on disk", say.Plural(int64(s.Cache.Hits), "hit"),
		home.Size(s.Cache.Fetched),
		home.Size(s.Cache.Memory), home.Size(s.Cache.Disk))
	return table.Flush()
}

// peopleRows returns the rows of a status about friends and shared folders.
func peopleRows(s *people.Status) (rows [][2]string) {
	if s == nil || s.Friends+s.Asking+s.Asked+s.Shares+s.Links+s.Refused+s.Waiting == 0 && s.Trouble == "" {
		return nil
	}
	add := func(name, format string, args ...any) {
		rows = append(rows, [2]string{name, say.Sprintf(format, args...)})
	}
	text := say.Plural(int64(s.Friends), "friend")
	if s.Asking > 0 {
		text += fmt.Sprintf(", %s to answer (postern friend list)", say.Plural(int64(s.Asking), "request"))
	}
	if s.Asked > 0 {
		text += fmt.Sprintf(", %s without an answer", say.Plural(int64(s.Asked), "request"))
	}
	add("friends", "%s; shared: %d, links: %d", text, s.Shares, s.Links)
	if len(s.Unreachable) > 0 {
		add("away", "what these friends share can't be read now: %s", strings.Join(s.Unreachable, ", "))
	}
	if s.Refused+s.Waiting > 0 {
		add("letters", "%d refused since the start, %d wait to be read", s.Refused, s.Waiting)
	}
	if s.Trouble != "" {
		add("sharing", "not up to date at the remote: %s; this is tried again", s.Trouble)
	}
	return rows
}

// waiting says which changes go to the remote when it is back.
func waiting(p control.Pending) string {
	if p.Changes == 0 {
		return "nothing waits, and changes will"
	}
	return fmt.Sprintf("%s, %s waiting", say.Plural(p.Changes, "change"), home.Size(p.Bytes+p.Staged))
}
