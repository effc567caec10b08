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
	// Time dates a conflict when the losing file tells no time.
	Time time.Time
}

// Conflict tells of a file or folder that both sides wrote, and what became of it. In paths names are normalised (NFC).
type Conflict struct {
	Path   string // where the one is that kept the name
	Copy   string // where the other is now
	Device string // the one that wrote the copy
}

// Merge makes one tree of two that were both made from base. All three are trees of the same Nodes. It is a pure
// function, and who merges makes no difference: with the two sides, and their names, the other way round it makes a
// tree that means the same. Merging again what is merged already changes nothing.
//
// What only one side changed is as that side has it. What both changed:
//
//   - Folders merge member by member, also when both made the folder.
//   - Of two different contents of a file the one stays that was modified later, which is what people take for the
//     newest; at the same time the one with the greater version, which is random. The other stands beside it under a
//     name that tells of the conflict, the device that wrote it, and the day (UTC) it was modified.
//   - The same contents are no conflict: versions apart, what has the same size, MD5 and SHA-1 is the same.
//   - Times, content type, form of the name and each property merge on their own. Where both sides changed one of them
//     the later time of modification stays, the earlier one of creation, else the greater value.
//   - What was changed or moved on one side stays although the other side removed it, or a folder above it; of such a
//     folder just what was changed stays. A move is a removal and an addition: a file that one side moved and the other
//     changed is in its new place as it was, and in its old one as it is.
//   - A folder keeps the name against a file, which stands beside it.
//   - Another folder that took the place of one (its version tells) counts as the removal of the one and the addition
//     of the other; in times and properties what was not changed in the one gives way to what the other has.
//   - Where properties of both sides are more than one entry can have, the file, or an empty folder, stands beside it
//     with those of one side.
//
// So every file, property and time that one side wrote and that side itself did not remove is there, but for a time or
// the value of a property that the other side changed as well.
//
// Pages that the same reference leads to on two sides are not loaded: the work is in proportion to what differs. What
// lies in different places, but means the same, is taken from theirs, which should be the newer commit.
//
// Errors are of type *vfs.Error: vfs.ErrInvalid for trees of different Nodes, vfs.ErrUnavailable, vfs.ErrCorrupt.
func Merge(ctx context.Context, base, ours, theirs Tree, o MergeOptions) (Tree, []Conflict, error) {
	if base.nodes == nil || base.nodes != ours.nodes || base.nodes != theirs.nodes {
		return Tree{}, nil, fail("merge", "/", fmt.Errorf("%w: trees of different nodes", vfs.ErrInvalid))
	}
	m := merger{nodes: base.nodes, devices: [2]string{device(o.Ours), device(o.Theirs)}, time: o.Time}
	if same(ours.root, theirs.root) || same(theirs.root, base.root) {
		return ours, nil, nil
	}
	if same(ours.root, base.root) {
		return theirs, nil, nil
	}
	root, err := m.run(ctx, base.root, ours.root, theirs.root)
	if err != nil {
		return Tree{}, nil, err
	}
	return Tree{base.nodes, root}, m.conflicts, nil
}

type merger struct {
	nodes     *Nodes
	devices   [2]string // ours, theirs
	time      time.Time
	conflicts []Conflict
	levels    []*level // the folders under way, each within the one before
}

// copied is what has to give way to another of its name.
type copied struct {
	kept   *location // the place of the other
	entry  *entry
	device string
}

// then takes what a merge came to, and goes on with it. A merge that needs what is in folders puts a level on the
// stack, and calls its then when that is done: so no merge waits on the call stack for another, however deep folders
// lie in each other.
type then func(ctx context.Context, merged *entry) error

// entry merges what lies at a place: base, ours and theirs, each of which may be nil. What can't stay there is added to
// copies.
func (m *merger) entry(ctx context.Context, at *location, b, o, t *entry, copies *[]copied, next then) error {
	switch {
	case same(o, b) || same(o, t):
		return next(ctx, t)
	case same(t, b):
		if o != nil && o.o.Kind == object.File && t != nil && sameContents(o, t) {
			return next(ctx, lying(o, t))
		}
		return next(ctx, o)
	}
	if b == nil || b.o.Kind != object.Folder {
		return m.sides(ctx, at, b, o, t, copies, next)
	}
	// A side that no longer has this folder removed it. Of what the other side has of it, only its own changes stay.
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

// sides is entry once the removal of a folder has been dealt with.
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
		*copies = append(*copies, copied{at, t, m.devices[1]})
		return next(ctx, o)
	case [2]bool{false, true}:
		*copies = append(*copies, copied{at, o, m.devices[0]})
		return next(ctx, t)
	}
	return next(ctx, m.files(at, b, o, t, copies))
}

// continues reports whether e is the folder that b was, with whatever in it.
func continues(b, e *entry) bool {
	return e != nil && e.o.Kind == object.Folder && e.o.Version == b.o.Version
}

// written finds what a side wrote in a folder that the other side removed: nil when it is nothing. When the other side
// put another folder in its place, it is on its way into that one.
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

// folders merges two folders, and a third that both were made from unless it is nil.
func (m *merger) folders(ctx context.Context, at *location, b, o, t *entry, copies *[]copied, next then) error {
	d, err := m.shorter(ctx, b, o, t)
	if err != nil {
		return at.failed(err)
	}
	m.push(at, d, [3]*entry{b, o, t}, t, func(ctx context.Context, members *entry) error {
		merged := *members
		var err error
		if merged.o.Properties, err = mergeProperties(b, o, t); err != nil {
			// More than one folder can have. Those of the one go to an empty folder beside it.
			kept, other, device := m.rank(o, t)
			merged.o.Properties = kept.o.Properties
			*copies = append(*copies, copied{at, other.holding(target{}, &page{}), device})
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
	*copies = append(*copies, copied{at, other, device})
	return kept
}

// rank returns which of two keeps the name, and the device that wrote the other.
func (m *merger) rank(o, t *entry) (kept, other *entry, device string) {
	if compare(o, t) >= 0 {
		return o, t, m.devices[1]
	}
	return t, o, m.devices[0]
}
