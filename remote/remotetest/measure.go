package remotetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"postern/crypto"
	"postern/remote"
)

// The bounds of Measure.
const (
	smallCalls  = 20
	tinyBlob    = 1 << 10          // bytes of the blob that small calls are about
	smallBlob   = 256 << 10        // bytes of the blobs on a slow line
	fastLine    = 2 << 20          // bytes a second from which on full blobs are sent
	sentAtATime = 8                // as a copy does
	mostBlobs   = 12               // in all; 60 MiB at most
	mostTime    = 15 * time.Second // for each direction
)

// Measured is how fast a remote is.
type Measured struct {
	Median     time.Duration `json:"median_ns"` // of small calls
	Worst      time.Duration `json:"worst_ns"`
	Calls      int           `json:"calls"`
	Up         float64       `json:"up_bytes_per_second"`
	Down       float64       `json:"down_bytes_per_second"`
	Sent       int64         `json:"sent_bytes"`
	Received   int64         `json:"received_bytes"`
	Incomplete bool          `json:"incomplete"` // no blob passed in time in one direction
}

// Measure finds how fast a remote is, by small calls one after another and by some blobs at a time, for a minute at
// most. It deletes the blobs again, also when ctx ends.
func Measure(ctx context.Context, s remote.Store, random io.Reader, now func() time.Time) (m Measured, err error) {
	var seed [32]byte
	if _, err := io.ReadFull(random, seed[:]); err != nil {
		return m, fmt.Errorf("no random bytes: %w", err)
	}
	t := &trial{store: s, now: now, random: rand.NewChaCha8(seed)}
	defer func() { err = errors.Join(err, t.cleanUp(ctx)) }()
	tiny := t.blob(tinyBlob)
	if err := t.put(ctx, tiny); err != nil {
		return m, err
	}
	if err := t.latency(ctx, crypto.NameOf(tiny), &m); err != nil {
		return m, err
	}
	first, pace, err := t.move(ctx, [][]byte{t.blob(smallBlob)}, t.put)
	if err != nil || first == 0 {
		m.Incomplete = true
		return m, err
	}
	size := smallBlob
	if pace > fastLine {
		size = crypto.MaxBlobSize
	}
	blobs := make([][]byte, mostBlobs)
	for i := range blobs {
		blobs[i] = t.blob(size)
	}
	var done [][]byte
	if m.Sent, m.Up, err = t.move(ctx, blobs, func(ctx context.Context, data []byte) error {
		if err := t.put(ctx, data); err != nil {
			return err
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		done = append(done, data)
		return nil
	}); err != nil {
		return m, err
	}
	m.Received, m.Down, err = t.move(ctx, done, func(ctx context.Context, data []byte) error {
		got, err := s.Get(ctx, crypto.NameOf(data))
		if err == nil && !slices.Equal(got, data) {
			err = errors.New("other bytes come back than were put")
		}
		return err
	})
	m.Incomplete = m.Sent == 0 || m.Received == 0
	m.Sent += first
	return m, err
}

// trial is the state of one Measure.
type trial struct {
	store  remote.Store
	now    func() time.Time
	random *rand.ChaCha8

	mu   sync.Mutex
	made []crypto.BlobName
}

// blob returns random bytes.
func (t *trial) blob(n int) []byte {
	b := make([]byte, n)
	_, _ = t.random.Read(b) // it never fails
	return b
}

// put puts a blob, and notes it for cleanUp.
func (t *trial) put(ctx context.Context, data []byte) error {
	name := crypto.NameOf(data)
	t.mu.Lock()
	t.made = append(t.made, name)
	t.mu.Unlock()
	return t.store.Put(ctx, name, remote.BytesBody(data))
}

// latency makes small calls.
func (t *trial) latency(ctx context.Context, name crypto.BlobName, m *Measured) error {
	var took []time.Duration
	for i := range smallCalls {
		began := t.now()
		var err error
		if i%2 == 0 {
			_, err = t.store.Stat(ctx, name)
		} else {
			err = t.store.GetRange(ctx, name, 0, make([]byte, tinyBlob))
		}
		if err != nil {
			return err
		}
		took = append(took, t.now().Sub(began))
	}
	slices.Sort(took)
	m.Calls, m.Median, m.Worst = len(took), took[len(took)/2], took[len(took)-1]
	return nil
}

// move moves blobs until all are through or the time is up, and returns the bytes of those that are, in all and in a
// second.
func (t *trial) move(
	ctx context.Context, blobs [][]byte, one func(context.Context, []byte) error,
) (sum int64, rate float64, err error) {
	timed, cancel := context.WithTimeout(ctx, mostTime)
	defer cancel()
	group, inner := errgroup.WithContext(timed)
	group.SetLimit(sentAtATime)
	began, last := t.now(), t.now()
	var mu sync.Mutex
	for _, data := range blobs {
		group.Go(func() error {
			if err := one(inner, data); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			sum, last = sum+int64(len(data)), t.now()
			return nil
		})
	}
	if err := group.Wait(); err != nil && (timed.Err() == nil || ctx.Err() != nil) {
		return sum, 0, err
	}
	return sum, float64(sum) / max(last.Sub(began).Seconds(), 1e-9), nil
}

// cleanUp deletes the blobs, at once, as a collection of garbage does.
func (t *trial) cleanUp(ctx context.Context) error {
	lasting, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*cleanUpTime)
	defer cancel()
	var group errgroup.Group
	for _, name := range t.made {
		group.Go(func() error { return t.store.Delete(lasting, name) })
	}
	return group.Wait()
}
