package people

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"postern/crypto"
	"postern/vfs/layout"
	"postern/vfs/registry"
	"postern/vfs/roots"
	"postern/vfs/space"
	"postern/vfs/tree"
)

// Shared folders are moved, renamed and deleted like others, by any client, on any device, and by those who may write
// the folder around them. So where they lie is not what a record says, but where their mounts are. The reconciler
// searches for the mounts and puts the records right.

// mounting is a place where a shared folder of this account is mounted.
type mounting struct {
	holder *space.Space // that contains the mount
	path   string       // of the drive
	mount  tree.Mounted
}

// maxMounted bounds how many mounts of one space the search takes into account.
const maxMounted = 10_000

// mountings returns where this account's spaces are mounted in its drive, by their ids. The search goes on into those
// that are open, and into all as long as one of wanted is not found.
func (p *People) mountings(
	ctx context.Context, s registry.State, wanted map[crypto.PointerID]bool,
) (map[crypto.PointerID][]mounting, error) {
	type holder struct {
		space *space.Space
		at    string // where it is mounted in the drive
		depth int
	}
	owned, found := p.spaces(s), map[crypto.PointerID][]mounting{}
	missing := len(wanted)
	var closed []mounting // not searched, since nothing has them open
	for all := []holder{{p.o.Own, layout.Files, 0}}; len(all) > 0; all = all[1:] {
		h := all[0]
		mounts, err := h.space.Mounts(ctx, "/", maxMounted)
		if err != nil {
			return nil, err
		}
		for _, m := range mounts {
			id := m.Target.Capability.ID
			o, mine := owned[id]
			if !mine {
				continue
			}
			if wanted[id] && len(found[id]) == 0 {
				missing--
			}
			l := mounting{h.space, h.at + m.Path, m}
			found[id] = append(found[id], l)
			if m.Target.File || o.Stage != roots.Live || h.depth == maxWithin || len(found[id]) > 1 {
				continue
			}
			if inner, ok := p.opens.known(openKey{id: id, write: true}).(*space.Space); ok {
				all = append(all, holder{inner, l.path, h.depth + 1})
			} else {
				closed = append(closed, l)
			}
		}
		for len(all) == 1 && len(closed) > 0 && missing > 0 {
			l := closed[0]
			closed = closed[1:]
			inner, err := p.opens.own(ctx, owned[l.mount.Target.Capability.ID])
			if err != nil {
				return nil, err
			}
			all = append(all, holder{inner, l.path, strings.Count(l.path, "/")})
		}
	}
	return found, nil
}

// settleMounts makes the records say where shared folders lie, and the mounts lead to the newest spaces with the keys
// for those who may write around them. What is mounted nowhere any more is not offered to anybody.
func (p *People) settleMounts(ctx context.Context) error {
	s := p.o.Own.Private()
	owned := p.spaces(s)
	wanted := map[crypto.PointerID]bool{}
	shared := p.shares(s)
	for _, sh := range shared {
		if owned[sh.id].Stage == roots.Live && len(sh.to) > 0 && !sh.away {
			wanted[sh.id] = true
		}
	}
	found, err := p.mountings(ctx, s, wanted)
	if err != nil {
		return err
	}
	var errs []error
	for id, places := range found {
		for _, l := range places {
			errs = append(errs, p.settleMount(ctx, owned, owned[id], l))
		}
	}
	var notes []registry.Note
	now := map[crypto.PointerID]string{} // paths
	for _, sh := range shared {
		now[sh.id] = sh.path
		if owned[sh.id].Stage != roots.Live {
			continue
		}
		set := map[string][]byte{}
		switch places := found[sh.id]; {
		case len(places) > 0:
			delete(p.lost, sh.id)
			if !slices.ContainsFunc(places, func(l mounting) bool { return l.path == sh.path }) {
				now[sh.id] = places[0].path
				set[fieldPath] = []byte(now[sh.id])
			}
			if sh.away {
				set[fieldAway] = nil
				set[fieldName] = []byte(p.freeShareName(s, sh.name))
			}
		case wanted[sh.id] && p.isLost(sh.id):
			set[fieldAway] = []byte("1")
		}
		if len(set) > 0 {
			notes = append(notes, registry.Note{Kind: kindShare, ID: sh.id.String(), Set: set})
		}
	}
	if notes = append(notes, p.rotation(s, outside(shared, now)...)...); len(notes) > 0 {
		errs = append(errs, p.o.Own.Note(ctx, notes...))
	}
	return errors.Join(errs...)
}

// outside returns the shared folders that lie no longer within another one: those who could open the outer one must not
// read on.
func outside(shared []share, now map[crypto.PointerID]string) (left []crypto.PointerID) {
	for _, sh := range shared {
		if slices.ContainsFunc(shared, func(around share) bool {
			return len(around.to) > 0 && strings.HasPrefix(sh.path, around.path+"/") &&
				!strings.HasPrefix(now[sh.id], now[around.id]+"/")
		}) {
			left = append(left, sh.id)
		}
	}
	return left
}

// lostAfter is how long a shared folder is mounted nowhere before it is taken from the friends: moves made by another
// device arrive one space after the other.
const lostAfter = 2 * time.Minute

// isLost notes that a shared folder is mounted nowhere, and reports whether it has been so for a while.
func (p *People) isLost(id crypto.PointerID) bool {
	since, known := p.lost[id]
	if !known {
		p.lost[id] = p.o.Now()
		return false
	}
	return p.o.Now().Sub(since) >= lostAfter
}

// settleMount makes a mount lead to the newest space of what is shared, with the seed that writers around it open.
func (p *People) settleMount(
	ctx context.Context, owned map[crypto.PointerID]ownedSpace, o ownedSpace, l mounting,
) error {
	for range maxTurns {
		next, err := crypto.ParsePointerID(o.Next)
		to, known := owned[next]
		if o.Stage < roots.Retired || err != nil || !known {
			break
		}
		o = to
	}
	if o.Stage != roots.Live || o.ID == l.mount.Target.Capability.ID && l.holder.SealSeed(o.Writer) == l.mount.Target.Seed {
		return nil
	}
	return p.mount(ctx, place{space: l.holder, within: l.mount.Path, mount: &l.mount}, o, nil, nil)
}

// maxTurns bounds how often a folder was taken back from somebody, which a mount has not followed.
const maxTurns = 1000
