package mirror

import (
	"context"
	"errors"
	"slices"
	"time"

	"postern/crypto"
	"postern/remote"
)

// Put implements remote.Blobs. It returns when the blob is durable on the authority, and the others have it too or
// their grace period is over; members without it are remembered.
func (s *Store) Put(ctx context.Context, name crypto.BlobName, body remote.Body) error {
	if err := s.begin(ctx, remote.OpPut, name); err != nil {
		return err
	}
	if len(s.members) == 1 {
		return s.authority().store.Put(ctx, name, body)
	}
	if err := remote.CheckSize(name, body.Size()); err != nil {
		return err
	}
	body, err := shared(ctx, name, body)
	if err != nil {
		return err
	}
	others, finish := s.fan(ctx, name, func(ctx context.Context, m *member) error { return m.store.Put(ctx, name, body) })
	err = s.authority().store.Put(ctx, name, body)
	if err != nil {
		s.judge(ctx, err)
		finish(nil)
		if ended := s.begin(ctx, remote.OpPut, name); ended != nil {
			return ended
		}
		return err
	}
	s.authority().update(func() { delete(s.authority().missing, name) })
	s.wait(ctx, others)
	finish(func(m *member, there bool) {
		delete(m.gone, name) // it is wanted again
		if there {
			delete(m.missing, name)
		} else {
			m.lack(name, false)
		}
	})
	return nil
}

// shared returns a body that several members may read at the same time, also after Put has returned: a file as it is,
// other bytes in memory.
func shared(ctx context.Context, name crypto.BlobName, body remote.Body) (remote.Body, error) {
	if file, ok := body.(remote.Linker); ok {
		return file, nil
	}
	data, err := remote.WholeBody(name, body)
	if ended := remote.Alive(ctx, remote.OpPut, name); ended != nil {
		return nil, ended
	}
	if err != nil {
		return nil, err
	}
	return remote.BytesBody(data), nil
}

// settle is called for each member but the authority, with its lock held; done reports whether the call succeeded
// there.
type settle func(m *member, done bool)

// fan makes a call to all members but the authority that are up. done is closed when all have answered. finish ends the
// calls of those that have not, and settles all; with nil it settles none, as if the call had not been made. A call
// that succeeds after the grace period still counts: the healer finds the blob there.
func (s *Store) fan(
	ctx context.Context, name crypto.BlobName, call func(context.Context, *member) error,
) (done <-chan struct{}, finish func(settle)) {
	inner, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.life, cancel)
	all := make(chan struct{})
	answers := make(chan answer, len(s.members))
	var began []*member
	for _, m := range s.members[1:] {
		if !m.enter(name) {
			continue
		}
		if !s.spawn(func() {
			err := call(inner, m)
			m.update(func() { m.leave(name) })
			answers <- answer{m, err}
		}) {
			m.update(func() { m.leave(name); m.leave(name) })
			continue
		}
		began = append(began, m)
	}
	var got []answer
	collected := make(chan struct{})
	if !s.spawn(func() {
		defer close(collected)
		defer close(all)
		for range began {
			select {
			case a := <-answers:
				got = append(got, a)
			case <-inner.Done():
				return
			}
		}
	}) {
		close(all)
		close(collected)
	}
	return all, func(settled settle) {
		late := inner.Err() == nil
		cancel()
		stop()
		<-collected
		late = late && len(got) < len(began)
		for _, m := range s.members[1:] {
			a := find(got, m)
			m.update(func() {
				if slices.Contains(began, m) {
					m.leave(name)
				}
				if settled == nil {
					return
				}
				settled(m, a != nil && a.err == nil)
				switch {
				case a != nil && a.err != nil && ctx.Err() == nil:
					m.failed(a.err)
				case a == nil && late && slices.Contains(began, m):
					m.slow, m.lastErr = true, errLate
				}
			})
		}
	}
}

// errLate is the error of a member that is merely slower than the authority.
var errLate = errors.New("it does not keep up with the authority")

// answer is the result of a call to one member.
type answer struct {
	m   *member
	err error
}

// find returns a member's answer.
func find(answers []answer, m *member) *answer {
	for i := range answers {
		if answers[i].m == m {
			return &answers[i]
		}
	}
	return nil
}

// wait waits for the others until the grace period is over.
func (s *Store) wait(ctx context.Context, others <-chan struct{}) {
	select {
	case <-others:
		return
	default:
	}
	if s.o.Deadlines.Lag < 0 {
		return
	}
	timer := time.NewTimer(s.o.Deadlines.Lag)
	defer timer.Stop()
	select {
	case <-others:
	case <-timer.C:
	case <-ctx.Done():
	case <-s.life.Done():
	}
}

// judge records whether the authority answered.
func (s *Store) judge(ctx context.Context, err error) {
	if ctx.Err() == nil && remote.OfKind(err, remote.ErrUnavailable) {
		first := s.authority()
		first.update(func() { first.failed(err) })
	}
}

// Delete implements remote.Blobs. Members that can't be reached are remembered: this blob is no longer read from them,
// and is deleted when they are back.
func (s *Store) Delete(ctx context.Context, name crypto.BlobName) error {
	if err := s.begin(ctx, remote.OpDelete, name); err != nil {
		return err
	}
	if err := s.authority().store.Delete(ctx, name); err != nil {
		s.judge(ctx, err)
		return err
	}
	if len(s.members) == 1 {
		return nil
	}
	for _, m := range s.members {
		m.update(func() {
			delete(m.missing, name)
			if !m.authority && len(m.gone) < s.o.MaxNames {
				m.gone[name] = struct{}{}
			}
		})
	}
	others, finish := s.fan(ctx, name, func(ctx context.Context, m *member) error { return m.store.Delete(ctx, name) })
	s.wait(ctx, others)
	finish(func(m *member, done bool) {
		if done {
			delete(m.gone, name)
		}
	})
	return nil
}

// Swap implements remote.Pointers, at the authority alone. The pointers of the others follow in the background, once
// they have all blobs.
func (s *Store) Swap(ctx context.Context, old crypto.PointerHash, next crypto.Pointer) error {
	if err := s.begin(ctx, remote.OpSwap, next.ID); err != nil {
		return err
	}
	if err := s.authority().store.Swap(ctx, old, next); err != nil {
		s.judge(ctx, err)
		return err
	}
	s.known.saw(next)
	for _, m := range s.members[1:] {
		m.update(func() { m.point(next) })
	}
	return nil
}

// point remembers a pointer that is to be moved; mu is held.
func (m *member) point(p crypto.Pointer) {
	before, there := m.pointers[p.ID]
	if there && before.Seq >= p.Seq || !there && len(m.pointers) >= maxPointers {
		return
	}
	m.pointers[p.ID] = p
}
