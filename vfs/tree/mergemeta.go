package tree

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"postern/vfs"
	"postern/vfs/object"
)

// same reports whether two entries are equivalent, or both are nil. It may report false for folders of equal contents
// on different pages.
func same(x, y *entry) bool {
	switch {
	case x == y:
		return true
	case x == nil || y == nil || x.o.Kind != y.o.Kind || !sameMeta(x, y):
		return false
	case x.o.Kind == object.Folder:
		return sameTarget(x.root, y.root)
	}
	return sameContents(x, y)
}

// sameMeta reports whether everything is equal except the contents of the file or folder.
func sameMeta(x, y *entry) bool {
	return x.o.Name == y.o.Name && x.o.Version == y.o.Version && x.o.Modified == y.o.Modified &&
		x.o.Created == y.o.Created &&
		x.o.ContentType == y.o.ContentType && slices.Equal(x.o.Properties, y.o.Properties)
}

// sameContents reports whether two files have the same contents from the same write, or two mounts the same target.
func sameContents(x, y *entry) bool {
	return x.o.Version == y.o.Version && x.o.Size == y.o.Size && x.o.MD5 == y.o.MD5 && x.o.SHA1 == y.o.SHA1 &&
		sameSpace(x, y)
}

// sameSpace reports whether two entries are mounts of one space, or both are not mounts.
func sameSpace(x, y *entry) bool {
	if x.o.Target == nil || y.o.Target == nil {
		return x.o.Target == y.o.Target
	}
	return *x.o.Target == *y.o.Target
}

// sameBytes reports whether two files have equal contents, even from different writes. No two different files with
// equal MD5 and SHA-1 are known.
func sameBytes(x, y *entry) bool {
	hashed := x.o.Size == 0 && x.o.Target == nil && y.o.Target == nil || x.o.MD5 != [16]byte{} && x.o.SHA1 != [20]byte{}
	return hashed && x.o.Size == y.o.Size && x.o.MD5 == y.o.MD5 && x.o.SHA1 == y.o.SHA1
}

// lying returns the file of ours with the content reference of theirs. Theirs is the newer commit: it may have moved
// the contents to a blob that is kept for longer.
func lying(ours, theirs *entry) *entry {
	e := *ours
	e.o.Content, e.content = theirs.o.Content, theirs.content
	return &e
}

// compare orders two entries of one name of which only one can keep it: by time of modification, then by version. The
// remaining criteria make the order total.
func compare(x, y *entry) int {
	if c := cmp.Or(cmp.Compare(x.o.Modified, y.o.Modified), bytes.Compare(x.o.Version[:], y.o.Version[:]),
		cmp.Compare(x.o.Size, y.o.Size), bytes.Compare(x.o.SHA1[:], y.o.SHA1[:]), bytes.Compare(x.o.MD5[:], y.o.MD5[:]),
		cmp.Compare(x.o.Created, y.o.Created), cmp.Compare(x.o.ContentType, y.o.ContentType), cmp.Compare(x.o.Name, y.o.Name),
		compareSpaces(x.o.Target, y.o.Target)); c != 0 {
		return c
	}
	return slices.CompareFunc(x.o.Properties, y.o.Properties, func(p, q vfs.Property) int {
		return cmp.Or(object.CompareProperties(p.Name, q.Name), compareValues(p, q))
	})
}

// compareSpaces orders mounts by their space; entries that are not mounts come first.
func compareSpaces(x, y *object.Target) int {
	switch {
	case x == nil && y == nil:
		return 0
	case x == nil:
		return -1
	case y == nil:
		return 1
	}
	return bytes.Compare(x.Capability.ID[:], y.Capability.ID[:])
}

func compareValues(p, q vfs.Property) int {
	return cmp.Or(strings.Compare(p.Value, q.Value), strings.Compare(p.Lang, q.Lang))
}

func laterVersion(a, b vfs.Version) vfs.Version {
	if bytes.Compare(a[:], b[:]) >= 0 {
		return a
	}
	return b
}

// three merges one value of entries. Both chooses if it was changed on both sides; it must be commutative and
// associative, so that all orders of merges have the same result.
func three[T comparable](b, o, t *entry, value func(*entry) T, both func(T, T) T) T {
	vo, vt := value(o), value(t)
	switch {
	case b != nil && vo == value(b):
		return vt
	case b != nil && vt == value(b):
		return vo
	}
	return both(vo, vt)
}

// mergeMeta merges into e the fields other than contents, properties and version.
func mergeMeta(e, b, o, t *entry) {
	e.o.Modified = three(b, o, t, func(e *entry) int64 {
		return e.o.Modified
	}, func(x, y int64) int64 { return max(x, y) })
	e.o.Created = three(b, o, t, func(e *entry) int64 { return e.o.Created }, func(x, y int64) int64 { return min(x, y) })
	e.o.ContentType = three(b, o, t, func(e *entry) string {
		return e.o.ContentType
	}, func(x, y string) string { return max(x, y) })
	e.o.Name = three(b, o, t, func(e *entry) string { return e.o.Name }, func(x, y string) string { return max(x, y) })
}

// joining returns e, made from b, on its way into another folder: only its changed fields compete with that folder's.
func joining(b, e, into *entry) *entry {
	j := *e
	j.o.Version, j.o.Properties = into.o.Version, nil
	if e.o.Modified == b.o.Modified {
		j.o.Modified = into.o.Modified
	}
	if e.o.Created == b.o.Created {
		j.o.Created = into.o.Created
	}
	if e.o.Name == b.o.Name {
		j.o.Name = into.o.Name
	}
	for _, p := range e.o.Properties {
		i, found := slices.BinarySearchFunc(b.o.Properties, p.Name, func(p vfs.Property, name vfs.PropertyName) int {
			return object.CompareProperties(p.Name, name)
		})
		if !found || b.o.Properties[i] != p {
			j.o.Properties = append(j.o.Properties, p)
		}
	}
	return &j
}

// mergeProperties merges the properties of two entries, each on its own. A property removed on one side and set on the
// other stays. The error is vfs.ErrTooLarge if they exceed the bound of one entry.
func mergeProperties(b, o, t *entry) ([]vfs.Property, error) {
	before := map[vfs.PropertyName]vfs.Property{}
	if b != nil {
		for _, p := range b.o.Properties {
			before[p.Name] = p
		}
	}
	var merged []vfs.Property
	sum := 0
	keep := func(p vfs.Property) {
		merged = append(merged, p)
		sum += object.PropertySize(p)
	}
	x, y := o.o.Properties, t.o.Properties
	for len(x)+len(y) > 0 {
		c := -1
		switch {
		case len(x) == 0:
			c = 1
		case len(y) > 0:
			c = object.CompareProperties(x[0].Name, y[0].Name)
		}
		switch {
		case c < 0: // the other side never had it, or removed it
			if x[0] != before[x[0].Name] {
				keep(x[0])
			}
			x = x[1:]
		case c > 0:
			if y[0] != before[y[0].Name] {
				keep(y[0])
			}
			y = y[1:]
		default:
			was, had := before[x[0].Name]
			switch {
			case had && x[0] == was:
				keep(y[0])
			case had && y[0] == was || compareValues(x[0], y[0]) >= 0:
				keep(x[0])
			default:
				keep(y[0])
			}
			x, y = x[1:], y[1:]
		}
	}
	if sum > object.MaxProperties {
		return nil, fmt.Errorf("%w: properties of %d bytes", vfs.ErrTooLarge, sum)
	}
	return merged, nil
}
