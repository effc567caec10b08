package people

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/vfs/layout"
	"postern/vfs/registry"
)

// State is the state of somebody else, as a user sees it.
type State string

// The states.
const (
	Asked    State = "asked"    // this account has asked, and has no answer
	Asks     State = "asks"     // the other has asked, and waits for an answer
	IsFriend State = "friend"   // both have agreed
	Rejected State = "rejected" // this account has turned the request down
	Removed  State = "removed"  // it was a friend
	Blocked  State = "blocked"  // its letters are dropped
)

// Friend is somebody else whom this account has met, or asked.
type Friend struct {
	Name        string    `json:"name"` // unique here; of a friend, the folder below /shared
	Called      string    `json:"called,omitempty"`
	State       State     `json:"state"`
	Fingerprint string    `json:"fingerprint"`
	Groups      []string  `json:"groups,omitempty"`
	Since       time.Time `json:"since,omitzero"`
	Changed     bool      `json:"changed,omitempty"` // the name now belongs to another account: see Trust

	author crypto.AuthorID
}

// person is a record of kindFriend.
type person struct {
	Friend
	card   crypto.Card
	theirs crypto.Capability // zero: not known
	turn   uint32
	letter crypto.MessageID
	sent   time.Time
}

// persons returns all records of kindFriend, by name.
func persons(s registry.State) (all []person) {
	groups := memberships(s)
	for id, r := range s.All(kindFriend) {
		author, ok := authorOf(id)
		if !ok {
			continue
		}
		f := person{
			Friend: Friend{Name: string(r.Get(fieldName)), Called: string(r.Get(fieldCalled)),
				State: State(r.Get(fieldState)), Fingerprint: fingerprint(author), Since: timeOf(r.Get(fieldSince)),
				Groups: groups[id], author: author},
			turn: uintOf(r.Get(fieldTurn)), sent: timeOf(r.Get(fieldSent)),
		}
		if c, err := crypto.UnmarshalCard(r.Get(fieldContact)); err == nil {
			f.card = c
		}
		if c, err := crypto.ParseCapability(r.Get(fieldTheirs)); err == nil && c.Owner == author {
			f.theirs = c
		}
		if b := r.Get(fieldLetter); len(b) == len(f.letter) {
			f.letter = crypto.MessageID(b)
		}
		all = append(all, f)
	}
	slices.SortStableFunc(all, func(a, b person) int { return cmp.Compare(a.Name, b.Name) })
	for i := range all { // two devices may have given one name to two people
		if i > 0 && all[i].Name == all[i-1].Name {
			all[i].Name += " " + all[i].author.String()[:6]
		}
	}
	return all
}

// find returns the person of a name or a fingerprint.
func find(s registry.State, who string) (person, error) {
	for _, f := range persons(s) {
		if f.Name == who || f.Fingerprint == who {
			return f, nil
		}
	}
	return person{}, refuse("nobody here is called %q: postern friend list shows all names", who)
}

// Friends looks into the inbox and returns everybody whom this account has met, by name. While the store can't be
// reached, it returns those known here.
func (p *People) Friends(ctx context.Context) ([]Friend, error) {
	p.making.Lock()
	defer p.making.Unlock()
	if err := p.readLetters(ctx); err != nil {
		p.o.Log.Info("the inbox can't be read", "error", err)
	}
	var all []Friend
	for _, f := range persons(p.o.Own.Private()) {
		all = append(all, f.Friend)
	}
	return all, p.show()
}

// Add asks somebody to become a friend, by name or by contact card. Asking somebody who has asked accepts.
func (p *People) Add(ctx context.Context, who string) (Friend, error) {
	p.making.Lock()
	defer p.making.Unlock()
	contact, err := p.contact(ctx, who)
	if err != nil {
		return Friend{}, err
	}
	if contact.Author == p.author() {
		return Friend{}, refuse("%s is this account itself", who)
	}
	s := p.o.Own.Private()
	if f, met := personOf(s, contact.Author); met {
		switch f.State {
		case IsFriend:
			return f.Friend, nil
		case Asks, Rejected:
			return p.accept(ctx, f)
		}
	}
	if err := p.pinned(s, who, contact); err != nil {
		return Friend{}, err
	}
	return p.ask(ctx, s, contact)
}

