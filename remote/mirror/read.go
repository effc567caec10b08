package mirror

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/transfer"
)

// order returns the members that may have a blob, the nearest first: those that are up before those that are not, then
// by cost, then in the given order. An unmeasured member counts as near, so that it gets measured.
func (s *Store) order(name crypto.BlobName, except *member) []*member {
	type place struct {
		m    *member
		up   bool
		cost time.Duration
	}
	places := make([]place, 0, len(s.members))
	for _, m := range s.members {
		if may, up, cost := m.readable(name); may && m != except {
			places = append(places, place{m, up, cost})
		}
	}
	slices.SortStableFunc(places, func(a, b place) int {
		if a.up != b.up {
			if a.up {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.cost, b.cost)
	})
	members := make([]*member, len(places))
	for i, p := range places {
		members[i] = p.m
	}
	return members
}

// passes reports whether after err another member may succeed.
func passes(err error) bool {
	return remote.OfKind(err, remote.ErrNotFound, remote.ErrUnavailable, remote.ErrCorrupt, remote.ErrClosed)
}

// read asks one member after the other until one succeeds. size is roughly how many bytes the read returns.
func (s *Store) read(ctx context.Context, op string, name crypto.BlobName, size int, from []*member,
	ask func(context.Context, remote.Store) error) error {
	if err := s.begin(ctx, op, name); err != nil {
		return err
	}
	var v verdict
	lacking := map[*member]bool{} // true: it has the blob, damaged
	for i, m := range from {
		if v.sure && !m.up() {
			continue // it comes last, and the authority has answered already
		}
		start := s.o.Clock()
		// The last member has no limit, unless the authority has answered: then the read only covers the case that the
		// authority lost the blob, and a caller that asks for a missing blob must not wait for a silent member.
		err := s.ask(ctx, m, size, i == len(from)-1 && !v.sure, ask)
		if ended := s.begin(ctx, op, name); err != nil && ended != nil {
			return ended
		}
		if err == nil {
			m.took(s.o.Clock().Sub(start), size)
			for m, damaged := range lacking {
				m.update(func() { m.lack(name, damaged) })
			}
			return nil
		}
		if !passes(err) {
			return err
		}
		switch elapsed := s.o.Clock().Sub(start); {
		case remote.OfKind(err, remote.ErrNotFound):
			lacking[m] = false
			// no blob has that name: a trial asks for it, to see whether a member answers
			v.lacks(err, m.authority || name.IsZero())
		case remote.OfKind(err, remote.ErrCorrupt):
			lacking[m] = true
			v.damaged, v.sure = err, v.sure || m.authority
		default:
			if s.o.Deadlines.Member > 0 && elapsed >= s.o.Deadlines.Member {
				m.took(elapsed, 0)
			}
			m.update(func() { m.failed(err) })
			v.away = err
		}
	}
	return v.err(op, name)
}

// verdict collects the answers of members that could not return a blob.
type verdict struct {
	damaged, away, nowhere error
	sure                   bool // the authority is among them
}

// lacks records that a member does not have it.
func (v *verdict) lacks(err error, authority bool) {
	if v.nowhere == nil || authority {
		v.nowhere, v.sure = err, v.sure || authority
	}
}

// err chooses the error. A blob that is there but damaged is not missing. A blob that the authority lacks does not
// exist; one that only other members lack may be on a member that is away.
func (v *verdict) err(op string, name crypto.BlobName) error {
	switch {
	case v.damaged != nil:
		return v.damaged
	case v.away != nil && !v.sure:
		return v.away
	case v.nowhere != nil:
		return v.nowhere
	}
	return remote.Fail(op, name, remote.ErrNotFound, nil)
}

// ask reads from one member, with a limit if other members are left.
func (s *Store) ask(
	ctx context.Context, m *member, size int, last bool, ask func(context.Context, remote.Store) error,
) error {
	if last || s.o.Deadlines.Member < 0 {
		return ask(ctx, m.store)
	}
	limit := s.o.Deadlines.Member
	if m.up() {
		limit += limit * time.Duration(size>>20) / 4
	}
	inner, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return ask(inner, m.store)
}

// Get implements remote.Blobs: the bytes are those of the name.
func (s *Store) Get(ctx context.Context, name crypto.BlobName) ([]byte, error) {
	return s.get(ctx, name, nil)
}

// get reads a blob from any member except one.
func (s *Store) get(ctx context.Context, name crypto.BlobName, except *member) (data []byte, err error) {
	err = s.read(ctx, remote.OpGet, name, crypto.MaxBlobSize, s.order(name, except),
		func(ctx context.Context, m remote.Store) (err error) {
			data, err = transfer.Fetch(ctx, m, name)
			return err
		})
	if err != nil {
		return nil, err
	}
	return data, nil
}

// GetRange implements remote.Blobs. A range has no name to compare it with. A caller that reads past caches has found
// the last answer wrong, so it is served from the whole blob, which is compared with its name.
func (s *Store) GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	if remote.IsPastCaches(ctx) && len(s.members) > 1 {
		data, err := s.get(ctx, name, nil)
		if err != nil {
			return err
		}
		if p, err = remote.Clip(ctx, name, int64(len(data)), off, p); err == nil {
			copy(p, data[off:])
		}
		return err
	}
	return s.read(ctx, remote.OpGetRange, name, len(p), s.order(name, nil),
		func(ctx context.Context, m remote.Store) error {
			return m.GetRange(ctx, name, off, p)
		})
}

