package tree

import (
	"context"
	"fmt"
	"time"

	"postern/vfs"
	"postern/vfs/object"
)

// MergeOptions name the two sides of a merge, for people.
type MergeOptions struct {
	// Ours and Theirs are the devices that made the two states.
	Ours, Theirs string
	// Time is the date of a conflict if the losing file has no time.
	Time time.Time
}

// Conflict describes a file or folder that both sides wrote, and the result. In paths names are normalised (NFC).
type Conflict struct {
	Path   string // the path of the one that kept the name
	Copy   string // the new path of the other
	Device string // the device that wrote the copy
	Carry  *Carry // where the changes of the copy belong; nil: it stays where it is
}

// Merge merges two trees that were both made from base. All three are trees of the same Nodes. Merge is a pure and
// symmetric function: with the two sides, and their names, exchanged it returns an equivalent tree. Merging an already
// merged tree again changes nothing.
//
// Changes of only one side are kept. Where both sides changed something:
//
//   - Folders merge member by member, also when both made the folder.
//   - Of two different contents of a file the one modified later keeps the name, since people take it for the
//     newest; at equal times the one with the greater version, which is random. The other is kept next to it under a
//     name with the word conflict, the device that wrote it, and the day (UTC) it was modified.
//   - Equal contents are no conflict: files of equal size, MD5 and SHA-1 are equal, whatever their versions.
//   - Times, content type, form of the name and each property merge on their own. Where both sides changed one of them
//     the later time of modification stays, the earlier one of creation, else the greater value.
//   - A file that one side changed or moved stays although the other side removed it, or a folder above it; of such a
//     folder only the changed files stay. A move is a removal and an addition: a file that one side moved and the other
//     changed is at its new path with the old contents, and at its old path with the new ones.
//   - A folder keeps its name against a file, which is kept next to it.
//   - A folder that replaced another one (it has another version) counts as the removal of that and the addition
//     of this; unchanged times and properties of the former give way to those of the latter.
//   - Mounts compare by the space they refer to. Two mounts of one space are one. A mount keeps its name against a
//     folder or file that was edited on the other side, which is kept next to it and reported with a Carry; if that was
//     only removed on the other side, the mount stays. Of mounts of two spaces, made on both sides, that with the smaller
//     id keeps the name. A mount that one side removed or replaced goes, unless the other side gave it another space.
//   - If the properties of both sides exceed the bound of one entry, the file, or an empty folder, is kept next to it
//     with those of one side.
//
// So every file, property and time that a side wrote and did not itself remove is kept, except for a time or the value
// of a property that the other side changed as well.
//
// Pages common to two sides are not loaded: the work is in proportion to the differences. Of equal entries at different
// places the merge takes those of theirs, which should be the newer commit.
//
// Errors are of type *vfs.Error: vfs.ErrInvalid for trees of different Nodes, vfs.ErrUnavailable, vfs.ErrCorrupt.
func Merge(ctx context.Context, base, ours, theirs Tree, o MergeOptions) (Tree, []Conflict, error) {
	if base.nodes == nil || base.nodes != ours.nodes || base.nodes != theirs.nodes {
		return Tree{}, nil, fail("merge", "/", fmt.Errorf("%w: trees of different nodes", vfs.ErrInvalid))
	}
	m := merger{nodes: base.nodes, devices: [2]string{device(o.Ours), device(o.Theirs)}, time: o.Time}
	if same(ours.root, theirs.root) || same(theirs.root, base.root) {
		return ours.may(theirs.mounts), nil, nil
	}
	if same(ours.root, base.root) {
		return theirs.may(ours.mounts), nil, nil
	}
	root, err := m.run(ctx, base.root, ours.root, theirs.root)
	if err != nil {
		return Tree{}, nil, err
	}
	return Tree{base.nodes, root, ours.mounts || theirs.mounts}, m.conflicts, nil
}

type merger struct {
	nodes     *Nodes
	devices   [2]string // ours, theirs
	time      time.Time
	conflicts []Conflict
	levels    []*level // the folders being merged, each within the one before
}

// copied is an entry that lost its name to another.
type copied struct {
	kept   *location // the path of the winner
	entry  *entry
	device string
	carry  *Carry
}

// then takes the result of a merge and continues with it. A merge that needs the members of folders pushes a level, and
// calls its then when that is done: so no merge waits for another on the call stack, however deep folders are nested.
type then func(ctx context.Context, merged *entry) error

