package people_test

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"

	"postern/crypto"
	"postern/remote"
)

// request is what a store sees of a request, beside what it stores.
type request struct {
	client int
	op     string
	id     string // of the blob, pointer, inbox, name or letter
	size   int64
	phase  int  // the requests of one phase are made at about the same time
	tied   bool // the client's next request follows at once: a leak that is planted
}

// recorder is a hostile store's record of all requests.
type recorder struct {
	mu    sync.Mutex
	phase int
	all   []request
	mail  map[crypto.InboxID]map[crypto.LetterName]crypto.Letter
}

func newRecorder() *recorder {
	return &recorder{mail: map[crypto.InboxID]map[crypto.LetterName]crypto.Letter{}}
}

func (r *recorder) note(client int, op, id string, size int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, request{client: client, op: op, id: id, size: size, phase: r.phase})
}

// next begins another phase.
func (r *recorder) next() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.phase++
}

// mixed returns the requests as a store sees them that can't tell its clients apart, when all are busy at once: within
// a phase, the requests of each client come in order, and the clients' turns at random.
func (r *recorder) mixed(random *rand.Rand) (all []request) {
	for phase := range r.phase + 1 {
		by := map[int][]request{}
		var turns []int
		for _, q := range r.all {
			if q.phase == phase {
				by[q.client], turns = append(by[q.client], q), append(turns, q.client)
			}
		}
		if phase > 0 { // the accounts are made one after the other
			random.Shuffle(len(turns), func(i, j int) { turns[i], turns[j] = turns[j], turns[i] })
		}
		for _, client := range turns {
			for tied := len(by[client]) > 0; tied; {
				q := by[client][0]
				all, by[client], tied = append(all, q), by[client][1:], q.tied
			}
		}
	}
	return all
}

// client returns what a gateway's store does to each call: it is recorded, unless the gateway's cache has the blob.
func (r *recorder) client(number int) remote.Around {
	cache := &cached{r: r, client: number, blobs: map[crypto.BlobName][]byte{}}
	return func(ctx context.Context, c *remote.Call, do func(context.Context) error) error {
		switch c.Op {
		case remote.OpGet, remote.OpGetRange, remote.OpStat:
			c.To = &cachedStore{c.To, cache}
		case remote.OpPut:
			r.note(number, c.Op, c.On.String(), c.Send)
		default:
			r.note(number, c.Op, c.On.String(), 0)
		}
		return do(ctx)
	}
}

// plant adds a leak to the record: a client's gateway makes two requests in one go.
func (r *recorder) plant(client int, of, then request) {
	r.note(client, of.op, of.id, 0)
	r.note(client, then.op, then.id, 0)
	r.all[len(r.all)-2].tied = true
}

// cached are the small blobs that a gateway has fetched.
type cached struct {
	r      *recorder
	client int

	mu    sync.Mutex
	blobs map[crypto.BlobName][]byte
}

// cachedStore is a store behind a cache.
type cachedStore struct {
	remote.Store
	*cached
}

// Get implements remote.Blobs.
func (s *cachedStore) Get(ctx context.Context, name crypto.BlobName) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b, ok := s.blobs[name]; ok {
		return slices.Clone(b), nil
	}
	b, err := s.Store.Get(ctx, name)
	s.r.note(s.client, remote.OpGet, name.String(), int64(len(b)))
	if err == nil {
		s.blobs[name] = slices.Clone(b)
	}
	return b, err
}

// GetRange implements remote.Blobs. It fetches the whole blob, as a cache does with a small one.
func (s *cachedStore) GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	b, err := s.Get(ctx, name)
	if err != nil {
		return err
	}
	if off+int64(len(p)) > int64(len(b)) {
		return remote.Fail(remote.OpGetRange, name, remote.ErrCorrupt, nil)
	}
	copy(p, b[off:])
	return nil
}

// mail is the inboxes of a store, as one client uses them. They take letters without stamps.
type mail struct {
	r      *recorder
	client int
}

// Drop implements remote.Inbox.
func (m mail) Drop(_ context.Context, to crypto.InboxID, l crypto.Letter) error {
	m.r.note(m.client, remote.OpDrop, to.String(), int64(len(l)))
	m.r.mu.Lock()
	defer m.r.mu.Unlock()
	if m.r.mail[to] == nil {
		m.r.mail[to] = map[crypto.LetterName]crypto.Letter{}
	}
	m.r.mail[to][l.Name()] = l
	return nil
}

// Letters implements remote.Inbox.
func (m mail) Letters(_ context.Context, of crypto.InboxID) ([]crypto.LetterName, error) {
	m.r.note(m.client, remote.OpLetters, of.String(), 0)
	m.r.mu.Lock()
	defer m.r.mu.Unlock()
	return slices.Collect(maps.Keys(m.r.mail[of])), nil
}

// Fetch implements remote.Inbox.
func (m mail) Fetch(_ context.Context, of crypto.InboxID, name crypto.LetterName) (crypto.Letter, error) {
	m.r.note(m.client, remote.OpFetch, of.String(), 0)
	m.r.mu.Lock()
	defer m.r.mu.Unlock()
	l, ok := m.r.mail[of][name]
	if !ok {
		return l, remote.Fail(remote.OpFetch, name, remote.ErrNotFound, nil)
	}
	return l, nil
}

// Forget implements remote.Inbox.
func (m mail) Forget(_ context.Context, of crypto.InboxID, name crypto.LetterName) error {
	m.r.note(m.client, remote.OpForget, of.String(), 0)
	m.r.mu.Lock()
	defer m.r.mu.Unlock()
	delete(m.r.mail[of], name)
	return nil
}

// reachable is the inboxes of a store that takes letters without stamps, as long as the real one answers.
type reachable struct {
	mail
	real remote.Inbox
}

// Drop implements remote.Inbox.
func (r reachable) Drop(ctx context.Context, to crypto.InboxID, l crypto.Letter) error {
	if _, err := r.real.Letters(ctx, to); err != nil {
		return err
	}
	return r.mail.Drop(ctx, to, l)
}

// Letters implements remote.Inbox.
func (r reachable) Letters(ctx context.Context, of crypto.InboxID) ([]crypto.LetterName, error) {
	if _, err := r.real.Letters(ctx, of); err != nil {
		return nil, err
	}
	return r.mail.Letters(ctx, of)
}
