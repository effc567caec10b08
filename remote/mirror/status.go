package mirror

import (
	"context"
	"errors"
	"time"

	"postern/remote"
)

// Status is the state of one member.
type Status struct {
	Name      string
	Authority bool
	Up        bool      // it answered its last call
	Since     time.Time // when Up last changed
	Lagging   bool      // it lacks something, or may lack it
	Checking  bool      // a comparison as a whole is due or under way
	Missing   int       // blobs known to be missing or damaged
	Deletes   int       // deleted blobs that it still has
	Pointers  int       // pointers that are to be moved

	Healed      int64 // blobs copied to it in the background since New
	HealedBytes int64
	Extra       int64         // blobs that it has and the authority lacks, at the last comparison
	Cost        time.Duration // of a small read, a decaying average; 0: not measured
	Err         error         // why it lags, or what can't be healed; nil: no error
}

// Status returns the state of each member, the authority first.
func (s *Store) Status() []Status {
	all := make([]Status, len(s.members))
	for i, m := range s.members {
		all[i] = m.status()
	}
	return all
}

// status returns the state of a member.
func (m *member) status() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	err := m.lastErr
	if err == nil {
		err = m.trouble
	}
	return Status{
		Name: m.name, Authority: m.authority, Up: !m.down, Since: m.since,
		Lagging: m.behind() || m.busy, Checking: m.check,
		Missing: len(m.missing), Deletes: len(m.gone), Pointers: len(m.pointers),
		Healed: m.healed, HealedBytes: m.healedBytes, Extra: m.extra, Cost: m.cost, Err: err,
	}
}

// Recheck starts a comparison of every member with the authority, in the background. Call it after a change to a member
// that the mirror can't see. See Settle.
func (s *Store) Recheck() {
	for _, m := range s.members[1:] {
		m.update(func() { m.check = true })
	}
}

// Settle waits until no member lags. Errors: ErrClosed; ErrUnavailable when the context ends first, with the reasons
// why members lag.
func (s *Store) Settle(ctx context.Context) error {
	for {
		changed := s.next()
		if err := s.begin(ctx, "settle", s); err != nil {
			return errors.Join(err, s.lagging())
		}
		if !s.behind() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
		case <-s.life.Done():
		}
	}
}

// behind reports whether any member lags.
func (s *Store) behind() bool {
	for _, m := range s.Status() {
		if m.Lagging {
			return true
		}
	}
	return false
}

// lagging joins the reasons why members lag.
func (s *Store) lagging() error {
	var errs []error
	for _, m := range s.Status() {
		if m.Lagging && m.Err != nil {
			errs = append(errs, &remote.Error{Op: "heal", On: m.Name, Kind: remote.ErrUnavailable, Err: m.Err})
		}
	}
	return errors.Join(errs...)
}
