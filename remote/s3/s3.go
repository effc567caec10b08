// Package s3 is a remote in a bucket: at AWS, or at any store that speaks its protocol and has conditional writes.
// Several gateways may use one bucket, and one bucket may hold several remotes under different prefixes.
//
// What it keeps below the prefix:
//
//	postern-store         says that this is a store, of which format, and its random id
//	blobs/<name>          a blob
//	pointers/<id>         a marshalled pointer and a nonce
//	inboxes/<id>/<name>   a letter
//	names/<id>            the record of a name and a nonce
//
// Names of objects are hashes and public ids, all of fixed length, so a listing shows neither names nor contents.
//
// A pointer moves by a conditional write (If-Match, or If-None-Match for the first). Most stores take the MD5 of an
// object's bytes for its ETag, so the nonce makes each write an ETag of its own: else a pointer that went from A to B
// and back to A would match a writer that saw the first A. A store that ignores the conditions would lose changes: Open
// tries them before it makes a remote (probe.go), and refuses such a store.
//
// The SDK repeats nothing: package line decides about that, since a repeated conditional write refuses itself.
package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"postern/crypto"
	"postern/remote"
)

// Options are the choices of Open. The zero value is right for most.
type Options struct {
	Existing bool         // Open fails with ErrNoStore instead of making a store
	Letters  int          // most letters in an inbox; 0, and most: remote.MaxLetters
	Log      *slog.Logger // nil: silent
	Rand     io.Reader    // of ids and nonces; nil: crypto/rand's
	// Used is called with each request that is sent and with the bytes of bodies as they move. It must return soon. Nil:
	// they are not counted.
	Used func(remote.Usage)

	Stall time.Duration                                    // see remote.Deadlines; 0: its shipped value
	Now   func() time.Time                                 // nil: time.Now
	Sleep func(ctx context.Context, d time.Duration) error // waits until the store takes more; nil: on the system's clock
}

// knownStates is how many pointers a handle remembers with their ETags, so that a swap from a state that it has seen is
// one request.
const knownStates = 4096

// Store is one handle on a remote in a bucket.
type Store struct {
	place  Place
	client *s3.Client
	wire   *wire
	logins *aws.CredentialsCache
	log    *slog.Logger
	rand   io.Reader
	used   func(remote.Usage)
	now    func() time.Time
	sleep  func(ctx context.Context, d time.Duration) error
	stall  time.Duration
	most   int // letters in an inbox
	id     crypto.StoreID

	signing  atomic.Int32 // whether blobs are signed, see payload
	spacing  *spacing
	lists    *rate.Limiter // of listings
	findings []string

	known   *lru.Cache[crypto.PointerID, state]
	changes *changes
	deletes deleter

	life   context.Context // ends with Close
	end    context.CancelFunc
	calls  sync.RWMutex // read-held by every call, so that Close waits for them
	closed atomic.Bool
}

var _ remote.Store = (*Store)(nil)

// begin lets a call through and fails it if the handle is closed or the context has ended. The caller calls done once
// the call is over.
func (s *Store) begin(ctx context.Context, op string, on fmt.Stringer) (done func(), err error) {
	s.calls.RLock()
	if s.closed.Load() {
		s.calls.RUnlock()
		return nil, remote.Fail(op, on, remote.ErrClosed, nil)
	}
	if err := remote.Alive(ctx, op, on); err != nil {
		s.calls.RUnlock()
		return nil, err
	}
	return s.calls.RUnlock, nil
}

// Close waits for calls under way, and closes the connections.
func (s *Store) Close() error {
	s.calls.Lock()
	defer s.calls.Unlock()
	if s.closed.Swap(true) {
		return nil
	}
	s.end()
	s.deletes.runs.Wait()
	if s.wire != nil {
		s.wire.idle()
	}
	return nil
}

// Reconnect ends all requests under way as ErrUnavailable and drops all connections. The line calls it after a sleep of
// the machine or a change of its network, when connections may be dead without a sign.
func (s *Store) Reconnect() { s.wire.reconnect() }

// ID implements remote.Store. It makes no request: the id was read when the store was opened.
func (s *Store) ID(ctx context.Context) (crypto.StoreID, error) {
	done, err := s.begin(ctx, remote.OpID, s)
	if err != nil {
		return crypto.StoreID{}, err
	}
	defer done()
	return s.id, nil
}

// Space implements remote.Store: a bucket has no size.
func (s *Store) Space(ctx context.Context) (remote.Space, error) {
	done, err := s.begin(ctx, remote.OpSpace, s)
	if err != nil {
		return remote.Space{}, err
	}
	defer done()
	return remote.Space{Used: -1, Free: -1}, nil
}

// Roles implements remote.Store. Buckets have no events that reach a client.
func (s *Store) Roles() remote.Roles { return remote.Roles{Inbox: s, Names: s} }

// String names the store in errors.
func (s *Store) String() string { return s.place.String() }

// nonce returns fresh random bytes.
func (s *Store) nonce() (n [nonceSize]byte, err error) {
	if _, err := io.ReadFull(s.rand, n[:]); err != nil {
		return n, fmt.Errorf("no random bytes: %w", err)
	}
	return n, nil
}

// ErrNoStore is why Open fails with Options.Existing where there is no store.
var ErrNoStore = errors.New("there is no store in the bucket under this prefix")
