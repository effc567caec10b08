package tree

import "context"

// members is theirs with what our folder and theirs, and the one that both were made from, come to; b may be nil.
//
// Where ours is as base was, theirs holds; where both are alike, theirs as well. So it is enough to go through the differences
// of ours from either. Both walks run side by side to find out which is the shorter; the cost is a few times that, whatever
// the size of the folders.
func (m *merger) members(ctx context.Context, path string, b, o, t *entry) (*entry, error) {
	race := [...]*differ{m.nodes.differ(b, o), m.nodes.differ(o, t)}
	for !race[0].done && !race[1].done {
		for _, d := range race {
			if _, err := d.step(ctx); err != nil {
				return nil, at(path, err)
			}
		}
	}
	d := m.nodes.differ(b, o)
	if !race[0].done {
		d = m.nodes.differ(o, t)
	}
	return m.through(ctx, path, d, [3]*entry{b, o, t}, t)
}

// changed is what a folder holds that it did not hold in base. Else it is as it is.
func (m *merger) changed(ctx context.Context, path string, b, e *entry) (*entry, error) {
	void := e.holding(target{}, &page{})
	return m.through(ctx, path, m.nodes.differ(b, e), [3]*entry{b, void, e}, void)
}

// through goes through the differences that d finds, and puts what comes of each into merged.
func (m *merger) through(ctx context.Context, path string, d *differ, folders [3]*entry, merged *entry) (*entry, error) {
	m.depth++
	defer func() { m.depth-- }()
	var copies []copied
	for {
		found, err := d.next(ctx)
		if err != nil {
			return nil, at(path, err)
		}
		if !found {
			return m.place(ctx, path, merged, copies)
		}
		if merged, err = m.member(ctx, path, d, folders, merged, &copies); err != nil {
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
