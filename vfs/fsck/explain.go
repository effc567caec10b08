package fsck

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"postern/vfs/object"
	"postern/vfs/tree"
)

const (
	filesPath   = "/files"
	historyPath = "/history"

	// maxFiles bounds how many paths of the files a report names, all of which are moved aside: a pack of the smallest files holds
	// half as many. maxPast bounds those of the history alone.
	maxFiles, maxPast = 100_000, 10_000
	// goodVersions is how many good versions are named of what is damaged.
	goodVersions = 3
	// maxLookups bounds the search for them.
	maxLookups = 100_000
)

// explain names every path that damage shows at. A state of the history shows what it shares with the files and with other states once
// more; that is told once, with the oldest and the newest state that show it.
func (c *check) explain(ctx context.Context) error {
	tainted := c.tainted()
	now, then := naming{most: maxFiles}, naming{most: maxPast}
	err := c.walker.Trace(ctx, c.whole, func(id uint32) bool { return tainted[id] }, func(_ context.Context, v tree.Visit) error {
		found := c.bad[v.ID]
		if found == nil {
			return nil
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if state, rest, ok := inHistory(v.Path()); ok {
			then.add(c, found, v, rest, state)
		} else {
			now.add(c, found, v, v.Path(), "")
		}
		return nil
	})
	if err != nil {
		return err
	}
	for key, d := range then.named {
		if same := now.named[namedAt{key.kind, filesPath + strings.TrimSuffix(key.rest, "/"), key.from, key.until}]; same != nil {
			same.Oldest, same.Newest = d.Oldest, d.Newest
			continue
		}
		c.report.Damage = append(c.report.Damage, *d)
	}
	for _, d := range now.named {
		c.report.Damage = append(c.report.Damage, *d)
	}
	c.report.More = now.more || then.more
	slices.SortStableFunc(c.report.Damage, func(a, b Damage) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.From, b.From))
	})
	for i := range c.report.Damage {
		d := &c.report.Damage[i]
		slices.SortFunc(d.Ranges, func(a, b Range) int { return cmp.Compare(a.Offset, b.Offset) })
		var joined []Range
		for _, r := range d.Ranges {
			joined = add(joined, r)
		}
		d.Ranges = joined
		d.GivenUp = d.GivenUp && setAside(d.Path)
	}
	return c.findGood(ctx, tainted)
}

// namedAt is what makes two findings one: of a file, all its chunks; of a folder, one page.
type namedAt struct {
	kind        Kind
	rest        string // the path; in the history, below the state
	from, until string
}

// naming gathers what is damaged by paths.
type naming struct {
	named map[namedAt]*Damage
	most  int // paths
	more  bool
}

// add notes a finding at a path, of a state of the history if there is one: what is told of it is as the newest state shows it.
func (n *naming) add(c *check, found *finding, v tree.Visit, rest, state string) {
	key := namedAt{kind: File, rest: rest}
	if v.Kind == tree.VisitPage {
		key = namedAt{kind: Folder, rest: rest, from: v.First, until: v.Until}
	}
	blob, _, _ := v.Place()
	d := n.named[key]
	switch {
	case d == nil && len(n.named) == n.most:
		n.more = true
		return
	case d == nil:
		if n.named == nil {
			n.named = map[namedAt]*Damage{}
		}
		d = &Damage{Kind: key.kind, Oldest: state, Newest: state, GivenUp: true}
		n.named[key] = d
	}
	d.Oldest = min(d.Oldest, state)
	d.GivenUp = d.GivenUp && c.Lost[blob]
	if state < d.Newest {
		return
	}
	if state > d.Newest || d.Path == "" {
		d.Newest, d.Path, d.Why, d.Blob, d.visit, d.Ranges = state, v.Path(), found.err.Error(), blob.String(), v, nil
		if v.Kind == tree.VisitPage {
			d.From, d.Until, d.Count, d.Bytes = v.First, v.Until, v.Count, v.Bytes
		}
	}
	if v.Kind != tree.VisitPage {
		d.Ranges = append(d.Ranges, c.ranges(found, v)...)
	}
}

// inHistory splits a path below a state of the history.
func inHistory(path string) (state, rest string, ok bool) {
	below, ok := strings.CutPrefix(path, historyPath+"/")
	if !ok {
		return "", "", false
	}
	state, rest, _ = strings.Cut(below, "/")
	return state, "/" + rest, true
}

// setAside reports whether a path is one where what can't be repaired is left: lost+found, and the history.
func setAside(path string) bool {
	_, _, past := inHistory(path)
	rest, ok := below(path, filesPath)
	_, lost := below(rest, LostAndFound)
	return past || ok && lost
}

// ranges are the bytes that are lost at a place: a chunk may be that of several files.
func (c *check) ranges(f *finding, v tree.Visit) []Range {
	if v.Kind == tree.VisitIndex {
		return []Range{{v.Offset, v.Bytes}}
	}
	return slices.Clone(f.ranges)
}

// findGood looks through the history for versions of what is damaged that are not.
func (c *check) findGood(ctx context.Context, tainted map[uint32]bool) error {
	var states []string
	for e, err := range c.whole.List(ctx, historyPath) {
		if err != nil {
			break // those after the damage can't be told
		}
		states = append(states, e.Info().Name)
	}
	slices.Reverse(states)
	left := maxLookups
	for i := range c.report.Damage {
		d := &c.report.Damage[i]
		rest, ok := below(d.Path, filesPath)
		if !ok {
			continue
		}
		for _, state := range states {
			if left--; left < 0 || len(d.Good) == goodVersions {
				break
			}
			path := strings.TrimSuffix(historyPath+"/"+state+rest, "/")
			e, err := c.whole.Lookup(ctx, path)
			if err != nil {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				continue
			}
			if o, _ := e.Object(); (o.Kind == object.Folder) == (d.Kind == Folder) && c.sound(o, tainted) {
				d.Good = append(d.Good, path)
			}
		}
	}
	return nil
}

// below is what follows a folder in a path; "/" for the folder itself.
func below(path, folder string) (string, bool) {
	if path == folder {
		return "/", true
	}
	rest, ok := strings.CutPrefix(path, folder+"/")
	return "/" + rest, ok
}
