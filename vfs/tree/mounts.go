package tree

import (
	"context"
	"errors"
	"path"

	"postern/vfs"
	"postern/vfs/object"
)

// maxSearched bounds the pages that a search for mounts loads: about a million entries.
const maxSearched = 1 << 15

var errSearched = errors.New("it is too large to look for shared folders in it")

// Mounts returns the mounts at and below a path, at most limit of them. Only Path, Entry and Target are set. It loads
// the pages below the path, unless the tree holds no mounts; a folder that more than maxSearched pages would have to be
// loaded for is vfs.ErrTooLarge. Other errors are those of Lookup.
func (t Tree) Mounts(ctx context.Context, at string, limit int) ([]Mounted, error) {
	if !t.mounts {
		return nil, nil
	}
	e, err := t.lookup(ctx, at)
	if err == nil {
		s := search{nodes: t.nodes, limit: limit}
		if err = s.run(ctx, at, e); err == nil {
			return s.found, nil
		}
	}
	return nil, fail("look for shared folders in", at, err)
}

// search looks for mounts. It keeps a stack, since folders can be nested without bound.
type search struct {
	nodes *Nodes
	limit int
	pages int
	found []Mounted
	stack []searched
}

// searched is a page to search, of the folder at a path.
type searched struct {
	path string
	at   target
}

func (s *search) run(ctx context.Context, at string, e *entry) error {
	s.entry(at, e)
	for len(s.stack) > 0 && len(s.found) < s.limit {
		next := s.stack[len(s.stack)-1]
		s.stack = s.stack[:len(s.stack)-1]
		if s.pages++; s.pages > maxSearched {
			return &vfs.Error{Op: "search", Path: at, Kind: vfs.ErrTooLarge, Err: errSearched}
		}
		p, err := s.nodes.peek(ctx, next.at)
		if err != nil {
			return err
		}
		for i := range p.children {
			s.stack = append(s.stack, searched{next.path, p.children[i].at})
		}
		for i := range p.lines {
			if l := &p.lines[i]; l.bytes == 0 || l.count > 1 { // not a file with contents
				e := p.entry(i)
				s.entry(path.Join(next.path, e.o.Name), e)
			}
		}
	}
	return nil
}

func (s *search) entry(at string, e *entry) {
	switch {
	case e.o.Kind == object.Mount && len(s.found) < s.limit:
		s.found = append(s.found, Mounted{Path: at, Entry: Entry{e}, Target: e.o.Target})
	case e.o.Kind == object.Folder && !e.root.empty():
		s.stack = append(s.stack, searched{at, e.root})
	}
}

// LastUpTo returns the entry of a folder with the greatest name, by sort key, up to name; zero if there is none. Errors
// are those of List.
func (t Tree) LastUpTo(ctx context.Context, folder, name string) (Entry, error) {
	e, err := t.lookup(ctx, folder)
	if err == nil {
		err = e.enter()
	}
	if err == nil {
		e, err = t.nodes.lastUpTo(ctx, e, object.SortKey(name))
	}
	if err != nil {
		return Entry{}, fail("list", folder, err)
	}
	return Entry{e}, nil
}

func (n *Nodes) lastUpTo(ctx context.Context, folder *entry, key string) (*entry, error) {
	p, err := n.rootPage(ctx, folder)
	if err != nil || p == nil || key < p.first() {
		return nil, err
	}
	for p.level > 0 {
		if p, err = n.childPage(ctx, p, p.childFor(key)); err != nil {
			return nil, err
		}
	}
	i, found := p.lineFor(key)
	if !found {
		i--
	}
	return p.entry(i), nil
}
