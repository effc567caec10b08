package lock

import "slices"

// View is the locks of some places at one moment. It does not change. The zero value has none.
type View struct{ in index }

// NewView returns a view of these locks.
func NewView(locks ...Lock) View {
	var v View
	for _, l := range locks {
		v.in.add(l)
	}
	return v
}

// Covering returns the locks that protect what is at path, the outermost first.
func (v View) Covering(path string) []Lock {
	if len(v.in.byToken) == 0 {
		return nil
	}
	return v.in.covering(Key(path))
}

// Covers reports whether a token is one of a lock that protects what is at path.
func (v View) Covers(token, path string) bool {
	l, ok := v.in.byToken[token]
	return ok && l.covers(Key(path))
}

// All returns all locks by their root.
func (v View) All() []Lock {
	all := make([]Lock, 0, len(v.in.byToken))
	for _, l := range v.in.byToken {
		all = append(all, l)
	}
	slices.SortFunc(all, byRoot)
	return all
}