// contact finds somebody by a contact card or by name.
func (p *People) contact(ctx context.Context, who string) (crypto.Card, error) {
	if strings.HasPrefix(who, crypto.CardPrefix) {
		c, err := crypto.ParseCard(who)
		if err != nil {
			return c, refuse("this contact card is not whole: copy all of it")
		}
		return c, nil
	}
	c, err := p.desk.LookUp(ctx, who)
	switch {
	case errors.Is(err, remote.ErrNotFound):
		return c, refuse("nobody at this storage is called %q: ask for the exact name, or for a contact card", who)
	case err != nil:
		return c, offline("look up "+who, err)
	}
	return c, nil
}

// pinned refuses a name that has belonged to somebody else.
func (p *People) pinned(s registry.State, who string, c crypto.Card) error {
	for _, f := range persons(s) {
		if f.Called == c.Name && f.author != c.Author && f.State != Removed {
			return refuse("the name %s belongs to another key than when you met: somebody may pretend to be %s. "+
				"Compare the fingerprints (then: %s; now: %s); if it is right, run postern friend trust %s",
				who, who, f.Fingerprint, c.Author.Fingerprint(), f.Name)
		}
	}
	return nil
}

// ask records the wish and sends the request.
func (p *People) ask(ctx context.Context, s registry.State, c crypto.Card) (Friend, error) {
	note, err := p.meetNote(s, c, Asked)
	if err != nil {
		return Friend{}, err
	}
	note.Set[fieldSent] = nil
	if err := p.o.Own.Note(ctx, note); err != nil {
		return Friend{}, err
	}
	f, err := p.person(c.Author)
	if err != nil {
		return Friend{}, err
	}
	if err := p.write(ctx, f); err != nil {
		return f.Friend, offline("the request is kept here and sent later", err)
	}
	return f.Friend, nil
}

// meetNote returns the note that somebody is in a state, with a name that is free.
func (p *People) meetNote(s registry.State, c crypto.Card, state State) (registry.Note, error) {
	card, err := c.Marshal()
	n := registry.Note{Kind: kindFriend, ID: c.Author.String(), Set: map[string][]byte{
		fieldState: []byte(state), fieldContact: card, fieldCalled: []byte(c.Name),
		fieldSince: timeBytes(p.o.Now()),
	}}
	if r, known := s.Get(kindFriend, n.ID); !known || len(r.Get(fieldName)) == 0 {
		n.Set[fieldName] = []byte(freeName(s, c))
	}
	return n, err
}

// freeName returns a name for somebody that nobody else has here. It becomes the name of a folder.
func freeName(s registry.State, c crypto.Card) string {
	taken := map[string]bool{layout.Links: true}
	for _, f := range persons(s) {
		taken[f.Name] = true
	}
	for group := range s.All(kindGroup) { // one name must not mean two things
		taken[group] = true
	}
	name := cmp.Or(c.Name, "friend")
	if taken[name] {
		name += " " + c.Author.Fingerprint()[0] // the same on all devices
	}
	for taken[name] {
		name += "'"
	}
	return name
}

// personOf returns the record of somebody.
func personOf(s registry.State, author crypto.AuthorID) (f person, met bool) {
	all := persons(s)
	i := slices.IndexFunc(all, func(f person) bool { return f.author == author })
	if i < 0 {
		return f, false
	}
	return all[i], true
}

// person returns the newest record of somebody.
func (p *People) person(author crypto.AuthorID) (person, error) {
	if f, met := personOf(p.o.Own.Private(), author); met {
		return f, nil
	}
	return person{}, errors.New("the record is missing")
}

