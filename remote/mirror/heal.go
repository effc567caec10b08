package mirror

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/sync/errgroup"

	"postern/crypto"
	"postern/remote"
	"postern/remote/transfer"
)

// jitter is the fraction by which the pause between two attempts to heal a member varies.
const jitter = 0.5

// limit bounds the background work for one blob or pointer, and the wait for the next blob of a listing. A member that
// is silent for longer is retried later, and does not block its healer for ever.
func (o Options) limit() time.Duration {
	if o.Deadlines.Reply < 0 {
		return remote.Shipped.Blob()
	}
	return o.Deadlines.Blob()
}

// tend heals one member whenever there is something to do, until the store is closed.
func (s *Store) tend(m *member) {
	for {
		select {
		case <-s.life.Done():
			return
		case <-m.wake:
		}
		delays := &backoff.ExponentialBackOff{InitialInterval: s.o.Deadlines.Again, RandomizationFactor: jitter,
			Multiplier: 2, MaxInterval: s.o.Deadlines.MaxAgain}
		delays.Reset()
		for {
			before := m.progress()
			err := s.heal(s.life, m)
			if err == nil {
				break
			}
			if m.progress() != before {
				delays.Reset()
			}
			s.o.Log.Debug("a member of the mirror is not healed yet", "member", m.name, "err", err)
			if s.o.Sleep(s.life, delays.NextBackOff()) != nil {
				return
			}
		}
	}
}

// progress returns a figure that grows as healing goes on.
func (m *member) progress() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.healed
}

// remind schedules the periodic comparison of a member as a whole.
func (s *Store) remind(m *member) {
	for wait := s.o.FirstCheck; wait >= 0; wait = s.o.CheckEvery {
		if s.o.Sleep(s.life, wait) != nil {
			return
		}
		m.update(func() { m.check = true })
	}
}

// heal does the pending work for a member. The order matters: deletions first, then blobs, and last the pointers, in
// the states that they had before the blobs were read.
func (s *Store) heal(ctx context.Context, m *member) (err error) {
	m.update(func() { m.busy = true })
	defer m.update(func() {
		m.busy = false
		if err == nil && !m.behind() {
			if m.lastErr != nil {
				s.o.Log.Info("a member of the mirror has caught up", "member", m.name)
			}
			m.lastErr, m.slow = nil, false
		}
	})
	if err := s.probe(ctx, m); err != nil {
		return err
	}
	if err := s.forget(ctx, m); err != nil {
		return err
	}
	if err := s.forgetLetters(ctx, m); err != nil {
		return err
	}
	m.mu.Lock()
	pointers := maps.Clone(m.pointers)
	m.mu.Unlock()
	if err := s.supply(ctx, m); err != nil {
		return err
	}
	if err := s.check(ctx, m, pointers); err != nil {
		return err
	}
	if err := s.supply(ctx, m); err != nil { // the blobs that the comparison found damaged
		return err
	}
	for _, p := range pointers {
		if err := s.forward(ctx, m, p); err != nil {
			return err
		}
	}
	return nil
}

// errBlocked is the error when healing must wait.
var errBlocked = errors.New("blobs that are to be healed are being written")

// probe asks a member that was down for a blob that can't exist. Any answer shows that the member is up.
func (s *Store) probe(ctx context.Context, m *member) error {
	m.mu.Lock()
	down := m.down
	m.mu.Unlock()
	if !down {
		return nil
	}
	start := s.o.Clock()
	err := s.ask(ctx, m, 0, false, func(ctx context.Context, store remote.Store) error {
		_, err := store.Stat(ctx, crypto.BlobName{})
		return err
	})
	if remote.OfKind(err, remote.ErrUnavailable, remote.ErrClosed) {
		return err
	}
	now := s.o.Clock()
	m.took(now.Sub(start), 0)
	m.update(func() { m.down, m.since = false, now })
	s.o.Log.Info("a member of the mirror answers again", "member", m.name)
	return nil
}

// forget deletes the blobs that were deleted while the member was away.
func (s *Store) forget(ctx context.Context, m *member) error {
	m.mu.Lock()
	gone := make([]crypto.BlobName, 0, len(m.gone))
	for name := range m.gone {
		gone = append(gone, name)
	}
	m.mu.Unlock()
	for _, name := range gone {
		if _, ok := m.claim(name, func() bool { _, still := m.gone[name]; return still }); !ok {
			continue // supply waits for it
		}
		inner, cancel := context.WithTimeout(ctx, s.o.limit())
		err := m.store.Delete(inner, name)
		cancel()
		m.update(func() {
			m.leave(name)
			if err == nil {
				delete(m.gone, name)
			}
		})
		if err != nil {
			return s.ill(ctx, m, err)
		}
	}
	return nil
}

