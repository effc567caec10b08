package gateway

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"postern/cmd/postern/control"
	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
	"postern/crypto"
	"postern/remote"
	"postern/remote/line"
	"postern/remote/mirror"
	"postern/vfs/fsck"
)

// mirrorScheme begins the URL of several remotes as one: "mirror:disk:/a,disk:/b". The first leads: a write succeeds
// only if it does there.
const mirrorScheme = "mirror"

// copies are the remotes of a mirror.
type copies struct {
	members []Target
	opened  atomic.Pointer[together] // the newest; nil: none yet
}

// together are the remotes of a mirror, open.
type together struct {
	*mirror.Store
	lines []*line.Line // one for each member
}

// parseMirror parses the URLs after the scheme. A comma belongs to a path unless a kind of remote follows it.
func (ds Drivers) parseMirror(d Driver, rest string, h home.Home) (Target, error) {
	var urls []string
	for _, part := range strings.Split(rest, ",") {
		scheme, _, ok := strings.Cut(part, ":")
		if len(urls) == 0 || ok && ds.known(scheme) {
			urls = append(urls, part)
		} else {
			urls[len(urls)-1] += "," + part
		}
	}
	t := Target{driver: d, local: true, mirror: &copies{}}
	seen := map[string]bool{}
	for _, url := range urls {
		if url == "" {
			return Target{}, say.Usagef("a mirror needs two remotes or more, as in mirror:disk:/mnt/a,disk:/mnt/b")
		}
		m, err := ds.Parse(url, h)
		switch {
		case err != nil:
			return Target{}, err
		case m.mirror != nil:
			return Target{}, say.Usagef("a mirror holds no mirrors: name all its remotes in one list")
		case m.Volatile():
			return Target{}, say.Usagef("the remote %s ends with the process and can't be part of a mirror", m)
		case seen[m.String()]:
			return Target{}, say.Usagef("the remote %s is in the mirror twice: a copy at the same place is none", m)
		}
		seen[m.String()] = true
		t.local = t.local && m.local
		t.mirror.members = append(t.mirror.members, m)
	}
	if len(t.mirror.members) < 2 {
		return Target{}, say.Usagef("a mirror needs two remotes or more, as in mirror:disk:/mnt/a,disk:/mnt/b")
	}
	names := make([]string, len(t.mirror.members))
	for i, m := range t.mirror.members {
		names[i] = m.String()
	}
	t.rest = strings.Join(names, ",")
	return t, nil
}

func (ds Drivers) known(scheme string) bool {
	_, ok := ds.find(scheme)
	return ok
}

// open opens the first remote, late or now, and the others once they are there: a stick that isn't plugged in does not
// prevent the start. Each has a line of its own, so that the mirror sees only lasting failures.
func (c *copies) open(ctx context.Context, o Opening, late bool) (_ remote.Store, err error) {
	var members []mirror.Member
	var lines []*line.Line
	defer func() {
		if err != nil {
			for _, m := range members {
				err = errors.Join(err, m.Store.Close())
			}
		}
	}()
	network := slices.ContainsFunc(c.members, Target.Network)
	for i, to := range c.members {
		o := o
		if network && !to.Network() {
			o.limits = nil // it would take its part of a line that it does not use
		}
		store, err := to.line(ctx, o, line.Options{Late: late || i > 0})
		if err != nil {
			return nil, err
		}
		members = append(members, mirror.Member{Name: to.String(), Store: store})
		lines = append(lines, store)
	}
	all, err := mirror.New(members, mirror.Options{Seen: o.seen, Deadlines: o.waits, Log: o.Log})
	if err != nil {
		return nil, err
	}
	c.opened.Store(&together{all, lines})
	return all, nil
}

// scrub checks each remote of a mirror separately; without a mirror it does nothing.
func (c *copies) scrub(ctx context.Context, o mirror.Scrubbing) (all []fsck.Copy, err error) {
	if c == nil || c.opened.Load() == nil {
		return nil, nil
	}
	found, err := c.opened.Load().Scrub(ctx, o)
	for _, s := range found {
		one := fsck.Copy{Remote: s.Name, Blobs: s.Blobs, Missing: s.Missing, Damaged: s.Damaged, Healed: s.Healed}
		if s.Err != nil {
			one.Trouble = s.Err.Error()
		}
		all = append(all, one)
	}
	return all, err
}

// settle waits up to d until all remotes are healed: one that is away never is.
func (c *copies) settle(ctx context.Context, d time.Duration) {
	if c == nil || c.opened.Load() == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	_ = c.opened.Load().Settle(ctx) // status shows the members that lag
}

// Settled waits up to d until all members of an open mirror have everything, and returns those that lag after that; nil
// without a mirror.
func (t Target) Settled(ctx context.Context, d time.Duration) (behind []control.Copy) {
	if t.mirror == nil || t.mirror.opened.Load() == nil {
		return nil
	}
	t.mirror.settle(ctx, d)
	for _, s := range t.mirror.opened.Load().Status() {
		if s.Lagging {
			behind = append(behind, copyOf(s))
		}
	}
	return behind
}

// seen returns the greatest sequence of a pointer that was seen.
func (o Opening) seen(id crypto.PointerID) uint64 {
	if o.Pins == nil {
		return 0
	}
	pin, _, _ := o.Pins.Load(id) // package verify reports a pin that can't be read
	return pin.Seq
}

// status returns the state of each remote of a mirror; nil without a mirror.
func (c *copies) status(usage *home.Usage) (all []control.Copy) {
	if c == nil || c.opened.Load() == nil {
		return nil
	}
	opened := c.opened.Load()
	for i, s := range opened.Status() {
		copied := copyOf(s)
		copied.Line = lineStatus(opened.lines[i], usage.Today(s.Name))
		all = append(all, copied)
	}
	return all
}

// copyOf returns the state of a mirror's member, without its line.
func copyOf(s mirror.Status) control.Copy {
	c := control.Copy{Remote: s.Name, Leads: s.Authority, Up: s.Up, Lagging: s.Lagging, Missing: int64(s.Missing)}
	if s.Err != nil {
		c.Trouble = s.Err.Error()
	}
	return c
}
