package fsck

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"postern/vfs/object"
	"postern/vfs/tree"
)

const (
	filesPath   = "/files"
	historyPath = "/history"

	// goodVersions is how many good versions are named of what is damaged.
	goodVersions = 3
	// maxLookups bounds the search for them.
	maxLookups = 100_000
)

var errEnough = errors.New("enough damage was named")

// explain names every path that damage shows at.
func (c *check) explain(ctx context.Context) error {
	tainted := c.tainted()
	files := map[string]int{} // where in the report
	err := c.walker.Trace(ctx, c.whole, func(id uint32) bool { return tainted[id] }, func(_ context.Context, v tree.Visit) error {
		found := c.bad[v.ID]
		if found == nil {
			return nil
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if i, ok := files[v.Path()]; ok && v.Kind != tree.VisitPage {
			d := &c.report.Damage[i]
			d.Ranges = append(d.Ranges, c.ranges(found, v)...)
			return nil
		}
		if len(c.report.Damage) == maxNamed {
			c.report.More = true
			return errEnough
		}
		blob, _, _ := v.Place()
		d := Damage{Kind: Folder, Path: v.Path(), Why: found.err.Error(), Blob: blob.String(), visit: v}
		if v.Kind == tree.VisitPage {
			d.From, d.Until, d.Count, d.Bytes = v.First, v.Until, v.Count, v.Bytes
		} else {
			d.Kind, d.Ranges = File, c.ranges(found, v)
			files[d.Path] = len(c.report.Damage)
		}
		c.report.Damage = append(c.report.Damage, d)
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
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
	}
	return c.findGood(ctx, tainted)
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
