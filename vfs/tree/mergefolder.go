package tree

import (
	"context"
	"errors"
	"strings"

	"postern/vfs"
	"postern/vfs/object"
)

// location is a path as a linked list: a name takes memory once, however many entries are below it.
type location struct {
	folder *location // nil: this is the root
	key    string
	depth  int
}

func (p *location) member(key string) *location { return &location{p, key, p.depth + 1} }

// String returns the path.
func (p *location) String() string {
	if p.folder == nil {
		return "/"
	}
	names := make([]string, p.depth+1) // the first stays empty: the path begins with a slash
	for ; p.folder != nil; p = p.folder {
		names[p.depth] = p.key
	}
	return strings.Join(names, "/")
}

// failed adds the path to an error, once.
func (p *location) failed(err error) error {
	if placed := (*vfs.Error)(nil); err == nil || errors.As(err, &placed) {
		return err
	}
	return fail("merge", p.String(), err)
}

// level is a folder being merged: the remaining differences, and the result so far.
type level struct {
	at      *location
	d       *differ
	folders [3]*entry // base, ours, theirs
	merged  *entry
	copies  []copied
	next    then // takes the merged folder
}

// run merges the roots.
func (m *merger) run(ctx context.Context, b, o, t *entry) (*entry, error) {
	root := &location{}
	var copies []copied
	var merged *entry
	err := m.folders(ctx, root, b, o, t, &copies, func(ctx context.Context, e *entry) (err error) {
		merged, err = m.aside(ctx, root, e, copies)
		return err
	})
	for err == nil && len(m.levels) > 0 {
		err = m.step(ctx)
	}
	return merged, err
}

// push pushes a folder, whose differences d finds, on the stack.
func (m *merger) push(at *location, d *differ, folders [3]*entry, merged *entry, next then) {
	m.levels = append(m.levels, &level{at: at, d: d, folders: folders, merged: merged, next: next})
}

// step continues in the innermost folder: past one difference, into a folder in it, or out of it if no difference is
// left.
func (m *merger) step(ctx context.Context) error {
	l := m.levels[len(m.levels)-1]
	found, err := l.d.next(ctx)
	if err != nil {
		return l.at.failed(err)
	}
	if found {
		return m.member(ctx, l)
	}
	m.levels[len(m.levels)-1] = nil // frees its pages
	m.levels = m.levels[:len(m.levels)-1]
	if l.merged, err = m.aside(ctx, l.at, l.merged, l.copies); err != nil {
		return err
	}
	return l.next(ctx, l.merged)
}

// shorter returns the walk of the differences to merge in two folders; their base b may be nil.
//
// Where ours equals base, or ours equals theirs, the result is theirs. So it is enough to walk the differences of ours
// from either base or theirs. Both walks run side by side until the shorter one ends; the cost is a few times that,
// whatever the size of the folders.
func (m *merger) shorter(ctx context.Context, b, o, t *entry) (*differ, error) {
	race := [...]*differ{m.nodes.differ(b, o), m.nodes.differ(o, t)}
	for !race[0].done && !race[1].done {
		for _, d := range race {
			if _, err := d.step(ctx); err != nil {
				return nil, err
			}
		}
	}
	if !race[0].done {
		return m.nodes.differ(o, t), nil
	}
	return m.nodes.differ(b, o), nil
}

// member merges the last difference found in a folder, and puts the result into the folder.
func (m *merger) member(ctx context.Context, l *level) error {
	key := l.d.key
	var sides [3]*entry // base, ours, theirs
	for i, folder := range l.folders {
		switch folder {
		case nil:
		case l.d.from[0]:
			sides[i] = l.d.pair[0]
		case l.d.from[1]:
			sides[i] = l.d.pair[1]
		default:
			var err error
			if sides[i], err = m.nodes.find(ctx, folder, key); err != nil {
				return l.at.failed(err)
			}
		}
	}
	was, err := m.nodes.find(ctx, l.merged, key)
	if err != nil {
		return l.at.failed(err)
	}
	return m.entry(ctx, l.at.member(key), sides[0], sides[1], sides[2], &l.copies,
		func(ctx context.Context, e *entry) (err error) {
			switch {
			case e == was:
			case e == nil:
				l.merged, err = m.nodes.remove(ctx, l.merged, key)
			default:
				l.merged, err = m.nodes.put(ctx, l.merged, e)
			}
			return l.at.failed(err)
		})
}

// aside puts entries that lost their names into their folder, under free names.
func (m *merger) aside(ctx context.Context, at *location, folder *entry, copies []copied) (*entry, error) {
	for _, c := range copies {
		when := c.entry.o.Modified
		if when == 0 {
			when = object.Nanos(m.time)
		}
		for n := 1; ; n++ {
			e := c.entry.renamed(conflictName(c.entry.o.Name, c.device, object.Time(when), n))
			there, err := m.nodes.find(ctx, folder, e.key)
			if err != nil {
				return nil, at.failed(err)
			}
			if there != nil && same(there.renamed(e.o.Name), e) {
				break // an earlier merge put it there
			}
			if there != nil {
				continue
			}
			if folder, err = m.nodes.put(ctx, folder, e); err != nil {
				return nil, at.failed(err)
			}
			m.conflicts = append(m.conflicts, Conflict{Path: c.kept.String(), Copy: at.member(e.key).String(), Device: c.device,
				Carry: c.carry})
			break
		}
	}
	return folder, nil
}
