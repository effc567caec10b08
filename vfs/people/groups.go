package people

import (
	"context"
	"slices"
	"strings"

	"postern/crypto"
	"postern/vfs/registry"
)

// A group is a name for some friends. A folder that is shared with it is shared with all who are in it, also with those
// who come later. Whoever leaves it loses what only the group had.

// Join puts a friend into a group, which is made if it does not exist.
func (p *People) Join(ctx context.Context, who, group string) (Friend, error) {
	p.making.Lock()
	defer p.making.Unlock()
	s := p.o.Own.Private()
	f, err := find(s, who)
	if err != nil {
		return Friend{}, err
	}
	if f.State != IsFriend && f.State != Asked {
		return Friend{}, refuse("%s is %s, and can't be in a group", who, f.State.words())
	}
	if group, err = groupName(s, group); err != nil {
		return Friend{}, err
	}
	err = p.o.Own.Note(ctx, registry.Note{Kind: kindGroup, ID: group, Set: map[string][]byte{fieldIn: []byte("1")}},
		member(group, f.author, true))
	if err != nil {
		return Friend{}, err
	}
	if err := p.reconcile(ctx); err != nil {
		return Friend{}, offline(who+" is in the group, but can't see yet what it has", err)
	}
	f, err = p.person(f.author)
	return f.Friend, err
}

// Part takes a friend out of a group. What is shared with the group moves to new spaces.
func (p *People) Part(ctx context.Context, who, group string) (Friend, error) {
	p.making.Lock()
	defer p.making.Unlock()
	s := p.o.Own.Private()
	f, err := find(s, who)
	if err != nil {
		return Friend{}, err
	}
	group = strings.ToLower(group)
	if group == Friends || !isMember(s, group, f.author) {
		return Friend{}, refuse("%s is not in a group %s: postern friend list shows who is", who, group)
	}
	notes := []registry.Note{member(group, f.author, false)}
	var ids []crypto.PointerID
	for _, sh := range p.shares(s) {
		if sh.to[group] != "" {
			ids = append(ids, sh.id)
		}
	}
	if err := p.o.Own.Note(ctx, append(notes, p.rotation(s, ids...)...)...); err != nil {
		return Friend{}, err
	}
	if err := p.reconcile(ctx); err != nil {
		return Friend{}, offline(who+" is out of the group; the storage learns of it later", err)
	}
	f, err = p.person(f.author)
	return f.Friend, err
}

// groupName returns the name of a group as it is kept, or refuses it.
func groupName(s registry.State, name string) (string, error) {
	clean, err := crypto.NormalizeUser(name)
	switch {
	case err != nil:
		return "", refuse("%q can't be the name of a group: %v", name, err)
	case clean == Friends:
		return "", refuse("all friends are in the group %s", Friends)
	}
	if _, err := find(s, clean); err == nil {
		return "", refuse("%s is the name of somebody: choose another for the group", clean)
	}
	return clean, nil
}

// member returns a note that somebody is in a group, or not.
func member(group string, who crypto.AuthorID, in bool) registry.Note {
	n := registry.Note{Kind: kindMember, ID: group + "/" + who.String(), Set: map[string][]byte{fieldIn: nil}}
	if in {
		n.Set[fieldIn] = []byte("1")
	}
	return n
}

// memberships returns the groups that each friend is in, by author id.
func memberships(s registry.State) map[string][]string {
	all := map[string][]string{}
	for id, r := range s.All(kindMember) {
		if group, who, ok := strings.Cut(id, "/"); ok && isSet(r.Get(fieldIn)) {
			all[who] = append(all[who], group)
		}
	}
	for _, groups := range all {
		slices.Sort(groups)
	}
	return all
}

// partAll returns the notes that take somebody out of all groups.
func partAll(s registry.State, who crypto.AuthorID) (notes []registry.Note) {
	for _, group := range memberships(s)[who.String()] {
		notes = append(notes, member(group, who, false))
	}
	return notes
}
