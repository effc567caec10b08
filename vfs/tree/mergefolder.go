package tree

import (
	"context"
	"errors"
	"strings"

	"postern/vfs"
	"postern/vfs/object"
)

// location is where something lies: names take memory once, whatever is below them.
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

// failed gives an error its place, once.
func (p *location) failed(err error) error {
	if placed := (*vfs.Error)(nil); err == nil || errors.As(err, &placed) {
		return err
	}
	return fail("merge", p.String(), err)
}

// level is a folder under way: the differences that are left to go through, and what it has come to so far.
type level struct {
	at      *location
	d       *differ
	folders [3]*entry // base, ours, theirs
	merged  *entry
	copies  []copied
	next    then // takes the folder when it is done
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

// push puts a folder on the stack, of which d finds what is to be merged.
func (m *merger) push(at *location, d *differ, folders [3]*entry, merged *entry, next then) {
	m.levels = append(m.levels, &level{at: at, d: d, folders: folders, merged: merged, next: next})
}

// step goes on in the innermost folder: past one difference, into a folder in it, or out of it when there are no more.
func (m *merger) step(ctx context.Context) error {
	l := m.levels[len(m.levels)-1]
	found, err := l.d.next(ctx)
	if err != nil {
		return l.at.failed(err)
	}
	if found {
		return m.member(ctx, l)
	}
	m.levels[len(m.levels)-1] = nil // its pages may go
	m.levels = m.levels[:len(m.levels)-1]
	if l.merged, err = m.aside(ctx, l.at, l.merged, l.copies); err != nil {
		return err
	}
	return l.next(ctx, l.merged)
}

// shorter returns the differences to go through in two folders; b, which both were made from, may be nil.
//
// Where ours is as base was, theirs holds; where both are alike, theirs as well. So it is enough to go through the
// differences of ours from either. Both walks run side by side to find out which is the shorter; the cost is a few
// times that, whatever the size of the folders.
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

// member merges the difference that was found last in a folder, and puts what comes of it into the folder.
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

// aside puts what had to give way into its folder, under names that nothing has.
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
				break // put there by a merge before
			}
			if there != nil {
				continue
			}
			if folder, err = m.nodes.put(ctx, folder, e); err != nil {
				return nil, at.failed(err)
			}
			m.conflicts = append(m.conflicts, Conflict{Path: c.kept.String(), Copy: at.member(e.key).String(), Device: c.device})
			break
		}
	}
	return folder, nil
}