// entry merges the entries at a path: base, ours and theirs, each of which may be nil. Entries that lose their name are
// added to copies.
func (m *merger) entry(ctx context.Context, at *location, b, o, t *entry, copies *[]copied, next then) error {
	switch {
	case same(o, b) || same(o, t):
		return next(ctx, t)
	case same(t, b):
		if o != nil && o.o.Kind == object.File && t != nil && sameContents(o, t) {
			return next(ctx, lying(o, t))
		}
		return next(ctx, o)
	case isMount(o) || isMount(t):
		return m.mounts(ctx, at, b, o, t, copies, next)
	}
	if b == nil || b.o.Kind != object.Folder {
		return m.sides(ctx, at, b, o, t, copies, next)
	}
	// A side without this folder removed it. Of the other side's folder only its own changes stay.
	switch ours, theirs := continues(b, o), continues(b, t); {
	case ours && theirs:
		return m.sides(ctx, at, b, o, t, copies, next)
	case ours:
		return m.written(ctx, at, b, o, t, func(ctx context.Context, o *entry) error {
			return m.sides(ctx, at, nil, o, t, copies, next)
		})
	case theirs:
		return m.written(ctx, at, b, t, o, func(ctx context.Context, t *entry) error {
			return m.sides(ctx, at, nil, o, t, copies, next)
		})
	}
	return m.sides(ctx, at, nil, o, t, copies, next)
}

// sides is entry after the removal of a folder was handled.
func (m *merger) sides(ctx context.Context, at *location, b, o, t *entry, copies *[]copied, next then) error {
	switch {
	case o == nil:
		return next(ctx, t)
	case t == nil:
		return next(ctx, o)
	}
	if b != nil && b.o.Kind != o.o.Kind {
		b = nil
	}
	switch folder := [2]bool{o.o.Kind == object.Folder, t.o.Kind == object.Folder}; folder {
	case [2]bool{true, true}:
		return m.folders(ctx, at, b, o, t, copies, next)
	case [2]bool{true, false}:
		*copies = append(*copies, copied{kept: at, entry: t, device: m.devices[1]})
		return next(ctx, o)
	case [2]bool{false, true}:
		*copies = append(*copies, copied{kept: at, entry: o, device: m.devices[0]})
		return next(ctx, t)
	}
	return next(ctx, m.files(at, b, o, t, copies))
}

// continues reports whether e is the same folder as b, with any contents.
func continues(b, e *entry) bool {
	return e != nil && e.o.Kind == object.Folder && e.o.Version == b.o.Version
}

// written returns the changes that a side made in a folder that the other side removed, or nil if there are none. If
// the other side put another folder in its place, the changes go into that one.
func (m *merger) written(ctx context.Context, at *location, b, e, other *entry, next then) error {
	void := e.holding(target{}, &page{})
	m.push(at, m.nodes.differ(b, e), [3]*entry{b, void, e}, void, func(ctx context.Context, members *entry) error {
		if members.root.empty() && sameMeta(b, e) {
			return next(ctx, nil)
		}
		if other != nil && other.o.Kind == object.Folder {
			members = joining(b, members, other)
		}
		return next(ctx, members)
	})
	return nil
}

// folders merges two folders, with their common base unless it is nil.
func (m *merger) folders(ctx context.Context, at *location, b, o, t *entry, copies *[]copied, next then) error {
	d, err := m.shorter(ctx, b, o, t)
	if err != nil {
		return at.failed(err)
	}
	m.push(at, d, [3]*entry{b, o, t}, t, func(ctx context.Context, members *entry) error {
		merged := *members
		var err error
		if merged.o.Properties, err = mergeProperties(b, o, t); err != nil {
			// The properties exceed the bound. Those of the loser go to an empty folder next to it.
			kept, other, device := m.rank(o, t)
			merged.o.Properties = kept.o.Properties
			*copies = append(*copies, copied{kept: at, entry: other.holding(target{}, &page{}), device: device})
		}
		mergeMeta(&merged, b, o, t)
		merged.o.Version = three(b, o, t, func(e *entry) vfs.Version { return e.o.Version }, laterVersion)
		return next(ctx, &merged)
	})
	return nil
}

// files merges two files.
func (m *merger) files(at *location, b, o, t *entry, copies *[]copied) *entry {
	var from *entry
	switch {
	case sameContents(o, t):
		from = lying(o, t)
	case b != nil && sameContents(b, o):
		from = t
	case b != nil && sameContents(b, t):
		from = o
	case sameBytes(o, t):
		if from = o; laterVersion(o.o.Version, t.o.Version) != o.o.Version {
			from = t
		}
	}
	if from != nil {
		properties, err := mergeProperties(b, o, t)
		if err == nil {
			merged := *from
			merged.o.Properties = properties
			mergeMeta(&merged, b, o, t)
			return &merged
		}
	}
	kept, other, device := m.rank(o, t)
	*copies = append(*copies, copied{kept: at, entry: other, device: device})
	return kept
}

// rank returns the entry that keeps the name, the other one, and the device that wrote the other.
func (m *merger) rank(o, t *entry) (kept, other *entry, device string) {
	if compare(o, t) >= 0 {
		return o, t, m.devices[1]
	}
	return t, o, m.devices[0]
}
