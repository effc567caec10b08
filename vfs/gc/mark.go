package gc

import (
	"context"
	"fmt"
	"sync"

	"postern/crypto"
	"postern/vfs/content"
	"postern/vfs/object"
	"postern/vfs/roots"
	"postern/vfs/tree"
)

// marks holds what the walked trees lead to.
type marks struct {
	saw     func()       // called at each visit
	mounted func(*mount) // called at each mount
	sets    *sets        // of spaces
	lost    map[crypto.BlobName]bool

	mu      sync.Mutex
	blobs   map[crypto.BlobName]*use
	names   []crypto.BlobName // by use number
	damaged map[uint32][]string
	graph
}

// use is what is known about a blob that some commit leads to.
type use struct {
	id    uint32
	by    set   // the spaces whose newest states lead to it; empty: not needed
	from  set   // the spaces that lead to it, earlier commits included
	live  int64 // needed bytes; shared parts count once
	older bool  // an earlier commit leads to it that was walked since the last renewal
	fixed bool  // some part of it can't be moved
}

// mount is a mount that a walk found.
type mount struct {
	target *object.Target
	by     uint32 // the space that contains it
	path   string
}

// maxNamed is how many damaged paths are named per space.
const maxNamed = 20

func newMarks(parallel int, sets *sets, saw func()) *marks {
	m := &marks{sets: sets, saw: saw, blobs: map[crypto.BlobName]*use{}, damaged: map[uint32][]string{}}
	m.graph = newGraph(parallel)
	return m
}

func (m *marks) use(name crypto.BlobName) *use {
	u := m.blobs[name]
	if u == nil {
		u = &use{id: uint32(len(m.names))}
		m.blobs[name] = u
		m.names = append(m.names, name)
	}
	return u
}

func (m *marks) needed(name crypto.BlobName) bool {
	u := m.blobs[name]
	return u != nil && u.by != 0
}

// keep marks a blob that a space needs unchanged.
func (m *marks) keep(name crypto.BlobName, by uint32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.neededBy(name, by).fixed = true
}

// neededBy notes that the newest state of a space leads to a blob.
func (m *marks) neededBy(name crypto.BlobName, by uint32) *use {
	u := m.use(name)
	u.by, u.from = m.sets.with(u.by, by), m.sets.with(u.from, by)
	return u
}

// need marks everything that a space's state leads to, and the packs of its commit and roster.
func (m *marks) need(ctx context.Context, s roots.State, by uint32) error {
	m.keep(s.Ref.Blob, by)
	m.blobs[s.Ref.Blob].live += int64(s.Ref.Len)
	if r := s.Commit.Roster; r != (object.Ref{}) {
		m.keep(r.Blob, by)
	}
	return m.walker.Walk(ctx, s.Tree, func(_ context.Context, v tree.Visit) error {
		m.saw()
		if v.Err != nil && !corrupt(v.Err) {
			return fmt.Errorf("read %s: %w", v.Path(), v.Err)
		}
		if v.Kind == tree.VisitMount {
			m.mounted(&mount{v.Entry.Mount(), by, v.Path()})
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		name, _, ok := v.Place()
		m.enter(v, by, false)
		if v.Err != nil && !m.lost[name] {
			m.bad[v.ID] = v.Path()
			m.damage(by, v.Path())
		}
		if ok {
			m.place(v, name, by)
		}
		return nil
	})
}

// place marks the blob that holds a needed part.
func (m *marks) place(v tree.Visit, name crypto.BlobName, by uint32) {
	u := m.neededBy(name, by)
	u.fixed = u.fixed || m.lost[name] || !movable(v)
	if !v.Again {
		u.live += int64(v.Sealed)
	}
	m.hold(v, u.id)
}

// movable reports whether a repacking can move the visited part: pages, and the chunks of small files.
func movable(v tree.Visit) bool {
	return v.Kind == tree.VisitPage ||
		v.Kind == tree.VisitChunk && v.Bytes == v.Entry.Info().Size && v.Bytes <= content.SmallLimit
}

// damage notes an unreadable place of a space.
func (m *marks) damage(space uint32, path string) {
	if len(m.damaged[space]) < maxNamed {
		m.damaged[space] = append(m.damaged[space], path)
	}
}

// know notes everything that an older state leads to as known to be its space's. Parts that are already gone do no
// harm; whole is then false.
func (m *marks) know(ctx context.Context, s roots.State, by uint32) (whole bool, err error) {
	m.mu.Lock()
	m.olderBy(s.Ref.Blob, by)
	if r := s.Commit.Roster; r != (object.Ref{}) {
		m.olderBy(r.Blob, by)
	}
	m.mu.Unlock()
	whole = true
	err = m.walker.Walk(ctx, s.Tree, func(_ context.Context, v tree.Visit) error {
		m.saw()
		if v.Err != nil && !corrupt(v.Err) {
			return v.Err
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		whole = whole && v.Err == nil
		m.enter(v, by, true)
		if name, _, ok := v.Place(); ok {
			m.hold(v, m.olderBy(name, by).id)
		}
		return nil
	})
	return whole, err
}

// olderBy notes that an older commit of a space leads to a blob.
func (m *marks) olderBy(name crypto.BlobName, by uint32) *use {
	u := m.use(name)
	u.older, u.from = true, m.sets.with(u.from, by)
	return u
}
