package pin

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"go.uber.org/goleak"

	"postern/crypto"
	"postern/remote"
	"postern/remote/faulty"
	"postern/remote/mem"
	"postern/remote/remotetest"
	"postern/remote/verify"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wrap returns a Store that keeps uploaded blobs, over an empty local store.
func wrap(t testing.TB, inner, local remote.Store, o StoreOptions) *Store {
	t.Helper()
	s, err := NewStore(t.Context(), inner, local, o)
	if err != nil {
		t.Fatal(err)
	}
	s.keeps.Store(true)
	return s
}

func TestContract(t *testing.T) {
	for what, spare := range map[string]int64{"all kept": 0, "hardly any kept": 20_000} {
		t.Run(what, func(t *testing.T) {
			remotetest.Run(t, func(t *testing.T) remote.Store {
				return wrap(t, verify.New(mem.New(), &verify.MemoryPins{}), mem.New(), StoreOptions{Spare: spare})
			})
		})
	}
	t.Run("local fails", func(t *testing.T) {
		remotetest.Run(t, func(t *testing.T) remote.Store {
			n := 0
			plan := func(c faulty.Call) faulty.Fault {
				if n++; c.Op != faulty.List && n%2 == 0 {
					return faulty.Fail
				}
				return faulty.Fine
			}
			local := faulty.New(mem.New(), locked(plan), faulty.Options{})
			return wrap(t, mem.New(), local, StoreOptions{})
		})
	})
}

// locked serialises the calls of a plan, so that it can have state.
func locked(plan faulty.Plan) faulty.Plan {
	turn := make(chan struct{}, 1)
	return func(c faulty.Call) faulty.Fault {
		turn <- struct{}{}
		defer func() { <-turn }()
		return plan(c)
	}
}

func blob(seed uint64) (crypto.BlobName, []byte) {
	data := make([]byte, 5000+seed%100)
	r := rand.NewPCG(seed, 1)
	for i := range data {
		data[i] = byte(r.Uint64())
	}
	return crypto.NameOf(data), data
}

// TestReadsHere: local blobs are readable while the remote is unreachable, also past caches; others are not.
func TestReadsHere(t *testing.T) {
	ctx := t.Context()
	away := faulty.New(mem.New(), nil, faulty.Options{})
	s := wrap(t, away, mem.New(), StoreOptions{})
	name, data := blob(1)
	other, otherData := blob(2)
	if err := s.Put(ctx, name, remote.BytesBody(data)); err != nil {
		t.Fatal(err)
	}
	if err := away.Put(ctx, other, remote.BytesBody(otherData)); err != nil {
		t.Fatal(err)
	}
	away.SetPlan(faulty.Always(faulty.Fail))
	for _, ctx := range []context.Context{ctx, remote.PastCaches(ctx)} {
		p := make([]byte, 100)
		if err := s.GetRange(ctx, name, 7, p); err != nil || !bytes.Equal(p, data[7:107]) {
			t.Errorf("range: %v", err)
		}
		if got, err := s.Get(ctx, name); err != nil || !bytes.Equal(got, data) {
			t.Errorf("whole: %v", err)
		}
		if err := s.GetRange(ctx, other, 7, p); !errors.Is(err, remote.ErrUnavailable) {
			t.Errorf("of the other: %v", err)
		}
		if err := s.GetRange(ctx, name, int64(len(data)), p); !errors.Is(err, remote.ErrCorrupt) {
			t.Errorf("past the end: %v", err)
		}
	}
	if blobs, n := s.Held(); blobs != 1 || n != int64(len(data)) {
		t.Errorf("%d blobs of %d bytes are held", blobs, n)
	}
}

// TestDamagedHere: a local blob that is damaged, cut short or lost is fetched from the remote, and never returned to a
// caller that reads it whole or past caches.
func TestDamagedHere(t *testing.T) {
	ctx := t.Context()
	name, data := blob(1)
	for what, c := range map[string]struct {
		there []byte // nil: missing
		ask   func(s *Store) ([]byte, error)
	}{
		"whole": {flipped(data), func(s *Store) ([]byte, error) { return s.Get(ctx, name) }},
		"past caches": {flipped(data), func(s *Store) ([]byte, error) {
			p := make([]byte, len(data))
			return p, s.GetRange(remote.PastCaches(ctx), name, 0, p)
		}},
		"cut": {data[:100], func(s *Store) ([]byte, error) {
			p := make([]byte, len(data))
			return p, s.GetRange(ctx, name, 0, p)
		}},
		"lost": {nil, func(s *Store) ([]byte, error) {
			p := make([]byte, len(data))
			return p, s.GetRange(ctx, name, 0, p)
		}},
	} {
		inner, local := mem.New(), mem.New()
		s := wrap(t, inner, local, StoreOptions{})
		if err := s.Put(ctx, name, remote.BytesBody(data)); err != nil {
			t.Fatal(err)
		}
		if err := local.Delete(ctx, name); err != nil {
			t.Fatal(err)
		}
		if c.there != nil {
			if err := local.Put(ctx, name, remote.BytesBody(c.there)); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := c.ask(s); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: %v", what, err)
		}
		if blobs, n := s.Held(); blobs != 0 || n != 0 {
			t.Errorf("%s: %d blobs of %d bytes are held still", what, blobs, n)
		}
	}
}

