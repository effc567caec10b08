package mirror

import (
	"sync"
	"time"

	"postern/crypto"
	"postern/remote"
)

// member is one remote and what is known about it.
type member struct {
	name      string
	store     remote.Store
	authority bool
	all       *Store
	wake      chan struct{} // holds one token when there is something to do

	mu       sync.Mutex
	down     bool                         // it did not answer; until it does, it gets only probes
	slow     bool                         // it did not keep up; the healer makes its writes until it has caught up
	since    time.Time                    // when down last changed
	lastErr  error                        // why it lags; nil once it has caught up
	trouble  error                        // what healing can't mend: another history, a blob that no member has
	cost     time.Duration                // of one small read, a decaying average; 0: not measured yet
	missing  map[crypto.BlobName]*want    // blobs that it lacks
	gone     map[crypto.BlobName]struct{} // deleted blobs that it may still have
	writing  map[crypto.BlobName]int      // Puts and Deletes under way
	letters  map[letterAt]struct{}        // deleted letters that it may still have
	pointers map[crypto.PointerID]crypto.Pointer
	check    bool // a comparison as a whole is due
	busy     bool // the healer is at it

	healed      int64 // blobs copied to it in the background, ever
	healedBytes int64
	extra       int64 // blobs that it has and the authority lacks, at the last comparison
}

// want is one need of a member for a blob. Each time that the blob is found missing there is a new want: the copy for
// an earlier one may have preceded a deletion and another Put.
type want struct{ damaged bool } // it has the blob, but with wrong bytes

// letterAt is a letter in an inbox.
type letterAt struct {
	inbox crypto.InboxID
	name  crypto.LetterName
}

func newMember(m Member, authority bool, all *Store) *member {
	return &member{
		name: m.Name, store: m.Store, authority: authority, all: all,
		wake:     make(chan struct{}, 1),
		since:    all.o.Clock(),
		missing:  map[crypto.BlobName]*want{},
		gone:     map[crypto.BlobName]struct{}{},
		writing:  map[crypto.BlobName]int{},
		letters:  map[letterAt]struct{}{},
		pointers: map[crypto.PointerID]crypto.Pointer{},
	}
}

// kick wakes the healer.
func (m *member) kick() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// update runs do under the lock, wakes the waiters for a change, and the healer if it has work.
func (m *member) update(do func()) {
	m.mu.Lock()
	do()
	work := m.behind()
	m.mu.Unlock()
	if work {
		m.kick()
	}
	m.all.changed()
}

// behind reports whether the healer has work; mu is held.
func (m *member) behind() bool {
	return m.down || m.check || len(m.missing) > 0 || len(m.gone) > 0 || len(m.pointers) > 0 || len(m.letters) > 0
}

// lack remembers a blob that is to be copied; mu is held.
func (m *member) lack(name crypto.BlobName, damaged bool) {
	if _, gone := m.gone[name]; gone {
		return
	}
	before, there := m.missing[name]
	if !there && len(m.missing) >= m.all.o.MaxNames {
		m.check = true // the comparison finds it, and all later ones
		return
	}
	m.missing[name] = &want{damaged || there && before.damaged}
}

// supplied ends a want; mu is held. A newer want of the same blob stays.
func (m *member) supplied(name crypto.BlobName, w *want) {
	if m.missing[name] == w {
		delete(m.missing, name)
	}
}

// failed records the error of a call; mu is held. A member that can't be reached gets no calls until it answers a
// probe.
func (m *member) failed(err error) {
	m.lastErr = err
	if !m.down && remote.OfKind(err, nil, remote.ErrUnavailable, remote.ErrClosed) {
		m.down, m.since = true, m.all.o.Clock()
		m.all.o.Log.Warn("a member of the mirror does not answer", "member", m.name, "err", err)
	}
}

// unit is how many bytes cost about as much as a request itself, so that reads of all sizes make one figure.
const unit = 256 << 10

// took records how long a read of n bytes took.
func (m *member) took(d time.Duration, n int) {
	cost := max(time.Duration(float64(d)/(1+float64(n)/unit)), 1)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cost == 0 {
		m.cost = cost
		return
	}
	m.cost += (cost - m.cost) / 8
}

// readable returns whether a member may have a blob, whether it is up, and the cost of a read from it.
func (m *member) readable(name crypto.BlobName) (may, up bool, cost time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, gone := m.gone[name]
	_, missing := m.missing[name]
	return m.authority || !gone && !missing, !m.down, m.cost
}

// up reports whether a member answered its last call.
func (m *member) up() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.down
}

// enter begins a Put or Delete of a blob. leave is called twice for it: when the member has answered, and when the
// answer is recorded; until then the healer would act on the state before. false: not now, the healer does it later.
func (m *member) enter(name crypto.BlobName) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down || m.slow || m.writing[name] > 0 {
		return false
	}
	m.writing[name] += 2
	return true
}

// leave ends what enter or claim began; mu is held.
func (m *member) leave(name crypto.BlobName) {
	if m.writing[name]--; m.writing[name] <= 0 {
		delete(m.writing, name)
	}
}

// known holds the newest state of each pointer that passed through.
type known struct {
	mu     sync.Mutex
	states map[crypto.PointerID]crypto.Pointer // with sequence 0 and no signature: only the id is known
}

// start adds ids.
func (k *known) start(ids []crypto.PointerID) {
	k.states = map[crypto.PointerID]crypto.Pointer{}
	for _, id := range ids {
		k.states[id] = crypto.Pointer{}
	}
}

// saw stores a state unless a newer one is known.
func (k *known) saw(p crypto.Pointer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	before, there := k.states[p.ID]
	if there && before.ID == p.ID && before.Seq >= p.Seq || !there && len(k.states) >= maxPointers {
		return
	}
	k.states[p.ID] = p
}

// state returns the newest known state of a pointer.
func (k *known) state(id crypto.PointerID) (crypto.Pointer, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	p := k.states[id]
	return p, p.ID == id
}

// ids returns all known ids.
func (k *known) ids() []crypto.PointerID {
	k.mu.Lock()
	defer k.mu.Unlock()
	ids := make([]crypto.PointerID, 0, len(k.states))
	for id := range k.states {
		ids = append(ids, id)
	}
	return ids
}
