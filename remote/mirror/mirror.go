// Package mirror keeps several remotes as one.
//
// The first member is the authority: pointers are swapped only there, a blob is durable there before Put returns, and
// only its listing counts. The other members hold copies. Writes go to them as well, and reads if they are nearer. A
// member that is slow, full or away counts as lagging and is healed in the background: first the blobs that it missed,
// then its pointers. While the authority is away, reads use the others; writes wait for it, since two authorities would
// make two histories.
//
// A mirror trusts no member: it compares each blob with its name, and verifies the signature of each pointer. Package
// verify is still needed above it, since its pins survive restarts.
package mirror

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"postern/crypto"
	"postern/remote"
)

// The defaults of Options.
const (
	// DefaultWorkers is how many blobs are copied at a time to one lagging member: healing must not crowd out the user.
	DefaultWorkers = 2
	// DefaultFirstCheck is the time from New to the first comparison of members as a whole: not while the gateway starts.
	DefaultFirstCheck = time.Minute
	// DefaultCheckEvery is the time to the next comparison. It finds blobs that a member lost silently, and blobs that
	// another gateway did not write to it.
	DefaultCheckEvery = 24 * time.Hour
	// DefaultMaxNames bounds the remembered backlog of a member, in names of 32 bytes. A comparison finds the rest of a
	// longer one.
	DefaultMaxNames = 1 << 16
)

// maxPointers bounds how many pointers are remembered: some 370 bytes each, one for each space of an account.
const maxPointers = 1 << 14

// Member is one of the remotes.
type Member struct {
	Name  string // in Status, logs and errors; unique, no secrets
	Store remote.Store
}

// Options are the choices of New. The zero value takes the defaults above.
type Options struct {
	Deadlines  remote.Deadlines // of which Lag, Member and Again are its own
	Workers    int              // blobs copied at a time to one lagging member
	FirstCheck time.Duration    // after New; below 0: members are never compared as a whole
	CheckEvery time.Duration    // after the one before; below 0: never again
	MaxNames   int              // of blobs remembered for a member, and held at a time by a comparison

	Pointers []crypto.PointerID // known from the start; further ones are learnt in use
	// Seen is the greatest sequence of a pointer that was seen before, by earlier runs too: while the authority is away, a
	// member that lags behind it does not show the newest state. nil: none was seen.
	Seen func(crypto.PointerID) uint64

	Clock func() time.Time                                 // nil: the system's
	Sleep func(ctx context.Context, d time.Duration) error // waits; nil: on the system's clock
	Log   *slog.Logger                                     // for members that fall behind or catch up; nil: no log
}

// withDefaults fills in what was left out.
func (o Options) withDefaults() Options {
	o.Deadlines = o.Deadlines.OrShipped()
	o.Workers = max(cmp.Or(o.Workers, DefaultWorkers), 1)
	o.FirstCheck = cmp.Or(o.FirstCheck, DefaultFirstCheck)
	o.CheckEvery = cmp.Or(o.CheckEvery, DefaultCheckEvery)
	o.MaxNames = max(cmp.Or(o.MaxNames, DefaultMaxNames), 1)
	if o.Seen == nil {
		o.Seen = func(crypto.PointerID) uint64 { return 0 }
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Sleep == nil {
		o.Sleep = remote.Sleep
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Store is several remotes as one.
type Store struct {
	o       Options
	members []*member // the first is the authority
	known   known
	id      atomic.Pointer[crypto.StoreID] // nil: not known yet

	life   context.Context // ends with Close
	end    context.CancelFunc
	mu     sync.RWMutex // write-held by Close, so that nothing begins after it
	closed bool
	work   sync.WaitGroup // every goroutine of the store

	changeMu sync.Mutex
	change   chan struct{} // closed when any member's state changed, then replaced
}

var _ remote.Store = (*Store)(nil)

// New makes one store of several, which it owns from then on: Close closes them. Errors: ErrRefused for no members, or
// two of one name.
func New(members []Member, o Options) (*Store, error) {
	s := &Store{o: o.withDefaults(), change: make(chan struct{})}
	names := map[string]bool{}
	for _, m := range members {
		if m.Store == nil || names[m.Name] {
			return nil, &remote.Error{Op: "open", On: s.String(), Kind: remote.ErrRefused,
				Err: fmt.Errorf("member %q is there twice, or is nothing", m.Name)}
		}
		names[m.Name] = true
		s.members = append(s.members, newMember(m, len(s.members) == 0, s))
	}
	if len(s.members) == 0 {
		return nil, &remote.Error{Op: "open", On: s.String(), Kind: remote.ErrRefused, Err: errors.New("it has no members")}
	}
	s.known.start(o.Pointers)
	s.life, s.end = context.WithCancel(context.Background())
	for _, m := range s.members {
		s.work.Go(func() { s.tend(m) })
		if !m.authority && s.o.FirstCheck >= 0 {
			s.work.Go(func() { s.remind(m) })
		}
	}
	return s, nil
}

// authority returns the first member.
func (s *Store) authority() *member { return s.members[0] }

// begin fails when the store is closed or the context has ended.
func (s *Store) begin(ctx context.Context, op string, on fmt.Stringer) error {
	s.mu.RLock()
	closed := s.closed
	s.mu.RUnlock()
	if closed {
		return remote.Fail(op, on, remote.ErrClosed, nil)
	}
	return remote.Alive(ctx, op, on)
}

// spawn runs f on a goroutine that Close waits for; false: the store is closed.
func (s *Store) spawn(f func()) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return false
	}
	s.work.Go(f)
	return true
}

// Close ends what runs in the background, waits for it, and closes all members.
func (s *Store) Close() error {
	s.mu.Lock()
	again := s.closed
	s.closed = true
	s.mu.Unlock()
	s.end()
	s.work.Wait()
	if again {
		return nil
	}
	var errs []error
	for _, m := range s.members {
		errs = append(errs, m.store.Close())
	}
	return errors.Join(errs...)
}

// String names the store in errors.
func (s *Store) String() string { return "mirror:" }

// changed wakes the waiters for a member's state.
func (s *Store) changed() {
	s.changeMu.Lock()
	defer s.changeMu.Unlock()
	close(s.change)
	s.change = make(chan struct{})
}

// next returns a channel that is closed at the next change.
func (s *Store) next() <-chan struct{} {
	s.changeMu.Lock()
	defer s.changeMu.Unlock()
	return s.change
}