func flipped(data []byte) []byte {
	data = bytes.Clone(data)
	data[50] ^= 1
	return data
}

// TestSpare: uploaded blobs that are not needed take no more than the spare room, and are dropped after their time.
func TestSpare(t *testing.T) {
	ctx := t.Context()
	now := time.Unix(1_000_000, 0)
	s := wrap(t, mem.New(), mem.New(), StoreOptions{Spare: 25_600, Now: func() time.Time { return now }})
	var names []crypto.BlobName
	for i := range uint64(10) {
		name, data := blob(i)
		if err := s.Put(ctx, name, remote.BytesBody(data)); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if blobs, n := s.Held(); blobs != 5 || n > 25_600 {
		t.Fatalf("%d blobs of %d bytes are held", blobs, n)
	}
	needed := map[crypto.BlobName]struct{}{names[0]: {}}
	s.dropIdle(needed, now) // none is older
	if blobs, _ := s.Held(); blobs != 5 {
		t.Fatalf("%d blobs are held", blobs)
	}
	s.dropIdle(needed, now.Add(1))
	if _, ok := s.has(names[0]); !ok {
		t.Error("what is needed was dropped")
	}
	if blobs, _ := s.Held(); blobs != 1 {
		t.Errorf("%d blobs are held", blobs)
	}
	name, data := blob(20)
	if err := s.Put(ctx, name, remote.BytesBody(data)); err != nil {
		t.Fatal(err)
	}
	if _, ok := s.has(name); !ok {
		t.Error("there is room again, and it isn't used")
	}
}

// TestDeletedMeanwhile: a blob that is deleted while it is being added does not stay.
func TestDeletedMeanwhile(t *testing.T) {
	name, data := blob(1)
	slow := &meanwhile{Store: mem.New()}
	s := wrap(t, mem.New(), slow, StoreOptions{})
	slow.do = func() {
		if err := s.Delete(t.Context(), name); err != nil {
			t.Error(err)
		}
	}
	if err := s.Put(t.Context(), name, remote.BytesBody(data)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context(), name); !errors.Is(err, remote.ErrNotFound) {
		t.Errorf("what was deleted: %v", err)
	}
	if blobs, _ := s.Held(); blobs != 0 || len(s.gone) > 0 {
		t.Errorf("%d blobs are held, %d remembered as gone", blobs, len(s.gone))
	}
}

// meanwhile calls a function before each Put.
type meanwhile struct {
	remote.Store
	do func()
}

func (m *meanwhile) Put(ctx context.Context, name crypto.BlobName, body remote.Body) error {
	m.do()
	return m.Store.Put(ctx, name, body)
}

// TestFetchTrustsNobody: bytes that do not fit their name are not stored.
func TestFetchTrustsNobody(t *testing.T) {
	inner := mem.New()
	name, data := blob(1)
	if err := inner.Put(t.Context(), name, remote.BytesBody(flipped(data))); err != nil {
		t.Fatal(err)
	}
	s := wrap(t, inner, mem.New(), StoreOptions{})
	if err := s.fetch(t.Context(), name); !errors.Is(err, remote.ErrCorrupt) {
		t.Error(err)
	}
	if blobs, _ := s.Held(); blobs != 0 {
		t.Errorf("%d blobs are held", blobs)
	}
}

// TestLooksWhatIsThere: after a restart fetched blobs are found again.
func TestLooksWhatIsThere(t *testing.T) {
	local := mem.New()
	name, data := blob(1)
	if err := local.Put(t.Context(), name, remote.BytesBody(data)); err != nil {
		t.Fatal(err)
	}
	s := wrap(t, mem.New(), local, StoreOptions{})
	if got, err := s.Get(t.Context(), name); err != nil || !bytes.Equal(got, data) {
		t.Error(err)
	}
	failing := faulty.New(mem.New(), faulty.Always(faulty.Fail), faulty.Options{})
	if _, err := NewStore(t.Context(), mem.New(), failing, StoreOptions{}); !errors.Is(err, remote.ErrUnavailable) {
		t.Errorf("a local store that can't be listed: %v", err)
	}
}
