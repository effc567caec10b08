package people

import (
	"context"
	"errors"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/layout"
	"postern/vfs/registry"
	"postern/vfs/roots"
)

// Unshare takes a shared folder back from some friends and groups, or from all if nobody is named.
func (p *People) Unshare(ctx context.Context, name string, from []string) (Share, error) {
	p.making.Lock()
	defer p.making.Unlock()
	at, err := p.locate(ctx, name)
	if err != nil {
		return Share{}, err
	}
	if at.mount == nil {
		return Share{}, refuse("%s is not shared: postern share list shows what is", name)
	}
	s, id := p.o.Own.Private(), at.mount.Target.Capability.ID
	shared := p.shares(s)
	sh, ok := shareOf(shared, id)
	if !ok {
		return Share{}, errNotOwn
	}
	var notes []registry.Note
	for _, who := range from {
		to, err := recipient(s, who)
		if err != nil {
			return Share{}, err
		}
		if sh.to[to] == "" {
			return Share{}, refuse("%s is not shared with %s: postern share list shows with whom", name, who)
		}
		if outer, ok := p.around(s, sh, to); ok {
			return Share{}, refuse("%s lies in %s, which is shared with %s, too: take that back instead", name,
				outer.path, who)
		}
		notes = append(notes, grant(id.String(), to, ""))
	}
	for to := range sh.to {
		if len(from) == 0 {
			notes = append(notes, grant(id.String(), to, ""))
		}
	}
	if len(notes) == 0 {
		return Share{}, refuse("%s is not shared with anybody", name)
	}
	if err := p.o.Own.Note(ctx, append(notes, p.rotation(s, id)...)...); err != nil {
		return Share{}, err
	}
	if err := p.reconcile(ctx); err != nil {
		return Share{}, offline(name+" is taken back here; the storage learns of it later", err)
	}
	for _, sh := range p.mine() {
		if sh.Path == name {
			return sh, nil
		}
	}
	return Share{Path: name}, nil
}

// around returns a shared folder around another one that the same person or group has.
func (p *People) around(s registry.State, sh share, to string) (share, bool) {
	owned := p.spaces(s)
	for _, outer := range p.shares(s) {
		if sh.within(outer) && outer.to[to] != "" && owned[outer.id].Stage == roots.Live {
			return outer, true
		}
	}
	return share{}, false
}

// withdrawal returns the notes that take everything back that somebody could open.
func (p *People) withdrawal(s registry.State, f person) (notes []registry.Note) {
	var ids []crypto.PointerID
	for _, sh := range p.shares(s) {
		if _, granted := sh.rights(s, f.author); !granted {
			continue
		}
		ids = append(ids, sh.id)
		if sh.to[f.author.String()] != "" {
			notes = append(notes, grant(sh.id.String(), f.author.String(), ""))
		}
	}
	return append(notes, p.rotation(s, ids...)...)
}

// Leave removes a folder that a friend shares, or what a link leads to, from this account's drive.
func (p *People) Leave(ctx context.Context, name string) error {
	p.making.Lock()
	defer p.making.Unlock()
	owner, within, ok := layout.CutShared(layout.Clean(name))
	if !ok {
		return refuse("%s is nothing that a friend shares: such paths begin with %s", name, layout.Shared)
	}
	s := p.o.Own.Private()
	if owner == layout.Links && within != "" {
		for id, r := range s.All(kindOpened) {
			if "/"+string(r.Get(fieldName)) == within && !isSet(r.Get(fieldGone)) {
				return errors.Join(p.o.Own.Note(ctx, registry.Note{Kind: kindOpened, ID: id,
					Set: map[string][]byte{fieldGone: []byte("1")}}), p.show())
			}
		}
		return refuse("there is no link %s", name)
	}
	p.mu.Lock()
	shown, known := p.mounted[owner]
	p.mu.Unlock()
	if !known || !layout.IsOffer(layout.Clean(name)) {
		return refuse("%s is no shared folder: postern share list shows what others share with you", name)
	}
	m, found, err := shown.offers.Crossing(ctx, within)
	if err != nil {
		return err
	}
	if !found {
		return &vfs.Error{Op: "leave", Path: name, Kind: vfs.ErrNotExist}
	}
	return p.o.Own.Note(ctx, registry.Note{Kind: kindLeft, ID: m.Target.Capability.ID.String(),
		Set: map[string][]byte{fieldGone: []byte("1")}})
}

// left reports whether this account has left a folder of somebody else.
func left(s registry.State, id crypto.PointerID) bool {
	r, ok := s.Get(kindLeft, id.String())
	return ok && isSet(r.Get(fieldGone))
}