// Stat implements remote.Blobs. The authority is asked first, however far it is, since callers use Stat to decide
// whether to put a blob again.
func (s *Store) Stat(ctx context.Context, name crypto.BlobName) (size int64, err error) {
	from := append([]*member{s.authority()},
		slices.DeleteFunc(s.order(name, nil), func(m *member) bool { return m.authority })...)
	err = s.read(ctx, remote.OpStat, name, 0, from, func(ctx context.Context, m remote.Store) (err error) {
		size, err = m.Stat(ctx, name)
		return err
	})
	if err != nil {
		return 0, err
	}
	return size, nil
}

// List implements remote.Blobs. It lists the authority only: a lagging member may lack blobs, and garbage collection
// needs the whole listing.
func (s *Store) List(ctx context.Context) iter.Seq2[remote.BlobInfo, error] {
	return func(yield func(remote.BlobInfo, error) bool) {
		if err := s.begin(ctx, remote.OpList, s); err != nil {
			yield(remote.BlobInfo{}, err)
			return
		}
		for info, err := range s.authority().store.List(ctx) {
			if err == nil {
				err = s.begin(ctx, remote.OpList, s)
			}
			if !yield(info, err) || err != nil {
				return
			}
		}
	}
}

// Load implements remote.Pointers. When the authority is away, or has none that is signed, it returns the newest state
// that any other member has or that passed through before, which is enough for reading. It may be older than the
// authority's state, but not older than what was seen.
func (s *Store) Load(ctx context.Context, id crypto.PointerID) (crypto.Pointer, error) {
	if err := s.begin(ctx, remote.OpLoad, id); err != nil {
		return crypto.Pointer{}, err
	}
	first := s.authority()
	var p crypto.Pointer
	var there bool
	err := s.ask(ctx, first, 0, len(s.members) == 1, func(ctx context.Context, m remote.Store) (err error) {
		p, there, err = transfer.Current(ctx, m, id)
		return err
	})
	if ended := s.begin(ctx, remote.OpLoad, id); err != nil && ended != nil {
		return crypto.Pointer{}, ended
	}
	if err == nil && !there {
		return crypto.Pointer{}, remote.Fail(remote.OpLoad, id, remote.ErrNotFound, nil)
	}
	if err == nil {
		s.known.saw(p)
		return p, nil
	}
	if !remote.OfKind(err, remote.ErrUnavailable, remote.ErrCorrupt) {
		return crypto.Pointer{}, err
	}
	s.judge(ctx, err)
	if p, there = s.newest(ctx, id); !there || p.Seq < s.o.Seen(id) {
		if ended := s.begin(ctx, remote.OpLoad, id); ended != nil {
			return crypto.Pointer{}, ended
		}
		return crypto.Pointer{}, err
	}
	s.o.Log.Info("a pointer was read past the authority", "pointer", id.String(), "seq", p.Seq, "err", err)
	return p, nil
}

