package s3

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"

	"postern/crypto"
	"postern/remote"
)

const (
	// maxPointers bounds the pointers of a bucket that a handle keeps in mind: some 64 MiB.
	maxPointers = 1 << 19
	// loadsAtOnce is how many changed pointers are read at the same time.
	loadsAtOnce = 16
)

// changes is what a handle knows of the pointers in the bucket. A bucket keeps no order of moves, so each look lists
// all pointers with their ETags (one request for each thousand), and reads those whose ETag is new.
type changes struct {
	session string        // the beginning of this handle's cursors
	turn    chan struct{} // holds a token while the bucket is listed

	mu    sync.Mutex
	moved uint64 // the number of the newest move seen
	seen  map[crypto.PointerID]sighting
}

// sighting is the newest version of a pointer that was seen.
type sighting struct {
	etag string
	move uint64 // its number; 0 for a pointer that is not listed or can't be read
}

// newChanges returns what a new handle knows: nothing.
func newChanges(rand io.Reader) (*changes, error) {
	var session [8]byte
	if _, err := io.ReadFull(rand, session[:]); err != nil {
		return nil, fmt.Errorf("no random bytes: %w", err)
	}
	return &changes{session: hex.EncodeToString(session[:]), turn: make(chan struct{}, 1),
		seen: map[crypto.PointerID]sighting{}}, nil
}

// Changed implements remote.Pointers. A cursor is of one handle: the number of a move that it has seen. Any other
// cursor is the beginning.
func (s *Store) Changed(ctx context.Context, since remote.Cursor) (remote.Changes, error) {
	c := s.changes
	after := c.after(since)
	ids, last := c.since(after)
	more := true // what has moved since the last look comes with the next page
	if len(ids) == 0 {
		if err := s.look(ctx); err != nil {
			return remote.Changes{}, err
		}
		ids, last = c.since(after)
		more = len(ids) == remote.MaxChanges
	}
	pointers, err := s.loadAll(ctx, ids)
	if err != nil {
		return remote.Changes{}, err
	}
	return remote.Changes{Pointers: pointers, Next: c.cursor(last), More: more}, nil
}

// cursor returns the place after a move.
func (c *changes) cursor(move uint64) remote.Cursor {
	return remote.Cursor(c.session + " " + strconv.FormatUint(move, 10))
}

// after returns the move before a cursor, 0 for a cursor that is not of this handle.
func (c *changes) after(since remote.Cursor) uint64 {
	number, ours := strings.CutPrefix(string(since), c.session+" ")
	move, err := strconv.ParseUint(number, 10, 64)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !ours || err != nil || move > c.moved {
		return 0
	}
	return move
}

// since returns the pointers of a page after a move, in the order of their moves, and the last one's move.
func (c *changes) since(after uint64) (ids []crypto.PointerID, last uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if after == c.moved {
		return nil, after
	}
	for id, at := range c.seen {
		if at.move > after {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b crypto.PointerID) int { return cmp.Compare(c.seen[a].move, c.seen[b].move) })
	ids = ids[:min(len(ids), remote.MaxChanges)]
	if len(ids) == 0 {
		return nil, after
	}
	return ids, c.seen[ids[len(ids)-1]].move
}

// loadAll returns the newest states of listed pointers. One that can't be read is left out: Load returns its error.
func (s *Store) loadAll(ctx context.Context, ids []crypto.PointerID) ([]crypto.Pointer, error) {
	found := make([]*crypto.Pointer, len(ids))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(loadsAtOnce)
	for i, id := range ids {
		g.Go(func() error {
			if now, ok := s.known.Get(id); ok && now.etag == s.changes.etag(id) {
				found[i] = &now.pointer
				return nil
			}
			now, err := s.loadBegun(ctx, id)
			if err == nil && now.pointer.Listed {
				found[i] = &now.pointer
			}
			return unread(err)
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	var pointers []crypto.Pointer
	for _, p := range found {
		if p != nil {
			pointers = append(pointers, *p)
		}
	}
	return pointers, nil
}

// etag returns the newest ETag seen of a pointer.
func (c *changes) etag(id crypto.PointerID) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen[id].etag
}

// loadBegun is loadPointer for Changed.
func (s *Store) loadBegun(ctx context.Context, id crypto.PointerID) (state, error) {
	done, err := s.begin(ctx, remote.OpChanged, id)
	if err != nil {
		return state{}, err
	}
	defer done()
	return s.loadPointer(ctx, remote.OpChanged, id)
}

// unread returns nil for the errors of a pointer that is damaged or gone, which hide no others.
func unread(err error) error {
	if kind := remote.KindOf(err); errors.Is(kind, remote.ErrCorrupt) || errors.Is(kind, remote.ErrNotFound) {
		return nil
	}
	return err
}

// look lists the pointers and reads those that have changed.
func (s *Store) look(ctx context.Context) error {
	select {
	case s.changes.turn <- struct{}{}:
	case <-ctx.Done():
		return remote.Alive(ctx, remote.OpChanged, s)
	}
	defer func() { <-s.changes.turn }()
	for page, err := range s.pages(ctx, remote.OpChanged, s, s.place.key(pointersFolder, "")) {
		if err != nil {
			return err
		}
		if err := s.compare(ctx, page); err != nil {
			return err
		}
	}
	return nil
}

// compare reads the pointers of a page of the listing whose ETag is new.
func (s *Store) compare(ctx context.Context, page []types.Object) error {
	c := s.changes
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(loadsAtOnce)
	for i := range page {
		id, err := crypto.ParsePointerID(*page[i].Key)
		etag := deref(page[i].ETag)
		if err != nil || c.etag(id) == etag {
			continue
		}
		g.Go(func() error {
			if now, ok := s.known.Get(id); ok && now.etag == etag { // written by this handle
				return c.saw(id, now, s)
			}
			now, err := s.loadBegun(ctx, id)
			if err := unread(err); err != nil {
				return err
			}
			if err != nil {
				now.etag = etag
			}
			return c.saw(id, now, s)
		})
	}
	return g.Wait()
}

// saw records a pointer that has changed.
func (c *changes) saw(id crypto.PointerID, now state, s *Store) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	was, there := c.seen[id]
	switch {
	case there && was.etag == now.etag: // the listing is behind
		return nil
	case !there && len(c.seen) >= maxPointers:
		return remote.Fail(remote.OpChanged, s, remote.ErrRefused, fmt.Errorf("there are more than %d pointers", maxPointers))
	}
	at := sighting{etag: now.etag}
	if now.pointer.Listed {
		c.moved++
		at.move = c.moved
	}
	c.seen[id] = at
	return nil
}
