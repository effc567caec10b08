package people

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"postern/crypto"
	"postern/vfs/layout"
	"postern/vfs/object"
	"postern/vfs/registry"
	"postern/vfs/roots"
)

// Share is a folder that this account shares.
type Share struct {
	Path string  `json:"path"` // of the drive
	Name string  `json:"name"` // as the others see it
	With []Grant `json:"with"`

	id crypto.PointerID
}

// Grant is what somebody, or a group, may do with a shared folder.
type Grant struct {
	To      string `json:"to"`
	Group   bool   `json:"group,omitempty"`
	Write   bool   `json:"write"`
	Waiting bool   `json:"waiting,omitempty"` // to has not agreed to be a friend yet
}

// Friends is the group of all friends.
const Friends = "friends"

// Rights of a grant, as records hold them.
const (
	mayRead  = "read"
	mayWrite = "write"
)

// share is a record of kindShare.
type share struct {
	id     crypto.PointerID
	path   string
	name   string
	file   bool
	to     map[string]string // rights by author id or group
	first  object.Entry      // the folder when it was shared
	origin string            // the first of the spaces that this one replaces; "": none
	away   bool              // it is mounted nowhere, since it was deleted
}

// within reports whether a shared folder lies in another one.
func (sh share) within(outer share) bool {
	return outer.path != "" && strings.HasPrefix(sh.path, outer.path+"/")
}

const (
	fieldFile   = "file"   // share: "1" for a single file
	fieldAway   = "away"   // share: "1" while it is mounted nowhere
	fieldFirst  = "first"  // share: the root of the folder when it was shared
	fieldOrigin = "origin" // share, theirs: id of the first of the spaces that its space replaces
	fieldRoster = "roster" // share: hash of the authors in the space's roster
)

// shares returns what this account shares or has shared, by path.
func (p *People) shares(s registry.State) (all []share) {
	to := map[string]map[string]string{}
	for id, r := range s.All(kindGrant) {
		of, whom, ok := strings.Cut(id, "/")
		if right := string(r.Get(fieldRight)); ok && right != "" {
			if to[of] == nil {
				to[of] = map[string]string{}
			}
			to[of][whom] = right
		}
	}
	for of, r := range s.All(kindShare) {
		id, err := crypto.ParsePointerID(of)
		if err != nil {
			continue
		}
		sh := share{id: id, path: string(r.Get(fieldPath)), name: string(r.Get(fieldName)), file: isSet(r.Get(fieldFile)),
			to: to[of], away: isSet(r.Get(fieldAway)), origin: string(r.Get(fieldOrigin))}
		if b := r.Get(fieldFirst); len(b) > 0 {
			sh.first, _ = entryOf(b) // zero: it is not known
		}
		all = append(all, sh)
	}
	slices.SortFunc(all, func(a, b share) int {
		return cmp.Or(cmp.Compare(a.path, b.path), strings.Compare(a.id.String(), b.id.String()))
	})
	return all
}

// shareOf returns the share of a space.
func shareOf(all []share, id crypto.PointerID) (sh share, ok bool) {
	i := slices.IndexFunc(all, func(sh share) bool { return sh.id == id })
	if i < 0 {
		return sh, false
	}
	return all[i], true
}

// grant returns a note that somebody or a group has a right to a shared folder; "": none.
func grant(space, to, right string) registry.Note {
	return registry.Note{Kind: kindGrant, ID: space + "/" + to, Set: map[string][]byte{fieldRight: []byte(right)}}
}

// rights returns what somebody may do with a shared folder, in their own name or as a member of a group.
func (sh share) rights(s registry.State, who crypto.AuthorID) (write, granted bool) {
	for to, right := range sh.to {
		if to == who.String() || isMember(s, to, who) {
			granted, write = true, write || right == mayWrite
		}
	}
	return write, granted
}

// isMember reports whether somebody is in a group.
func isMember(s registry.State, group string, who crypto.AuthorID) bool {
	if group == Friends {
		return true // of all who have pair spaces with offers
	}
	r, ok := s.Get(kindMember, group+"/"+who.String())
	return ok && isSet(r.Get(fieldIn))
}

// Received is a folder that somebody else shares with this account.
type Received struct {
	Path  string `json:"path"` // of the drive
	Owner string `json:"owner"`
	Write bool   `json:"write"`
}

// maxOffers bounds how many offers of one friend are listed.
const maxOffers = 1000

// Shares is what this account shares, and what others share with it.
type Shares struct {
	Mine   []Share    `json:"mine"`
	Theirs []Received `json:"theirs"`
	// Unknown names the friends whose offers can't be read now.
	Unknown []string `json:"unknown,omitempty"`
}

