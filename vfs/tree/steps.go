package tree

import (
	"context"
	"fmt"
	"slices"

	"postern/vfs"
	"postern/vfs/object"
)

// Steps calls do with the operations that turn one tree into another of the same Nodes, folders before what is in them.
// Contents and unchanged folders go by reference, so no piece of the second tree may be pending. The attributes of the
// root and the Unicode forms of names stay. It takes memory for the depth, and time for the differences. An error of do
// ends it.
func Steps(ctx context.Context, from, to Tree, do func(path string, op Op) error) error {
	type level struct {
		*differ
		path string
	}
	open := []level{{from.nodes.differ(from.root, to.root), ""}}
	for len(open) > 0 {
		l := open[len(open)-1]
		more, err := l.next(ctx)
		if err != nil {
			return fail("compare", l.path, err)
		}
		if !more {
			open = open[:len(open)-1]
			continue
		}
		was, now := l.pair[0], l.pair[1]
		if now == nil {
			path := l.path + "/" + was.o.Name
			if err := do(path, Remove{Path: path}); err != nil {
				return err
			}
			continue
		}
		path := l.path + "/" + now.o.Name
		below, err := step(path, was, now, do)
		if err != nil {
			return err
		}
		if below {
			if !goesOn(was, now) {
				was = nil
			}
			open = append(open, level{from.nodes.differ(was, now), path})
		}
	}
	return nil
}

// goesOn reports whether a folder is the one that was there before.
func goesOn(was, now *entry) bool {
	return was != nil && was.o.Kind == object.Folder && continues(was, now)
}

// Same reports whether two entries of trees of the same Nodes are equal, with everything in them.
func Same(a, b Entry) bool { return same(a.e, b.e) }

// step makes the operations for one entry. below says that what is in the folder has to follow.
func step(path string, was, now *entry, do func(path string, op Op) error) (below bool, err error) {
	if now.o.Kind != object.Folder || !now.root.dirty() && !goesOn(was, now) {
		o, piece := Entry{now}.Object()
		if !piece.IsZero() {
			return false, fail("graft", path, fmt.Errorf("%w: its contents are pending", vfs.ErrInvalid))
		}
		return false, do(path, Graft{Path: path, Entry: o, Replace: was != nil, Mounts: o.Kind == object.Mount})
	}
	if !goesOn(was, now) {
		if was != nil {
			err = do(path, Remove{Path: path})
		}
		if err == nil {
			err = do(path, Mkdir{Path: path, Version: now.o.Version, Time: object.Time(now.o.Created)})
		}
		if err != nil {
			return false, err
		}
		was = nil
	}
	if was != nil && sameMeta(was, now) {
		return true, nil
	}
	patch := Patch{Path: path, Modified: object.Time(now.o.Modified), Created: object.Time(now.o.Created),
		Set: slices.Clone(now.o.Properties)}
	if was != nil {
		for _, p := range was.o.Properties {
			if !slices.ContainsFunc(now.o.Properties, func(q vfs.Property) bool { return q.Name == p.Name }) {
				patch.Remove = append(patch.Remove, p.Name)
			}
		}
	}
	return true, do(path, patch)
}
