package tree

import (
	"bytes"
	"cmp"
	"context"

	"postern/crypto"
	"postern/vfs/object"
)

// Carry says that a conflict's copy holds changes that belong into the space that has taken its place: a folder or file
// was edited on one side, while the other side replaced it by a mount.
type Carry struct {
	Space crypto.PointerID // that took its place
	// Base is the folder or file before both changes, as in the base of the merge. Its kind is 0 if there was none.
	Base object.Entry
}

func isMount(e *entry) bool { return e != nil && e.o.Kind == object.Mount }

// spaceOf returns the space that a mount refers to; zero for another entry.
func spaceOf(e *entry) (id crypto.PointerID) {
	if isMount(e) {
		id = e.o.Target.Capability.ID
	}
	return id
}

// mounts merges entries of which ours or theirs is a mount, and neither is equal to base or to the other.
func (m *merger) mounts(ctx context.Context, at *location, b, o, t *entry, copies *[]copied, next then) error {
	switch {
	case isMount(o) && isMount(t):
		return next(ctx, m.twoMounts(at, b, o, t, copies))
	case isMount(o):
		return next(ctx, m.mountOr(at, b, o, t, m.devices[1], copies))
	}
	return next(ctx, m.mountOr(at, b, t, o, m.devices[0], copies))
}

// mountOr merges a mount of one side with what the other side, device, has there: a folder, a file, or nothing.
func (m *merger) mountOr(at *location, b, mount, other *entry, device string, copies *[]copied) *entry {
	switch {
	case spaceOf(b) == spaceOf(mount): // it is removed or replaced, and does not refer to another space
		return other
	case other == nil:
		return mount
	}
	edited := b == nil || b.o.Kind != other.o.Kind || b.o.Version != other.o.Version ||
		!sameTarget(b.root, other.root) || !sameContents(b, other)
	if !edited {
		if merged, ok := mergedMount(b, mount, other, mount); ok {
			return merged
		}
	}
	c := copied{kept: at, entry: other, device: device, carry: &Carry{Space: spaceOf(mount)}}
	if b != nil && b.o.Kind == other.o.Kind {
		c.carry.Base, _ = Entry{b}.Object()
	}
	*copies = append(*copies, c)
	return mount
}

// twoMounts merges two mounts. Those of one space are one; of two spaces, that stays which one side put in place of the
// base's, else the smaller id, and the other is kept next to it.
func (m *merger) twoMounts(at *location, b, o, t *entry, copies *[]copied) *entry {
	kept, other, device := o, t, m.devices[1]
	base, ours, theirs := spaceOf(b), spaceOf(o), spaceOf(t)
	one := ours == theirs || base == ours || base == theirs // only one side put another space there
	if base == ours && ours != theirs || base != theirs && bytes.Compare(ours[:], theirs[:]) > 0 {
		kept, other, device = t, o, m.devices[0]
	}
	if one {
		if merged, ok := mergedMount(b, o, t, kept); ok {
			return merged
		}
		kept, other, device = m.rank(o, t)
	}
	*copies = append(*copies, copied{kept: at, entry: other, device: device})
	return kept
}

// mergedMount returns a mount with the times, name and properties of both sides; false if there are too many
// properties.
func mergedMount(b, o, t, mount *entry) (*entry, bool) {
	properties, err := mergeProperties(b, o, t)
	if err != nil {
		return nil, false
	}
	merged := *mount
	merged.o.Properties = properties
	mergeMeta(&merged, b, o, t)
	merged.o.ContentType = ""
	merged.o.Version = three(b, o, t, func(e *entry) [16]byte { return e.o.Version }, func(x, y [16]byte) [16]byte {
		return laterVersion(x, y)
	})
	if spaceOf(o) == spaceOf(t) {
		target := three(b, o, t, func(e *entry) object.Target {
			if e.o.Target == nil {
				return object.Target{}
			}
			return *e.o.Target
		}, laterTarget)
		merged.o.Target = &target
	}
	return &merged, true
}

// laterTarget returns the target with the greater epoch. The remaining criteria make the order total.
func laterTarget(x, y object.Target) object.Target {
	c := cmp.Or(cmp.Compare(x.Capability.Epoch, y.Capability.Epoch), bytes.Compare(x.Seed[:], y.Seed[:]),
		bytes.Compare(x.Capability.Marshal(), y.Capability.Marshal()))
	if c > 0 || c == 0 && x.File {
		return x
	}
	return y
}
