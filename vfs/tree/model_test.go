package tree_test

import (
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/tree"
)

// node is a file or folder of the model, which says in the plainest form what the tree must contain.
type node struct {
	name              string
	folder            bool
	version           vfs.Version
	modified, created int64
	contentType       string
	props             map[vfs.PropertyName]vfs.Property
	body              string
	kids              map[string]*node // by normalised name
}

func newModel() *node { return &node{folder: true, kids: map[string]*node{}} }

func (n *node) clone() *node {
	c := *n
	c.props = maps.Clone(n.props)
	if n.kids != nil {
		c.kids = map[string]*node{}
		for k, kid := range n.kids {
			c.kids[k] = kid.clone()
		}
	}
	return &c
}

func (n *node) size() int64 {
	sum := int64(len(n.body))
	for _, kid := range n.kids {
		sum += kid.size()
	}
	return sum
}

func (n *node) count() int64 {
	var sum int64
	for _, kid := range n.kids {
		sum += 1 + kid.count()
	}
	return sum
}

func (n *node) properties() []vfs.Property {
	return slices.SortedFunc(maps.Values(n.props), func(a, b vfs.Property) int {
		return object.CompareProperties(a.Name, b.Name)
	})
}

// find returns the parent, the key and the node, nil if there is none.
func (n *node) find(path string) (parent *node, key string, at *node, err error) {
	at = n
	if path == "/" {
		return nil, "", n, nil
	}
	for name := range strings.SplitSeq(path[1:], "/") {
		if at == nil {
			return nil, "", nil, vfs.ErrNotExist
		}
		if !at.folder {
			return nil, "", nil, vfs.ErrNotFolder
		}
		parent, key = at, norm.NFC.String(name)
		at = parent.kids[key]
	}
	return parent, key, at, nil
}

func base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// holds reports whether at is n or lies below it.
func (n *node) holds(at *node) bool {
	if n == at {
		return true
	}
	for _, kid := range n.kids {
		if kid.holds(at) {
			return true
		}
	}
	return false
}

// apply changes the model as the op changes a tree. body is that of a Put.
func (n *node) apply(op tree.Op, body string) error {
	switch op := op.(type) {
	case tree.Put:
		return n.put(op, body)
	case tree.Mkdir:
		parent, key, at, err := n.find(op.Path)
		if err != nil {
			return err
		}
		if at != nil {
			return vfs.ErrExist
		}
		ns := op.Time.UnixNano()
		parent.kids[key] = &node{name: base(op.Path), folder: true, version: op.Version, modified: ns, created: ns,
			kids: map[string]*node{}}
		return nil
	case tree.Remove:
		parent, key, at, err := n.find(op.Path)
		switch {
		case err != nil:
			return err
		case at == nil:
			return vfs.ErrNotExist
		case parent == nil:
			return vfs.ErrInvalid
		}
		delete(parent.kids, key)
		return nil
	case tree.Move:
		return n.transfer(op.From, op.To, op.Replace, false, true, op.Modified)
	case tree.Copy:
		return n.transfer(op.From, op.To, op.Replace, op.Shallow, false, op.Modified)
	case tree.Patch:
		return n.patch(op)
	}
	panic("no such op")
}

func (n *node) put(op tree.Put, body string) error {
	parent, key, at, err := n.find(op.Path)
	if err != nil {
		return err
	}
	if at != nil && at.folder {
		return vfs.ErrIsFolder
	}
	f := &node{name: base(op.Path), version: op.Entry.Version, modified: op.Entry.Modified, created: op.Entry.Created,
		contentType: op.Entry.ContentType, body: body}
	if at != nil {
		f.name, f.created, f.props = at.name, at.created, at.props
		if f.contentType == "" {
			f.contentType = at.contentType
		}
		if op.Chosen {
			was, now := time.Unix(0, at.modified).Truncate(time.Second), time.Unix(0, f.modified).Truncate(time.Second)
			if !was.Before(now) && was.Sub(now) < 2*time.Second {
				f.modified = was.Add(time.Second).UnixNano()
			}
		}
	}
	parent.kids[key] = f
	return nil
}

func (n *node) transfer(from, to string, replace, shallow, move bool, modified time.Time) error {
	parent, key, src, err := n.find(from)
	switch {
	case err != nil:
		return err
	case src == nil:
		return vfs.ErrNotExist
	}
	toParent, toKey, dst, err := n.find(to)
	if err != nil {
		return err
	}
	switch {
	case src == dst:
		if !move || parent == nil || base(to) == src.name {
			return vfs.ErrInvalid
		}
		src.name = base(to)
		if !modified.IsZero() {
			src.modified = modified.UnixNano()
		}
		return nil
	case move && src.holds(toParent), dst != nil && dst.holds(src):
		return vfs.ErrInvalid
	case dst != nil && !replace:
		return vfs.ErrExist
	}
	c := src.clone()
	if move {
		delete(parent.kids, key)
	} else if shallow && c.folder {
		c.kids = map[string]*node{}
	}
	c.name = base(to)
	if dst != nil {
		c.name = dst.name
	}
	if !modified.IsZero() {
		c.modified = modified.UnixNano()
	}
	toParent.kids[toKey] = c
	return nil
}

func (n *node) patch(op tree.Patch) error {
	_, _, at, err := n.find(op.Path)
	if err != nil {
		return err
	}
	if at == nil {
		return vfs.ErrNotExist
	}
	props := maps.Clone(at.props)
	if props == nil {
		props = map[vfs.PropertyName]vfs.Property{}
	}
	for _, name := range op.Remove {
		delete(props, name)
	}
	sum := 0
	for _, p := range op.Set {
		props[p.Name] = p
	}
	for _, p := range props {
		sum += object.PropertySize(p)
	}
	if sum > object.MaxProperties {
		return vfs.ErrTooLarge
	}
	at.props = props
	if !op.Modified.IsZero() {
		at.modified = op.Modified.UnixNano()
	}
	if !op.Created.IsZero() {
		at.created = op.Created.UnixNano()
	}
	return nil
}