// self is what others learn of this account.
func (p *People) self() crypto.Card {
	c := crypto.Card{Name: p.called()}
	if p.o.URL != "" {
		c.Stores = []string{p.o.URL}
	}
	return c
}

// Accept makes somebody who asks a friend.
func (p *People) Accept(ctx context.Context, who string) (Friend, error) {
	p.making.Lock()
	defer p.making.Unlock()
	if err := p.readLetters(ctx); err != nil {
		p.o.Log.Info("the inbox can't be read", "error", err)
	}
	f, err := find(p.o.Own.Private(), who)
	switch {
	case err != nil:
		return Friend{}, err
	case f.State == IsFriend:
		return f.Friend, nil
	case f.State != Asks && f.State != Rejected:
		return Friend{}, refuse("%s has not asked: postern friend add %s sends a request", who, who)
	}
	return p.accept(ctx, f)
}

func (p *People) accept(ctx context.Context, f person) (Friend, error) {
	if err := p.set(ctx, f, IsFriend); err != nil {
		return Friend{}, err
	}
	f.State = IsFriend
	err := p.write(ctx, f)
	if err := p.show(); err != nil {
		return f.Friend, err
	}
	if err != nil {
		return f.Friend, offline("you are friends; the answer is sent later", err)
	}
	return f.Friend, nil
}

// set records that somebody is in another state.
func (p *People) set(ctx context.Context, f person, state State) error {
	notes := []registry.Note{{Kind: kindFriend, ID: f.author.String(),
		Set: map[string][]byte{fieldState: []byte(state), fieldSent: nil}}}
	if f.State == IsFriend && state != IsFriend { // in one note, so that no crash comes between
		s := p.o.Own.Private()
		notes = append(append(notes, p.withdrawal(s, f)...), partAll(s, f.author)...)
	}
	return p.o.Own.Note(ctx, notes...)
}

// ends are the states in which End may find somebody.
var ends = map[State][]State{
	Rejected: {Asks},
	Removed:  {IsFriend, Asked},
	Blocked:  {IsFriend, Asked, Asks, Rejected, Removed},
}

// End turns a request down (Rejected), ends a friendship or takes a request back (Removed), or does both for good, so
// that later letters are dropped (Blocked). The other side learns nothing of it but that nothing is shared any more.
func (p *People) End(ctx context.Context, who string, as State) (Friend, error) {
	p.making.Lock()
	defer p.making.Unlock()
	f, err := find(p.o.Own.Private(), who)
	switch {
	case err != nil:
		return Friend{}, err
	case !slices.Contains(ends[as], f.State):
		return Friend{}, refuse("%s is %s: there is nothing to do", who, f.State.words())
	}
	was := f.State
	if err := p.set(ctx, f, as); err != nil {
		return Friend{}, err
	}
	f.State = as
	if was == IsFriend {
		err = p.reconcile(ctx)
	}
	return f.Friend, errors.Join(err, p.show())
}

// words returns the state as the end of a sentence.
func (s State) words() string {
	switch s {
	case Asked:
		return "asked, and has not answered"
	case Asks:
		return "asking"
	case IsFriend:
		return "a friend"
	default:
		return string(s)
	}
}

// Trust accepts the key that a name has now, for somebody who is known under the name with another key. The old record
// stays, as removed.
func (p *People) Trust(ctx context.Context, who string) (Friend, error) {
	p.making.Lock()
	defer p.making.Unlock()
	s := p.o.Own.Private()
	f, err := find(s, who)
	if err != nil {
		return Friend{}, err
	}
	c, err := p.desk.LookUp(ctx, f.Called)
	if err != nil {
		return Friend{}, offline("look up "+f.Called, err)
	}
	if c.Author == f.author {
		return f.Friend, nil
	}
	if err := p.set(ctx, f, Removed); err != nil {
		return Friend{}, err
	}
	if f.State == IsFriend {
		if err := p.reconcile(ctx); err != nil {
			return Friend{}, err
		}
	}
	return p.ask(ctx, p.o.Own.Private(), c)
}
