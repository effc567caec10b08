package keep

import (
	"context"
	"errors"
	"slices"
	"sync"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/fsck"
	"postern/vfs/object"
	"postern/vfs/roots"
)

// others checks the owner's spaces other than the own one.
type others struct {
	keeper *Keeper
	roots  *roots.Set

	mu  sync.Mutex
	met []roots.Space // found by mounts
}

// meet notes the space that a mount refers to.
func (s *others) meet(t *object.Target) {
	space, ours := s.roots.Mounted(t)
	s.mu.Lock()
	defer s.mu.Unlock()
	known := slices.ContainsFunc(s.met, func(met roots.Space) bool { return met.ID == space.ID })
	if ours && !known {
		s.met = append(s.met, space)
	}
}

// check adds to a report the damage found in the spaces, including spaces that only mounts in them lead to.
func (s *others) check(ctx context.Context, o fsck.Options, r *fsck.Report) error {
	k := s.keeper
	o.Sources = append([]fsck.Source{k.Home.Area}, o.Sources...)
	o.Now, o.Log, o.Lost = k.Home.Now, k.Home.Log, k.lost()
	checked := map[crypto.PointerID]bool{k.Space.ID: true}
	for more, told := true, false; more; {
		heads, err := s.roots.Heads(ctx, s.met)
		if slices.ContainsFunc(r.Damage, ofPrivate) && errors.Is(err, vfs.ErrCorrupt) {
			r.Unchecked = append(r.Unchecked, "the spaces that the damaged private state names")
			return nil
		}
		unknown := errors.Is(err, roots.ErrUnknown)
		if err != nil && !unknown {
			return err
		}
		if unknown && !told {
			told = true
			r.Unchecked = append(r.Unchecked, "shared folders that this program does not know")
		}
		more = false
		for _, h := range heads {
			if checked[h.ID] || h.Err == nil && h.Commit == (object.Ref{}) {
				continue
			}
			checked[h.ID], more = true, true
			if h.Err != nil {
				lost := fsck.Damage{Kind: fsck.Commit, Path: "/", Why: h.Err.Error()}
				r.Add(h.Space, fsck.Report{Damage: []fsck.Damage{lost}})
				continue
			}
			if err := s.checkOne(ctx, h, o, r); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *others) checkOne(ctx context.Context, h roots.Head, o fsck.Options, r *fsck.Report) error {
	o.At = h.Commit
	of, err := fsck.Run(ctx, o)
	r.Add(h.Space, of)
	if errors.Is(err, vfs.ErrCorrupt) && !errors.Is(err, vfs.ErrUnavailable) {
		err = nil // its newest commit is lost, as the damage says
	}
	return err
}
