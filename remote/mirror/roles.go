package mirror

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"postern/crypto"
	"postern/remote"
)

// Roles implements remote.Store. Letters are kept by all members that take them; names are claimed, and moves are
// watched, at the authority.
func (s *Store) Roles() (r remote.Roles) {
	for _, m := range s.members {
		if m.store.Roles().Inbox != nil {
			r.Inbox = inbox{s}
		}
	}
	first := s.authority().store.Roles()
	if first.Names != nil {
		r.Names = names{s}
	}
	if first.Watch != nil {
		r.Watch = watch{s}
	}
	return r
}

// each calls do for several members at once, and returns the error of each, in the order of the members. A member that
// does not answer in time counts as away. It skips members that are down, except the authority.
func (s *Store) each(
	ctx context.Context, op string, on fmt.Stringer, do func(context.Context, *member) error,
) ([]error, error) {
	if err := s.begin(ctx, op, on); err != nil {
		return nil, err
	}
	errs := make([]error, len(s.members))
	var all sync.WaitGroup
	for i, m := range s.members {
		if !m.authority && !m.up() {
			errs[i] = remote.Fail(op, on, remote.ErrUnavailable, fmt.Errorf("%s is away", m.name))
			continue
		}
		all.Go(func() {
			errs[i] = s.ask(ctx, m, 0, len(s.members) == 1,
				func(ctx context.Context, _ remote.Store) error { return do(ctx, m) })
		})
	}
	all.Wait()
	if err := s.begin(ctx, op, on); err != nil {
		return nil, err
	}
	for i, m := range s.members {
		if remote.OfKind(errs[i], remote.ErrUnavailable) {
			m.update(func() { m.failed(errs[i]) })
		}
	}
	return errs, nil
}

// verdictOf returns the result of a call to several members: the authority's answer or, if it is away or does not offer
// the role, that of the first member that answers.
func verdictOf(errs []error) error {
	for _, err := range errs {
		if !remote.OfKind(err, remote.ErrUnavailable) && !errors.Is(err, remote.ErrNoRole) {
			return err
		}
	}
	for _, err := range errs {
		if remote.OfKind(err, remote.ErrUnavailable) {
			return err
		}
	}
	return errs[0]
}

// inbox keeps letters at all members.
type inbox struct{ s *Store }

// inbox returns the inboxes of a member, or the error of one that has none.
func (m *member) inbox(op string, on fmt.Stringer) (remote.Inbox, error) {
	if i := m.store.Roles().Inbox; i != nil {
		return i, nil
	}
	return nil, remote.Fail(op, on, remote.ErrRefused, remote.ErrNoRole)
}

// forgot reports whether a letter was deleted that the member may still have.
func (m *member) forgot(at letterAt) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, gone := m.letters[at]
	return gone
}

// Drop implements remote.Inbox. It succeeds if any member has taken the letter: readers ask all of them.
func (i inbox) Drop(ctx context.Context, to crypto.InboxID, letter crypto.Letter) error {
	if err := i.s.begin(ctx, remote.OpDrop, to); err != nil {
		return err
	}
	name, err := remote.CheckLetter(&letter)
	if err != nil {
		return err
	}
	for _, m := range i.s.members {
		m.update(func() { delete(m.letters, letterAt{to, name}) }) // it is wanted again
	}
	errs, err := i.s.each(ctx, remote.OpDrop, to, func(ctx context.Context, m *member) error {
		role, err := m.inbox(remote.OpDrop, to)
		if err != nil {
			return err
		}
		return role.Drop(ctx, to, letter)
	})
	if err != nil || slices.Contains(errs, nil) {
		return err
	}
	return verdictOf(errs)
}