// claim begins a write of the healer if it is still wanted and no other goroutine writes that blob. It returns the want
// that it serves, if any.
func (m *member) claim(name crypto.BlobName, wanted func() bool) (w *want, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !wanted() || m.writing[name] > 0 {
		return nil, false
	}
	m.writing[name]++
	return m.missing[name], true
}

// ill records that the member itself failed, and returns the error.
func (s *Store) ill(ctx context.Context, m *member, err error) error {
	if ctx.Err() == nil {
		m.update(func() { m.failed(err) })
	}
	return fmt.Errorf("%s: %w", m.name, err)
}

// supply copies the blobs that the member is known to lack, until none is left. errBlocked: all but some that are being
// written or deleted at the moment.
func (s *Store) supply(ctx context.Context, m *member) error {
	for {
		m.mu.Lock()
		var batch []crypto.BlobName
		for name := range m.missing {
			if m.writing[name] == 0 {
				batch = append(batch, name)
			}
		}
		blocked := len(m.missing) > 0 || len(m.gone) > 0
		m.mu.Unlock()
		if len(batch) == 0 && blocked {
			return errBlocked
		}
		if len(batch) == 0 {
			return nil
		}
		group, inner := errgroup.WithContext(ctx)
		group.SetLimit(s.o.Workers)
		for _, name := range batch {
			if inner.Err() != nil {
				break
			}
			group.Go(func() error {
				w, ok := m.claim(name, func() bool { _, still := m.missing[name]; return still })
				if !ok {
					return nil
				}
				err := s.copy(inner, m, name, w.damaged)
				m.update(func() {
					m.leave(name)
					if err == nil {
						m.supplied(name, w)
					}
				})
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return err
		}
		if err := remote.Alive(ctx, "heal", s); err != nil {
			return err
		}
	}
}

// copy takes one blob from the others to the member; the caller holds the claim. A blob without another intact copy
// does not stop it.
func (s *Store) copy(life context.Context, m *member, name crypto.BlobName, damaged bool) error {
	ctx, cancel := context.WithTimeout(life, s.o.limit())
	defer cancel()
	have, err := transfer.SizeAt(ctx, m.store, name)
	if err != nil {
		return s.ill(life, m, err)
	}
	if have >= 0 && !damaged {
		var size int64
		err := s.read(ctx, remote.OpStat, name, 0, s.order(name, m),
			func(ctx context.Context, store remote.Store) (err error) {
				size, err = store.Stat(ctx, name)
				return err
			})
		if err == nil && size == have {
			return nil
		}
	}
	data, err := s.get(ctx, name, m)
	switch {
	case remote.OfKind(err, remote.ErrNotFound):
		return nil // deleted meanwhile
	case remote.OfKind(err, remote.ErrCorrupt):
		s.o.Log.Warn("a blob can't be healed: no member has it intact", "member", m.name, "blob", name.String(), "err", err)
		m.update(func() { m.trouble = err })
		return nil
	case err != nil:
		return err
	}
	if err := transfer.Place(ctx, m.store, name, data, have, damaged); err != nil {
		return s.ill(life, m, err)
	}
	m.update(func() {
		m.healed++
		m.healedBytes += int64(len(data))
	})
	return nil
}

// forward moves one pointer of the member. A pointer that is ahead was moved by another gateway; one with another
// history stays as it is, and Status reports it.
func (s *Store) forward(ctx context.Context, m *member, p crypto.Pointer) error {
	inner, cancel := context.WithTimeout(ctx, s.o.limit())
	defer cancel()
	_, err := transfer.Forward(inner, m.store, p, transfer.BySequence)
	switch {
	case remote.OfKind(err, remote.ErrRollback):
		err = nil
	case remote.OfKind(err, remote.ErrFork, remote.ErrCorrupt):
		s.o.Log.Warn("a pointer of a member can't be healed", "member", m.name, "pointer", p.ID.String(), "err", err)
		m.update(func() { m.trouble = err })
		err = nil
	}
	if err != nil {
		return s.ill(ctx, m, err)
	}
	m.update(func() {
		if m.pointers[p.ID] == p {
			delete(m.pointers, p.ID)
		}
	})
	return nil
}