// Shares returns what this account shares, and what others share with it, by path.
func (p *People) Shares(ctx context.Context) (Shares, error) {
	all := Shares{Mine: p.mine(), Theirs: []Received{}}
	s := p.o.Own.Private()
	p.mu.Lock()
	mounted := maps.Clone(p.mounted)
	p.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(mounted)) {
		found, err := mounted[name].offers.Mounts(ctx, "/", maxOffers)
		if err != nil {
			all.Unknown = append(all.Unknown, name)
		}
		for _, m := range found {
			if left(s, m.Target.Capability.ID) {
				continue
			}
			_, write := p.offered(m)
			all.Theirs = append(all.Theirs, Received{Path: layout.Shared + "/" + name + m.Path, Owner: name, Write: write})
		}
	}
	return all, nil
}

// mine returns what this account shares, by path.
func (p *People) mine() []Share {
	s := p.o.Own.Private()
	owned := p.spaces(s)
	known := map[string]person{}
	for _, f := range persons(s) {
		known[f.author.String()] = f
	}
	all := []Share{}
	for _, sh := range p.shares(s) {
		if owned[sh.id].Stage != roots.Live || len(sh.to) == 0 || sh.away {
			continue
		}
		shown := Share{Path: sh.path, Name: sh.name, id: sh.id, With: []Grant{}}
		for to, right := range sh.to {
			g := Grant{To: to, Group: true, Write: right == mayWrite}
			if f, ok := known[to]; ok {
				g.To, g.Group, g.Waiting = f.Name, false, f.State != IsFriend
			}
			shown.With = append(shown.With, g)
		}
		slices.SortFunc(shown.With, func(a, b Grant) int { return cmp.Compare(a.To, b.To) })
		all = append(all, shown)
	}
	return all
}

// refreshRosters makes the rosters of shared folders name those who may write there.
func (p *People) refreshRosters(ctx context.Context) error {
	s := p.o.Own.Private()
	owned := p.spaces(s)
	var errs []error
	all := p.shares(s)
	for _, sh := range all {
		if owned[sh.id].Stage != roots.Live {
			continue
		}
		want := p.writers(s, sh, all)
		r, _ := s.Get(kindShare, sh.id.String())
		sum := sumOf(want)
		if bytes.Equal(r.Get(fieldRoster), sum) {
			continue
		}
		if err := p.setRoster(ctx, owned[sh.id], want); err != nil {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, p.o.Own.Note(ctx, registry.Note{Kind: kindShare, ID: sh.id.String(),
			Set: map[string][]byte{fieldRoster: sum}}))
	}
	return errors.Join(errs...)
}

// setRoster replaces the roster of a shared folder.
func (p *People) setRoster(ctx context.Context, o ownedSpace, want []object.Author) error {
	s, err := p.opens.own(ctx, o)
	if err != nil {
		return err
	}
	now, _, err := s.Roster(ctx)
	if err != nil || sameAuthors(now.Authors, want) {
		return err
	}
	epoch := max(now.Epoch, 1)
	for _, a := range now.Authors {
		if !slices.ContainsFunc(want, func(b object.Author) bool { return b.ID == a.ID && b.Rights >= a.Rights }) {
			epoch = now.Epoch + 1 // somebody loses a right
			break
		}
	}
	return s.SetRoster(ctx, want, epoch)
}

func sameAuthors(a, b []object.Author) bool {
	return slices.EqualFunc(a, b, func(a, b object.Author) bool { return a.ID == b.ID && a.Rights == b.Rights })
}

// sumOf returns a hash of the authors of a roster; nil for none.
func sumOf(all []object.Author) []byte {
	if len(all) == 0 {
		return nil
	}
	var b []byte
	for _, a := range all {
		b = append(append(b, a.ID[:]...), byte(a.Rights))
	}
	sum := crypto.NameOf(b)
	return sum[:]
}

// writers returns the roster of a shared folder: those who may write it, or one of all around it.
func (p *People) writers(s registry.State, sh share, all []share) (authors []object.Author) {
	owned := p.spaces(s)
	for _, f := range persons(s) {
		may := slices.ContainsFunc(all, func(around share) bool {
			write, granted := around.rights(s, f.author)
			used := owned[around.id].Stage == roots.Live || owned[around.id].Stage == roots.Closing
			return granted && write && (around.id == sh.id || used && !around.away && sh.within(around))
		})
		if may && f.State == IsFriend {
			authors = append(authors, object.Author{ID: f.author, Rights: object.MayWrite, Name: f.Called})
		}
	}
	slices.SortFunc(authors, func(a, b object.Author) int { return slices.Compare(a.ID[:], b.ID[:]) })
	return authors
}
