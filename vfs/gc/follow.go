package gc

import (
	"context"
	"fmt"
	"slices"

	"postern/crypto"
	"postern/vfs/object"
	"postern/vfs/roots"
)

// space is a root of this run.
type space struct {
	roots.Space
	number uint32      // as of Notes
	state  roots.State // the newest marked state
	walked object.CommitHash
	failed bool // its newest state can't be opened
}

// mostLooks is how often all pointers are loaded while other devices keep committing. Two looks suffice: anything that
// moved between two spaces in the meantime is covered by a marked state, or by a commit that the run walks through.
const mostLooks = 4

// follow marks what the spaces lead to and is not marked yet, until a look at all pointers finds nothing new. It
// returns the spaces that have changed.
func (c *collection) follow(ctx context.Context) (changed []*space, err error) {
	for looks := 1; ; looks++ {
		heads, err := c.Roots.Heads(ctx, c.met)
		if err != nil {
			return nil, err
		}
		c.shown, c.heads = c.Now(), heads
		news := false
		for _, h := range heads {
			s, err := c.mark(ctx, h)
			if err != nil {
				return nil, err
			}
			if s != nil {
				news = true
				if !slices.Contains(changed, s) {
					changed = append(changed, s)
				}
			}
		}
		if more := c.meet(); !more && (!news || looks >= mostLooks) {
			return changed, nil
		}
	}
}

// mark marks what a head leads to. It returns nil if that is marked already or can't be read.
func (c *collection) mark(ctx context.Context, h roots.Head) (*space, error) {
	s := c.byID[h.ID]
	if h.Stage == roots.Gone || s != nil && (s.failed || s.state.Ref == h.Commit) ||
		h.Err == nil && h.Commit == (object.Ref{}) {
		return nil, nil
	}
	var state roots.State
	err := h.Err
	if err == nil {
		if state, err = c.Roots.Open(ctx, h.Space, h.Commit); err != nil && !corrupt(err) {
			return nil, err
		}
	}
	if err != nil && (len(c.spaces) == 0 || s == c.spaces[0]) {
		return nil, err // of the own space
	}
	if m := c.holder[h.ID]; err != nil && s == nil && h.Met {
		c.marks.damage(m.by, fmt.Sprintf("%s: %v", m.path, err)) // of the space that refers to the missing one
		c.byID[h.ID] = &space{failed: true}
		return nil, nil
	}
	if s == nil {
		s = &space{Space: h.Space, number: c.number(h.ID)}
		s.walked = c.notes.Walked
		if s.number > 0 {
			s.walked = c.notes.Spaces[s.number-1].Walked
		}
		c.byID[h.ID] = s
		c.spaces = append(c.spaces, s)
	}
	if err != nil {
		s.failed = true
		c.marks.damage(s.number, err.Error())
		return nil, nil
	}
	s.state = state
	return s, c.marks.need(ctx, state, s.number)
}

// number returns the number of a space in the notes. The own space is marked first and has the number 0.
func (c *collection) number(id crypto.PointerID) uint32 {
	if len(c.spaces) == 0 {
		return 0
	}
	i := slices.IndexFunc(c.notes.Spaces, func(s Seen) bool { return s.ID == id })
	if i < 0 {
		i = len(c.notes.Spaces)
		c.notes.Spaces = append(c.notes.Spaces, Seen{ID: id})
	}
	return uint32(i + 1)
}

// meet takes in the mounts found so far, and reports whether they add spaces that are not marked yet.
func (c *collection) meet() (more bool) {
	for _, m := range c.mounts {
		space, ours := c.Roots.Mounted(m.target)
		known := slices.ContainsFunc(c.heads, func(h roots.Head) bool { return h.ID == space.ID && h.Stage != roots.Gone })
		if !ours || known || c.holder[space.ID] != nil {
			continue
		}
		c.holder[space.ID] = m
		c.met = append(c.met, space)
		more = true
	}
	c.mounts = nil
	return more
}

// known ends the run if a space that was marked in an earlier run is no longer among the roots, or if an option is not
// allowed because other accounts read or write a space.
func (c *collection) known() error {
	for _, s := range c.notes.Spaces {
		if !slices.ContainsFunc(c.heads, func(h roots.Head) bool { return h.ID == s.ID }) {
			return fmt.Errorf("%w (space %v)", ErrForgotten, s.ID)
		}
	}
	shared := slices.ContainsFunc(c.heads, func(h roots.Head) bool { return h.Shared }) ||
		slices.ContainsFunc(c.spaces, func(s *space) bool { return s.rostered() })
	if !shared {
		return nil
	}
	if c.Alone || c.Grace != 0 && c.Grace != DefaultGrace {
		return ErrShared
	}
	c.grace = DefaultGrace
	return nil
}

// rostered reports whether accounts other than the owner's may write the space.
func (s *space) rostered() bool { return s.state.Commit.Roster != object.Ref{} }

// damaged returns the numbers of the spaces that can't be read completely.
func (c *collection) damaged() map[uint32]bool {
	found := map[uint32]bool{}
	if !c.DespiteDamage {
		for number := range c.marks.damaged {
			found[number] = true
		}
	}
	return found
}

// blocked returns the numbers of the spaces whose packs must not be rewritten.
func (c *collection) blocked() map[uint32]bool {
	found := c.damaged()
	for _, s := range c.spaces {
		if s.failed || s.Stage == roots.Retired || !c.Drive.Writes(s.ID) {
			found[s.number] = true
		}
	}
	return found
}

// whole ends the run when every space is damaged, so that nothing can be deleted.
func (c *collection) whole() error {
	c.marks.spread()
	c.report.Damaged, c.report.Spaces = nil, len(c.spaces)
	ill := 0
	for _, s := range c.spaces {
		paths := c.marks.damaged[s.number]
		if len(paths) > 0 {
			ill++
		}
		for _, path := range paths {
			if s.number > 0 {
				path = s.Show(path)
			}
			c.report.Damaged = append(c.report.Damaged, path)
		}
	}
	if ill == len(c.spaces) && !c.DespiteDamage {
		return ErrDamaged
	}
	return nil
}