// Letters implements remote.Inbox: it returns the letters of all members. It fails only when no member answers.
func (i inbox) Letters(ctx context.Context, of crypto.InboxID) ([]crypto.LetterName, error) {
	var mu sync.Mutex
	seen := map[crypto.LetterName]bool{}
	all := []crypto.LetterName{}
	errs, err := i.s.each(ctx, remote.OpLetters, of, func(ctx context.Context, m *member) error {
		role, err := m.inbox(remote.OpLetters, of)
		if err != nil {
			return err
		}
		names, err := role.Letters(ctx, of)
		mu.Lock()
		defer mu.Unlock()
		for _, name := range names {
			if !seen[name] && len(all) < remote.MaxLetters && !m.forgot(letterAt{of, name}) {
				seen[name] = true
				all = append(all, name)
			}
		}
		return err
	})
	if err == nil && !slices.Contains(errs, nil) {
		err = verdictOf(errs)
	}
	if err != nil {
		return nil, err
	}
	return all, nil
}

// Fetch implements remote.Inbox: it reads from the first member that has the letter undamaged.
func (i inbox) Fetch(ctx context.Context, of crypto.InboxID, name crypto.LetterName) (crypto.Letter, error) {
	if err := i.s.begin(ctx, remote.OpFetch, name); err != nil {
		return crypto.Letter{}, err
	}
	var errs []error
	for _, m := range i.s.members {
		if !m.authority && !m.up() || m.forgot(letterAt{of, name}) {
			continue
		}
		letter, err := i.fetch(ctx, m, of, name)
		if err == nil {
			return letter, nil
		}
		if ended := i.s.begin(ctx, remote.OpFetch, name); ended != nil {
			return crypto.Letter{}, ended
		}
		errs = append(errs, err)
	}
	if len(errs) == 0 {
		return crypto.Letter{}, remote.Fail(remote.OpFetch, name, remote.ErrNotFound, nil)
	}
	return crypto.Letter{}, verdictOf(errs)
}

// fetch reads from one member.
func (i inbox) fetch(
	ctx context.Context, m *member, of crypto.InboxID, name crypto.LetterName,
) (letter crypto.Letter, err error) {
	err = i.s.ask(ctx, m, 0, len(i.s.members) == 1, func(ctx context.Context, _ remote.Store) error {
		role, err := m.inbox(remote.OpFetch, name)
		if err != nil {
			return err
		}
		letter, err = role.Fetch(ctx, of, name)
		return err
	})
	if err == nil && letter.Name() != name {
		err = remote.Fail(remote.OpFetch, name, remote.ErrCorrupt, fmt.Errorf("%s has other bytes under that name", m.name))
	}
	if remote.OfKind(err, remote.ErrUnavailable) && ctx.Err() == nil {
		m.update(func() { m.failed(err) })
	}
	return letter, err
}

// Forget implements remote.Inbox. For members that can't be reached, this process remembers the letter: it hides their
// copies, and deletes them when they are back.
func (i inbox) Forget(ctx context.Context, of crypto.InboxID, name crypto.LetterName) error {
	errs, err := i.s.each(ctx, remote.OpForget, name, func(ctx context.Context, m *member) error {
		role, err := m.inbox(remote.OpForget, name)
		if err != nil {
			return err
		}
		return role.Forget(ctx, of, name)
	})
	if err != nil {
		return err
	}
	if err := verdictOf(errs); err != nil {
		return err
	}
	for n, m := range i.s.members {
		if errs[n] == nil || errors.Is(errs[n], remote.ErrNoRole) {
			continue
		}
		m.update(func() {
			if len(m.letters) < i.s.o.MaxNames {
				m.letters[letterAt{of, name}] = struct{}{}
			}
		})
	}
	return nil
}

// forgetLetters deletes letters that were deleted while the member was away.
func (s *Store) forgetLetters(ctx context.Context, m *member) error {
	m.mu.Lock()
	gone := slices.Collect(maps.Keys(m.letters))
	m.mu.Unlock()
	for _, at := range gone {
		inner, cancel := context.WithTimeout(ctx, s.o.limit())
		role, err := m.inbox(remote.OpForget, at.name)
		if err == nil && m.forgot(at) {
			err = role.Forget(inner, at.inbox, at.name)
		}
		cancel()
		if err != nil && !errors.Is(err, remote.ErrNoRole) {
			return s.ill(ctx, m, err)
		}
		m.update(func() { delete(m.letters, at) })
	}
	return nil
}

