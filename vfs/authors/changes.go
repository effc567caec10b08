package authors

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/layout"
	"postern/vfs/object"
	"postern/vfs/space/view"
	"postern/vfs/tree"
)

// by is the property of a state in the history that names its author, and the state before it.
var by = vfs.PropertyName{Space: view.Inner, Local: "by"}

// newest is a name behind those of all states.
const newest = "9999-12-31 23.59.59"

// By returns the property with which an author puts a state of a name into the history of a parent; ok is false if the
// history can't say who made the change: the newest state is not the parent's own, or not before this one. The parent's
// tree is whole.
func By(ctx context.Context, whole tree.Tree, author crypto.AuthorID, name string) (p vfs.Property, ok bool, err error) {
	last, err := whole.LastUpTo(ctx, "/"+historyName, newest)
	if errors.Is(err, vfs.ErrNotExist) || err == nil && (last.IsZero() || last.Info().Name >= name) {
		return p, false, nil
	}
	if err != nil {
		return p, false, err
	}
	files, err := whole.Lookup(ctx, "/"+filesName)
	if errors.Is(err, vfs.ErrNotExist) { // the space is being made, with the history of another one
		return p, false, nil
	}
	if err != nil {
		return p, false, err
	}
	was, _ := last.Object()
	now, _ := files.Object()
	return vfs.Property{Name: by, Value: hex.EncodeToString(author[:]) + " " + last.Info().Name}, was.Root == now.Root, nil
}

// attributed reports whether a state names the author that it may name: none, or that of the commit on top of the
// parent's tree.
func attributed(
	ctx context.Context, parent tree.Tree, author crypto.AuthorID, name string, state object.Entry,
) (bool, error) {
	i := slices.IndexFunc(state.Properties, func(p vfs.Property) bool { return p.Name == by })
	if i < 0 {
		return true, nil
	}
	want, ok, err := By(ctx, parent, author, name)
	return ok && state.Properties[i] == want, err
}

// Change is a change of a path, as the history of a space has it.
type Change struct {
	State  string          // name of the state that it led to
	Author crypto.AuthorID // zero: the history does not say
	Gone   bool            // the path was removed
	Info   vfs.Info        // as it was then, unless Gone
}

// Changes returns the changes of a path between the newest states of a history, the newest first. states is the folder
// of the states, of which Changes looks at no more than most.
func Changes(ctx context.Context, states tree.Tree, path string, most int) (all []Change, err error) {
	at, err := stateUpTo(ctx, states, path, newest)
	for range most {
		made, known := layout.StateTime(at.name)
		if err != nil || !known {
			break
		}
		var before state
		if before, err = stateUpTo(ctx, states, path, layout.StateName(made.Add(-time.Second))); err != nil {
			break
		}
		if before.name != "" && !at.same(before) {
			c := Change{State: at.name, Author: at.author(before.name), Gone: at.entry.IsZero()}
			if !c.Gone {
				c.Info = view.Info(at.entry)
			}
			all = append(all, c)
		}
		at = before
	}
	return all, err
}

// state is a path in a state of the history.
type state struct {
	name  string     // "": there is no such state
	root  tree.Entry // of the state
	entry tree.Entry // zero: the path is not there
}

// stateUpTo returns a path in the newest state up to a name.
func stateUpTo(ctx context.Context, states tree.Tree, path, name string) (s state, err error) {
	s.root, err = states.LastUpTo(ctx, "/", name)
	if err != nil || s.root.IsZero() {
		return s, err
	}
	s.name = s.root.Info().Name
	s.entry, err = states.Lookup(ctx, strings.TrimSuffix("/"+s.name+path, "/"))
	if errors.Is(err, vfs.ErrNotExist) || errors.Is(err, vfs.ErrNotFolder) {
		s.entry, err = tree.Entry{}, nil
	}
	return s, err
}

// same reports whether the path is the same in two states.
func (s state) same(t state) bool {
	if s.entry.IsZero() || t.entry.IsZero() {
		return s.entry.IsZero() == t.entry.IsZero()
	}
	a, _ := s.entry.Object()
	b, _ := t.entry.Object()
	return a.Kind == b.Kind && a.Root == b.Root && a.Version == b.Version && a.Size == b.Size && a.Modified == b.Modified
}

// author returns who made the state, if it follows the state of a name; zero if unknown.
func (s state) author(before string) (a crypto.AuthorID) {
	for _, p := range s.root.Info().Properties {
		id, after, _ := strings.Cut(p.Value, " ")
		if b, err := hex.DecodeString(id); p.Name == by && after == before && err == nil && len(b) == len(a) {
			a = crypto.AuthorID(b)
		}
	}
	return a
}
