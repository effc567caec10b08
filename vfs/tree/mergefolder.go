package tree

import "context"

// members is a folder of what two folders, and a third that both were made from, come to; b may be nil. All else of it is that
// of one of the two.
//
// Where theirs is as base was, ours holds; where ours is, theirs does; where both are alike, either. So it is enough to go
// through the differences of any two of the three folders, starting from the right one. The three walks run side by side to
// find out which is the shortest; the cost is three times that, whatever the size of the folders.
func (m *merger) members(ctx context.Context, path string, b, o, t *entry) (*entry, error) {
	either := o
	if o.root.dirty() {
		either = t // what is sealed need not be sealed again
	}
	walks := [...]struct {
		start  *entry
		differ func() *differ
	}{
		{o, func() *differ { return m.nodes.differ(b, t) }},
		{t, func() *differ { return m.nodes.differ(b, o) }},
		{either, func() *differ { return m.nodes.differ(o, t) }},
	}
	race := make([]*differ, len(walks))
	for i := range walks {
		race[i] = walks[i].differ()
	}
	won := -1
	for won < 0 {
		for i, d := range race {
			if d.done {
				won = i
				break
			}
		}
		for i := 0; won < 0 && i < len(race); i++ {
			if _, err := race[i].step(ctx); err != nil {
				return nil, at(path, err)
			}
		}
	}
	merged, d := walks[won].start, walks[won].differ()
	var copies []copied
	for {
		found, err := d.next(ctx)
		if err != nil {
			return nil, at(path, err)
		}
		if !found {
			return m.place(ctx, path, merged, copies)
		}
		if merged, err = m.member(ctx, path, d, [3]*entry{b, o, t}, merged, &copies); err != nil {
			return nil, err
		}
	}
}

// member is a folder under way with what comes of the difference that d has found put into it.
func (m *merger) member(ctx context.Context, path string, d *differ, folders [3]*entry, merged *entry, copies *[]copied) (*entry, error) {
	var sides [3]*entry // base, ours, theirs
	for i, folder := range folders {
		switch folder {
		case nil:
		case d.from[0]:
			sides[i] = d.pair[0]
		case d.from[1]:
			sides[i] = d.pair[1]
		default:
			var err error
			if sides[i], err = m.nodes.find(ctx, folder, d.key); err != nil {
				return nil, at(path, err)
			}
		}
	}
	was, err := m.nodes.find(ctx, merged, d.key)
	if err != nil {
		return nil, at(path, err)
	}
	e, err := m.entry(ctx, path+"/"+d.key, sides[0], sides[1], sides[2], copies)
	switch {
	case err != nil || e == was:
	case e == nil:
		merged, err = m.nodes.remove(ctx, merged, d.key)
	default:
		merged, err = m.nodes.put(ctx, merged, e)
	}
	return merged, at(path, err)
}