// names claims names at the authority, and tries to give the others copies: a member that was away gets the next record
// of the name.
type names struct{ s *Store }

// Claim implements remote.Names.
func (n names) Claim(ctx context.Context, id crypto.NameID, record crypto.NameRecord) error {
	return n.set(ctx, remote.OpClaim, id,
		func(ctx context.Context, role remote.Names) error { return role.Claim(ctx, id, record) }, record)
}

// Replace implements remote.Names.
func (n names) Replace(ctx context.Context, id crypto.NameID, record crypto.NameRecord) error {
	return n.set(ctx, remote.OpReplace, id,
		func(ctx context.Context, role remote.Names) error { return role.Replace(ctx, id, record) }, record)
}

// set makes a change at the authority, and then gives the others the record.
func (n names) set(
	ctx context.Context, op string, id crypto.NameID, do func(context.Context, remote.Names) error,
	record crypto.NameRecord,
) error {
	if err := n.s.begin(ctx, op, id); err != nil {
		return err
	}
	if err := do(ctx, n.s.authority().store.Roles().Names); err != nil {
		n.s.judge(ctx, err)
		if ended := n.s.begin(ctx, op, id); ended != nil {
			return ended
		}
		return err
	}
	for _, m := range n.s.members[1:] {
		role := m.store.Roles().Names
		if role == nil || !m.up() {
			continue
		}
		err := n.s.ask(ctx, m, 0, false, func(ctx context.Context, _ remote.Store) error {
			err := role.Replace(ctx, id, record)
			if remote.OfKind(err, remote.ErrNotFound) {
				err = role.Claim(ctx, id, record)
			}
			return err
		})
		if err != nil {
			n.s.o.Log.Warn("a member of the mirror has no copy of a name's record", "member", m.name, "name", id.String(), "err",
				err)
		}
	}
	return nil
}

// LookUp implements remote.Names. When the authority is away, it returns the newest signed record that any other member
// has; readers pin the record's author.
func (n names) LookUp(ctx context.Context, id crypto.NameID) (crypto.NameRecord, error) {
	if err := n.s.begin(ctx, remote.OpLookUp, id); err != nil {
		return crypto.NameRecord{}, err
	}
	first := n.s.authority()
	record, err := n.lookUp(ctx, first, id, len(n.s.members) == 1)
	if ended := n.s.begin(ctx, remote.OpLookUp, id); err != nil && ended != nil {
		return crypto.NameRecord{}, ended
	}
	if !remote.OfKind(err, remote.ErrUnavailable, remote.ErrCorrupt) {
		return record, err
	}
	n.s.judge(ctx, err)
	there := false
	for _, m := range n.s.members[1:] {
		if !m.up() || m.store.Roles().Names == nil {
			continue
		}
		other, otherErr := n.lookUp(ctx, m, id, false)
		if otherErr == nil && (!there || other.Seq() > record.Seq()) {
			record, there = other, true
		}
	}
	if !there {
		return crypto.NameRecord{}, err
	}
	return record, nil
}

// lookUp asks one member for a record that is signed.
func (n names) lookUp(
	ctx context.Context, m *member, id crypto.NameID, last bool,
) (record crypto.NameRecord, err error) {
	err = n.s.ask(ctx, m, 0, last, func(ctx context.Context, store remote.Store) (err error) {
		record, err = store.Roles().Names.LookUp(ctx, id)
		return err
	})
	if err != nil {
		return crypto.NameRecord{}, err
	}
	if err := record.Verify(id); err != nil {
		return crypto.NameRecord{}, remote.Fail(remote.OpLookUp, id, remote.ErrCorrupt, err)
	}
	return record, nil
}

// watch watches the authority, where all pointers move first.
type watch struct{ s *Store }

// Watch implements remote.Watch.
func (w watch) Watch(ctx context.Context, ids []crypto.PointerID) (<-chan struct{}, error) {
	if err := w.s.begin(ctx, remote.OpWatch, w.s); err != nil {
		return nil, err
	}
	return w.s.authority().store.Roles().Watch.Watch(ctx, ids)
}
