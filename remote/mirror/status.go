package mirror

import (
	"context"
	"errors"
	"time"

	"postern/remote"
)

// Status is how one member stands.
type Status struct {
	Name      string
	Authority bool
	Up        bool      // it answered when it was last asked
	Since     time.Time // when Up last changed
	Lagging   bool      // there is something that it lacks, or may lack
	Checking  bool      // a comparison as a whole is due or under way
	Missing   int       // blobs known to be missing or damaged
	Deletes   int       // deleted blobs that it still has
	Pointers  int       // pointers that are to be moved

	Healed      int64 // blobs copied to it in the background since New
	HealedBytes int64
	Extra       int64         // blobs that it has and the authority lacks, at the last comparison
	Cost        time.Duration // of a small read, a decaying average; 0: not measured
	Err         error         // why it lags, or what can't be healed; nil: all is well
}

// Status returns how the members stand, the authority first.
func (s *Store) Status() []Status {
	all := make([]Status, len(s.members))
	for i, m := range s.members {
		all[i] = m.status()
	}
	return all
}

// status returns how a member stands.
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

// Recheck has every member compared as a whole with the authority, in the background: after something happened to one
// that the mirror can't know of. See Settle.
func (s *Store) Recheck() {
	for _, m := range s.members[1:] {
		m.update(func() { m.check = true })
	}
}

// Settle waits until no member lags. Errors: ErrClosed; ErrUnavailable when the context ends first, with what the members
// lag for.
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

// lagging joins why members lag.
func (s *Store) lagging() error {
	var errs []error
	for _, m := range s.Status() {
		if m.Lagging && m.Err != nil {
			errs = append(errs, &remote.Error{Op: "heal", On: m.Name, Kind: remote.ErrUnavailable, Err: m.Err})
		}
	}
	return errors.Join(errs...)
}
