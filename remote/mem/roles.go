package mem

import (
	"context"
	"maps"
	"slices"

	"postern/crypto"
	"postern/remote"
)

// Roles implements remote.Store: all of them.
func (s *Store) Roles() remote.Roles { return remote.Roles{Inbox: s, Names: s, Watch: s} }

// Drop implements remote.Inbox.
func (s *Store) Drop(ctx context.Context, to crypto.InboxID, letter crypto.Letter) error {
	if err := s.ready(ctx, remote.OpDrop, to); err != nil {
		return err
	}
	name, err := remote.CheckLetter(&letter)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	inbox := s.inboxes[to]
	if _, there := inbox[name]; there {
		return nil
	}
	if len(inbox) >= s.letters {
		return remote.Fail(remote.OpDrop, to, remote.ErrFull, nil)
	}
	if inbox == nil {
		inbox = map[crypto.LetterName]crypto.Letter{}
		s.inboxes[to] = inbox
	}
	inbox[name] = letter
	return nil
}

// Letters implements remote.Inbox.
func (s *Store) Letters(ctx context.Context, of crypto.InboxID) ([]crypto.LetterName, error) {
	if err := s.ready(ctx, remote.OpLetters, of); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Collect(maps.Keys(s.inboxes[of])), nil
}

// Fetch implements remote.Inbox.
func (s *Store) Fetch(ctx context.Context, of crypto.InboxID, name crypto.LetterName) (crypto.Letter, error) {
	if err := s.ready(ctx, remote.OpFetch, name); err != nil {
		return crypto.Letter{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	letter, there := s.inboxes[of][name]
	if !there {
		return letter, remote.Fail(remote.OpFetch, name, remote.ErrNotFound, nil)
	}
	return letter, nil
}

// Forget implements remote.Inbox.
func (s *Store) Forget(ctx context.Context, of crypto.InboxID, name crypto.LetterName) error {
	if err := s.ready(ctx, remote.OpForget, name); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.inboxes[of], name)
	return nil
}

// Claim implements remote.Names.
func (s *Store) Claim(ctx context.Context, id crypto.NameID, record crypto.NameRecord) error {
	return s.name(ctx, remote.OpClaim, remote.CheckClaim, id, record)
}

// Replace implements remote.Names.
func (s *Store) Replace(ctx context.Context, id crypto.NameID, record crypto.NameRecord) error {
	return s.name(ctx, remote.OpReplace, remote.CheckReplace, id, record)
}

// name stores a record if check allows it.
func (s *Store) name(
	ctx context.Context, op string, check func(crypto.NameID, *crypto.NameRecord, *crypto.NameRecord) (bool, error),
	id crypto.NameID, record crypto.NameRecord,
) error {
	if err := s.ready(ctx, op, id); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	done, err := check(id, s.names[id], &record)
	if err == nil && !done {
		s.names[id] = &record
	}
	return err
}

// LookUp implements remote.Names.
func (s *Store) LookUp(ctx context.Context, id crypto.NameID) (crypto.NameRecord, error) {
	if err := s.ready(ctx, remote.OpLookUp, id); err != nil {
		return crypto.NameRecord{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	record := s.names[id]
	if record == nil {
		return crypto.NameRecord{}, remote.Fail(remote.OpLookUp, id, remote.ErrNotFound, nil)
	}
	return *record, nil
}

// watcher is one Watch.
type watcher struct {
	handle *Store
	ids    map[crypto.PointerID]bool
	hints  chan struct{} // holds one hint
}

// Watch implements remote.Watch.
func (s *Store) Watch(ctx context.Context, ids []crypto.PointerID) (<-chan struct{}, error) {
	if err := s.ready(ctx, remote.OpWatch, s); err != nil {
		return nil, err
	}
	if err := remote.CheckWatch(ids); err != nil {
		return nil, err
	}
	w := &watcher{handle: s, ids: map[crypto.PointerID]bool{}, hints: make(chan struct{}, 1)}
	for _, id := range ids {
		w.ids[id] = true
	}
	s.mu.Lock()
	s.watchers[w] = true
	s.mu.Unlock()
	if s.closed.Load() {
		s.unwatch(w)
	}
	context.AfterFunc(ctx, func() { s.unwatch(w) })
	return w.hints, nil
}

// unwatch ends a watch, once.
func (c *contents) unwatch(w *watcher) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watchers[w] {
		delete(c.watchers, w)
		close(w.hints)
	}
}

// hint wakes the watchers of a pointer that moved; mu is held.
func (c *contents) hint(p crypto.Pointer) {
	for w := range c.watchers {
		if p.Listed || w.ids[p.ID] {
			select {
			case w.hints <- struct{}{}:
			default:
			}
		}
	}
}
