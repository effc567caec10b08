package vfstest

import (
	"context"
	"slices"

	"postern/vfs"
)

// Mkdir implements vfs.Writer.
func (m *Model) Mkdir(ctx context.Context, path string, cond vfs.Cond) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, err := m.change(ctx, "mkdir", path, cond)
	if err != nil {
		return err
	}
	if at.node != nil {
		return fail("mkdir", path, vfs.ErrExist)
	}
	if at.parent.info.ReadOnly {
		return fail("mkdir", path, vfs.ErrReadOnly)
	}
	at.parent.kids[at.key] = m.newFolder(at.name)
	return nil
}

// Remove implements vfs.Writer.
func (m *Model) Remove(ctx context.Context, path string, cond vfs.Cond) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, err := m.change(ctx, "remove", path, cond)
	if err != nil {
		return err
	}
	if at.node == nil {
		return fail("remove", path, vfs.ErrNotExist)
	}
	if at.fixed() {
		return fail("remove", path, vfs.ErrReadOnly)
	}
	delete(at.parent.kids, at.key)
	return nil
}

// Move implements vfs.Writer.
func (m *Model) Move(ctx context.Context, from, to string, o vfs.CopyOptions) (bool, error) {
	return m.transfer(ctx, "move", from, to, o)
}

// Copy implements vfs.Writer.
func (m *Model) Copy(ctx context.Context, from, to string, o vfs.CopyOptions) (bool, error) {
	return m.transfer(ctx, "copy", from, to, o)
}

func (m *Model) transfer(ctx context.Context, op, from, to string, o vfs.CopyOptions) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := split(to); !ok {
		return false, fail(op, to, vfs.ErrName)
	}
	if err := m.begin(ctx, op, from); err != nil {
		return false, err
	}
	if o.Cond != nil {
		if err := o.Cond(ctx, look{m}); err != nil {
			return false, err
		}
	}
	if _, err := m.lookup(op, from); err != nil {
		return false, err
	}
	src, _ := m.find(from)
	dst, err := m.find(to)
	if err != nil {
		return false, fail(op, to, err)
	}
	move := op == "move"
	form := move && src.node == dst.node && src.parent != nil && src.node.info.Name != dst.name
	switch {
	case src.node == dst.node && !form, move && within(src.node, dst), dst.node != nil && within(dst.node, src):
		// The destination is the source, is below it, or is a folder above it.
		return false, fail(op, to, vfs.ErrInvalid)
	case move && src.fixed():
		return false, fail(op, from, vfs.ErrReadOnly)
	case dst.fixed():
		return false, fail(op, to, vfs.ErrReadOnly)
	case dst.node != nil && !o.Replace && !form:
		return false, fail(op, to, vfs.ErrExist)
	}
	moved := src.node
	if move {
		delete(src.parent.kids, src.key)
	} else {
		moved = src.node.clone(o.Shallow)
	}
	moved.info.Name = dst.name
	if dst.node != nil && !form {
		moved.info.Name = dst.node.info.Name // the stored form of the name stays
	}
	if !o.Modified.IsZero() {
		moved.info.Modified = o.Modified.Round(0).UTC()
	}
	dst.parent.kids[dst.key] = moved
	return dst.node != nil && !form, nil
}

// Patch implements vfs.Writer. It applies Remove before Set.
func (m *Model) Patch(ctx context.Context, path string, p vfs.Patch, cond vfs.Cond) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, err := m.change(ctx, "patch", path, cond)
	if err != nil {
		return err
	}
	if at.node == nil {
		return fail("patch", path, vfs.ErrNotExist)
	}
	if at.node.info.ReadOnly {
		return fail("patch", path, vfs.ErrReadOnly)
	}
	props := slices.Clone(at.node.info.Properties)
	for _, name := range p.Remove {
		props = slices.DeleteFunc(props, func(have vfs.Property) bool { return have.Name == name })
	}
	for _, set := range p.Set {
		if set.Name.Local == "" {
			return fail("patch", path, vfs.ErrInvalid)
		}
		i := slices.IndexFunc(props, func(have vfs.Property) bool { return have.Name == set.Name })
		if i < 0 {
			props = append(props, set)
		} else {
			props[i] = set
		}
	}
	at.node.info.Properties = props
	if !p.Modified.IsZero() {
		at.node.info.Modified = p.Modified.Round(0).UTC()
	}
	if !p.Created.IsZero() {
		at.node.info.Created = p.Created.Round(0).UTC()
	}
	return nil
}

// change begins a change at one path: it checks the name, resolves the path and calls the condition.
func (m *Model) change(ctx context.Context, op, path string, cond vfs.Cond) (place, error) {
	if _, ok := split(path); !ok {
		return place{}, fail(op, path, vfs.ErrName)
	}
	if err := m.begin(ctx, op, path); err != nil {
		return place{}, err
	}
	if cond != nil {
		if err := cond(ctx, look{m}); err != nil {
			return place{}, err
		}
	}
	at, err := m.find(path)
	if err != nil {
		return place{}, fail(op, path, err)
	}
	return at, nil
}

// fixed reports whether the entry at the place cannot be made, replaced or removed.
func (p place) fixed() bool {
	return p.parent == nil || p.parent.info.ReadOnly || p.node != nil && p.node.info.ReadOnly
}

// within reports whether a place is in a folder, at any depth.
func within(folder *node, at place) bool {
	if at.parent == folder {
		return true
	}
	for _, kid := range folder.kids {
		if kid.info.Folder && within(kid, at) {
			return true
		}
	}
	return false
}

// look gives a condition access to the model while its lock is held.
type look struct{ m *Model }

// Stat implements vfs.Stater.
func (l look) Stat(ctx context.Context, path string) (vfs.Info, error) { return l.m.stat(ctx, path) }
