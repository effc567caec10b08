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

	// maxFiles limits how many paths of the files a report names, all of which are moved aside: a pack of the smallest
	// files holds half as many. maxPast limits the paths of the history.
	maxFiles, maxPast = 100_000, 10_000
	// goodVersions is how many good versions of a damaged item are named.
	goodVersions = 3
	// maxLookups bounds the search for them.
	maxLookups = 100_000
)

// explain names every path that is damaged. States of the history share much with the files and with each other, so the
// same damage is reported only once, with the oldest and the newest state that show it.
func (c *check) explain(ctx context.Context) error {
	tainted := c.tainted()
	now, then := naming{most: maxFiles}, naming{most: maxPast}
	err := c.walker.Trace(ctx, c.whole, func(id uint32) bool { return tainted[id] },
		func(_ context.Context, v tree.Visit) error {
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
		today := namedAt{key.kind, filesPath + strings.TrimSuffix(key.rest, "/"), key.from, key.until}
		if same := now.named[today]; same != nil {
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

// namedAt identifies findings that are one: for a file, all its chunks; for a folder, one page.
type namedAt struct {
	kind        Kind
	rest        string // the path; in the history, below the state
	from, until string
}

// naming collects damage by path.
type naming struct {
	named map[namedAt]*Damage
	most  int // limit of paths
	more  bool
}

// add notes a finding at a path and, for the history, in a state. The details are those of the newest state that shows
// it.
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

// setAside reports whether a path is in lost+found or in the history, where irreparable items may stay.
func setAside(path string) bool {
	_, _, past := inHistory(path)
	rest, ok := below(path, filesPath)
	_, lost := below(rest, LostAndFound)
	return past || ok && lost
}

// ranges returns the bytes that are lost at a place. Several files may share a chunk.
func (c *check) ranges(f *finding, v tree.Visit) []Range {
	if v.Kind == tree.VisitIndex {
		return []Range{{v.Offset, v.Bytes}}
	}
	return slices.Clone(f.ranges)
}

// findGood looks through the history for undamaged versions of damaged items.
func (c *check) findGood(ctx context.Context, tainted map[uint32]bool) error {
	var states []string
	for e, err := range c.whole.List(ctx, historyPath) {
		if err != nil {
			break // the names after the damage are unknown
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

// below returns the part of a path after a folder; "/" for the folder itself.
func below(path, folder string) (string, bool) {
	if path == folder {
		return "/", true
	}
	rest, ok := strings.CutPrefix(path, folder+"/")
	return "/" + rest, ok
}