// Changed implements remote.Pointers. Only the authority reports moves: no other member recognises its cursors, and the
// others lag behind by an unknown time. When the authority is away, single pointers can still be loaded.
func (s *Store) Changed(ctx context.Context, since remote.Cursor) (remote.Changes, error) {
	if err := s.begin(ctx, remote.OpChanged, s); err != nil {
		return remote.Changes{}, err
	}
	page, err := s.authority().store.Changed(ctx, since)
	if err != nil {
		s.judge(ctx, err)
		if ended := s.begin(ctx, remote.OpChanged, s); ended != nil {
			return remote.Changes{}, ended
		}
		return remote.Changes{}, err
	}
	return page, nil
}

// newest returns the newest signed state known without the authority.
func (s *Store) newest(ctx context.Context, id crypto.PointerID) (crypto.Pointer, bool) {
	best, there := s.known.state(id)
	for _, m := range s.members[1:] {
		if !m.up() {
			continue
		}
		var p crypto.Pointer
		var has bool
		err := s.ask(ctx, m, 0, false, func(ctx context.Context, store remote.Store) (err error) {
			p, has, err = transfer.Current(ctx, store, id)
			return err
		})
		if err != nil {
			if ctx.Err() == nil && remote.OfKind(err, remote.ErrUnavailable) {
				m.update(func() { m.failed(err) })
			}
			continue
		}
		if has && (!there || p.Seq > best.Seq) {
			best, there = p, true
		}
	}
	if there {
		s.known.saw(best)
	}
	return best, there
}

// ID implements remote.Store: it returns the authority's, so that a store keeps its id when it gets a mirror, and the
// loss of this machine loses no id. The mirror remembers it while the authority is away.
func (s *Store) ID(ctx context.Context) (crypto.StoreID, error) {
	if err := s.begin(ctx, remote.OpID, s); err != nil {
		return crypto.StoreID{}, err
	}
	if id := s.id.Load(); id != nil {
		return *id, nil
	}
	id, err := s.authority().store.ID(ctx)
	if err != nil {
		s.judge(ctx, err)
		if ended := s.begin(ctx, remote.OpID, s); ended != nil {
			return crypto.StoreID{}, ended
		}
		return crypto.StoreID{}, err
	}
	s.id.Store(&id)
	return id, nil
}

// Space implements remote.Store: the figures of the member with the least room, among those that report it.
func (s *Store) Space(ctx context.Context) (remote.Space, error) {
	if err := s.begin(ctx, remote.OpSpace, s); err != nil {
		return remote.Space{}, err
	}
	least := remote.Space{Used: -1, Free: -1}
	answered := false
	var errs []error
	for _, m := range s.members {
		if answered && !m.up() {
			continue
		}
		var space remote.Space
		err := s.ask(ctx, m, 0, m.authority && len(s.members) == 1,
			func(ctx context.Context, store remote.Store) (err error) {
				space, err = store.Space(ctx)
				return err
			})
		if ended := s.begin(ctx, remote.OpSpace, s); ended != nil {
			return remote.Space{}, ended
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", m.name, err))
			continue
		}
		if !answered || space.Free >= 0 && (least.Free < 0 || space.Free < least.Free) {
			least = space
		}
		answered = true
	}
	if !answered {
		return remote.Space{}, remote.Fail(remote.OpSpace, s, remote.ErrUnavailable, errors.Join(errs...))
	}
	return least, nil
}
