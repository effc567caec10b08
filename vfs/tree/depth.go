package tree

import (
	"context"
	"errors"

	"postern/vfs"
	"postern/vfs/object"
)

var errDepth = errors.New("it would lie too many folders deep")

// CheckDepth returns vfs.ErrTooDeep, as an *vfs.Error, for an op that would leave something more than vfs.MaxDepth
// levels below the root. A Move that brings nothing deeper than before is always allowed. Apply makes no such check: an
// op of a journal was allowed when it was made. Other errors are those of Apply; faults of the op itself are left to
// Apply.
func CheckDepth(ctx context.Context, t Tree, op Op) error {
	switch op := op.(type) {
	case Put:
		return checkDepth(op, op.Path, 0)
	case Mkdir:
		return checkDepth(op, op.Path, 0)
	case Patch:
		return checkDepth(op, op.Path, 0)
	case Graft:
		for _, fill := range op.Fill {
			if err := t.checkHeight(ctx, op, fill.Path, newEntry(fill.Entry)); err != nil {
				return err
			}
		}
		return t.checkHeight(ctx, op, op.Path, newEntry(op.Entry))
	case Copy:
		return t.checkSource(ctx, op, op.From, op.To, op.Shallow)
	case Move:
		if levels(op.To) <= levels(op.From) {
			return nil
		}
		return t.checkSource(ctx, op, op.From, op.To, false)
	}
	return nil
}

// levels returns the number of names in a path.
func levels(path string) int {
	names, _ := split(path)
	return len(names)
}

func checkDepth(op Op, path string, below int) error {
	if levels(path)+below > vfs.MaxDepth {
		return &vfs.Error{Op: op.name(), Path: path, Kind: vfs.ErrTooDeep, Err: errDepth}
	}
	return nil
}

// checkSource is CheckDepth for an entry that goes from one path to another.
func (t Tree) checkSource(ctx context.Context, op Op, from, to string, shallow bool) error {
	if err := checkDepth(op, to, 0); err != nil || shallow {
		return err
	}
	p, err := t.find(ctx, from)
	if err != nil || p.at == nil {
		return nil //nolint:nilerr // Apply reports it
	}
	return t.checkHeight(ctx, op, to, p.at)
}

func (t Tree) checkHeight(ctx context.Context, op Op, to string, e *entry) error {
	if err := checkDepth(op, to, 0); err != nil {
		return err
	}
	higher, err := t.nodes.higher(ctx, e, vfs.MaxDepth-levels(to))
	switch {
	case err != nil:
		return fail(op.name(), to, err)
	case higher:
		return checkDepth(op, to, vfs.MaxDepth)
	}
	return nil
}

// higher reports whether something is more than limit levels below e. It reads pages only where there are enough
// entries for such a depth, so that it need not read those of ordinary trees, and it does not recurse.
func (n *Nodes) higher(ctx context.Context, e *entry, limit int) (bool, error) {
	type job struct {
		at    target
		limit int // deepest allowed level below the page's entries
	}
	var waiting []job
	add := func(at target, count int64, limit int) {
		if count > int64(limit) && !at.empty() {
			waiting = append(waiting, job{at, limit})
		}
	}
	if e.o.Kind != object.Folder {
		return false, nil
	}
	add(e.root, e.o.Count, limit)
	seen := map[target]int{} // the lowest limit that each page was checked with
	for len(waiting) > 0 {
		j := waiting[len(waiting)-1]
		waiting = waiting[:len(waiting)-1]
		if j.limit <= 0 {
			return true, nil
		}
		if before, again := seen[j.at]; again && before <= j.limit {
			continue
		}
		seen[j.at] = j.limit
		if err := ctx.Err(); err != nil {
			return false, err
		}
		p, err := n.page(ctx, j.at)
		if err != nil {
			return false, err
		}
		for _, c := range p.children {
			add(c.at, c.count, j.limit)
		}
		for i := range p.lines {
			if p.lines[i].count <= int64(j.limit) {
				continue // too few entries for that depth
			}
			if sub := p.entry(i); sub.o.Kind == object.Folder {
				add(sub.root, sub.o.Count, j.limit-1)
			}
		}
	}
	return false, nil
}
