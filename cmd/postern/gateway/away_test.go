package gateway

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"postern/cache"
	"postern/crypto"
	"postern/remote"
	"postern/remote/faulty"
	"postern/remote/line"
	"postern/remote/localfs"
	"postern/remote/mem"
	"postern/remote/verify"
	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/space"
	"postern/vfs/space/base"
)

// stacked is one device's stack as the gateway builds it: line, verify, cache, space, over a remote with faults.
type stacked struct {
	t       *testing.T
	origin  *mem.Store
	away    *faulty.Store
	account crypto.AccountSecret
	device  space.Device
	dir     string

	line  *line.Line
	cache *cache.Cache
	space *space.Space
	disk  localfs.FS // of the journal and the staging area; nil: the system's
}

// newStacked makes an account and opens its first device.
func newStacked(t *testing.T, delay time.Duration) *stacked {
	t.Helper()
	account, err := crypto.Random[crypto.AccountSecret](rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := &stacked{t: t, origin: mem.New(), account: account, device: space.Device{ID: object.DeviceID{1}, Name: "laptop"},
		dir: t.TempDir()}
	s.away = faulty.New(s.origin, nil, faulty.Options{Delay: delay})
	if err := space.Create(t.Context(), s.origin, base.Own(account), s.device, rand.Reader, time.Now()); err != nil {
		t.Fatal(err)
	}
	s.open()
	return s
}

// another returns a second device, without faults.
func (s *stacked) another() *stacked {
	s.t.Helper()
	o := &stacked{t: s.t, origin: s.origin, account: s.account,
		device: space.Device{ID: object.DeviceID{2}, Name: "phone"}, dir: s.t.TempDir()}
	o.away = faulty.New(s.origin, nil, faulty.Options{})
	o.open()
	return o
}

func (s *stacked) open() {
	s.t.Helper()
	var err error
	changed := make(chan struct{}, 1)
	s.line = line.Over(lent{s.away}, remote.Deadlines{}, line.Options{Breaker: true})
	s.line.OnChange(func(st line.State) {
		if !st.Away {
			changed <- struct{}{}
		}
	})
	if s.cache, err = cache.New(verify.New(s.line, &verify.MemoryPins{}),
		cache.Options{Dir: filepath.Join(s.dir, "cache"), Memory: -1}); err != nil {
		s.t.Fatal(err)
	}
	s.space, err = space.Open(context.Background(),
		space.Options{Store: s.cache, Keys: base.Own(s.account), Dir: s.dir, Device: s.device, FS: s.disk})
	if err != nil {
		s.t.Fatal(err)
	}
	opened := s.space
	ended := s.t.Context().Done()
	go func() {
		for {
			select {
			case <-changed:
				opened.Retry()
			case <-ended:
				return
			}
		}
	}()
}

// lent is a remote that outlives its users.
type lent struct{ remote.Store }

func (lent) Close() error { return nil }

func (s *stacked) close() {
	s.t.Helper()
	if err := errors.Join(s.space.Close(), s.cache.Close()); err != nil {
		s.t.Error(err)
	}
}

func (s *stacked) put(path string, body []byte) {
	s.t.Helper()
	u, err := s.space.Create(s.t.Context(), path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer u.Abort()
	if _, err := u.Write(body); err != nil {
		s.t.Fatal(err)
	}
	if _, _, err := u.Commit(s.t.Context(), vfs.CommitOptions{}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stacked) flush() {
	s.t.Helper()
	if err := s.space.Flush(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stacked) read(path string) ([]byte, error) {
	f, err := s.space.Open(s.t.Context(), path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(f)
}

// has checks a file's contents, and that reading takes no time.
func (s *stacked) has(path string, want []byte) {
	s.t.Helper()
	start := time.Now()
	if got, err := s.read(path); err != nil || !bytes.Equal(got, want) {
		s.t.Errorf("%s: %d bytes of %d, %v", path, len(got), len(want), err)
	}
	if took := time.Since(start); took > 0 {
		s.t.Errorf("%s took %v", path, took)
	}
}

// lacks checks that reading a file fails as unavailable within a time.
func (s *stacked) lacks(path string, within time.Duration) {
	s.t.Helper()
	start := time.Now()
	if _, err := s.read(path); !errors.Is(err, vfs.ErrUnavailable) {
		s.t.Errorf("%s: %v", path, err)
	}
	if took := time.Since(start); took > within {
		s.t.Errorf("it took %v to say that %s can't be had", took, path)
	}
}

// pass lets time pass.
func pass(d time.Duration) { <-time.After(d) }

// seconds is how long a client may wait for the error of an unavailable file.
var seconds = remote.Shipped.Suspect + remote.Shipped.Trial

// TestRemoteAway makes the remote unavailable in each possible way. Files that were read or written here can be read,
// every file can be written, and other reads fail within seconds; the state reports since when and how much is pending;
// a restart changes none of this; when the remote is back, all changes go there by themselves, soon.
func TestRemoteAway(t *testing.T) {
	for what, fault := range map[string]faulty.Fault{"refused": faulty.Fail, "black-holed": faulty.Hang,
		"very slow": faulty.Delay} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStacked(t, time.Hour)
				defer func() { s.close() }()
				ours, film, fresh, theirs := noise(300_000), noise(7<<20), noise(2000), noise(900_000)
				s.put("/ours", ours)
				s.put("/film", film)
				s.flush()
				if got, err := s.read("/film"); err != nil || !bytes.Equal(got, film) { // it comes into the cache
					t.Fatal(err)
				}
				other := s.another()
				other.put("/theirs", theirs)
				other.flush()
				other.close()
				s.space.Retry()
				synctest.Wait()
				if _, err := s.space.Stat(t.Context(), "/theirs"); err != nil {
					t.Fatal(err)
				}
				s.put("/on top", nil)
				s.flush()

				s.away.SetPlan(faulty.Always(fault))
				left := time.Now()
				s.lacks("/theirs", seconds)
				for range 10 {
					s.lacks("/theirs", 0)
				}
				s.has("/ours", ours)
				s.has("/film", film)
				s.put("/fresh", fresh)
				s.has("/fresh", fresh)
				if st := s.line.State(); !st.Away || st.Since.Before(left) || st.Since.Sub(left) > seconds {
					t.Errorf("the line says %+v", st)
				}
				pass(time.Minute)
				s.waits(1, left)
				s.close()

				restarted := time.Now()
				s.open()
				if took := time.Since(restarted); took > 5*time.Second+time.Millisecond {
					t.Errorf("the start took %v", took)
				}
				s.has("/ours", ours)
				s.has("/film", film)
				s.has("/fresh", fresh)
				pass(seconds)
				s.lacks("/theirs", 0)
				s.put("/fresh too", fresh)
				pass(time.Hour)
				s.waits(2, left)

				s.away.SetPlan(nil)
				pass(remote.Shipped.Every + remote.Shipped.Trial)
				synctest.Wait()
				if st := s.space.Status(); st.PendingChanges > 0 || st.PendingBytes > 0 || !st.OfflineSince.IsZero() ||
					st.CommitFailed != "" {
					t.Errorf("the remote is back, and %+v", st)
				}
				s.has("/theirs", theirs)
				other = s.another()
				other.has("/fresh", fresh)
				other.has("/fresh too", fresh)
				other.close()
			})
		})
	}
}

// waits checks the status while the remote is away.
func (s *stacked) waits(changes int, left time.Time) {
	s.t.Helper()
	st := s.space.Status()
	if st.PendingChanges != changes || st.PendingBytes == 0 || st.PendingSince.Before(left) ||
		st.OfflineSince.Before(left) || st.CommitFailed == "" {
		s.t.Errorf("the status says %+v", st)
	}
}

func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

// TestSlowRemote: a remote that takes a second for each answer is slow, and not away.
func TestSlowRemote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStacked(t, time.Second)
		defer func() { s.close() }()
		s.away.SetPlan(faulty.Always(faulty.Delay))
		body := noise(6 << 20)
		other := s.another()
		other.put("/theirs", body)
		other.flush()
		other.close()
		s.space.Retry()
		pass(time.Minute)
		s.put("/ours", body)
		s.flush()
		if got, err := s.read("/theirs"); err != nil || !bytes.Equal(got, body) {
			t.Error(err)
		}
		if st := s.line.State(); st.Times > 0 {
			t.Errorf("the line says %+v", st)
		}
	})
}
