package gateway

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postern/cmd/postern/home"
	"postern/crypto"
	"postern/remote/s3/s3test"
	"postern/vfs/registry"
	"postern/vfs/space"
	"postern/vfs/space/base"
)

// bucket is a store in this process that writes down the requests to it.
type bucket struct {
	mu       sync.Mutex
	requests []request
}

type request struct {
	at           time.Time
	method, what string
}

func (b *bucket) around(store http.Handler, w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	b.requests = append(b.requests, request{time.Now(), r.Method, r.URL.RequestURI()})
	b.mu.Unlock()
	store.ServeHTTP(w, r)
}

// take returns the requests so far, and forgets them.
func (b *bucket) take() (all []request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	all, b.requests = b.requests, nil
	return all
}

// most returns the most requests within a minute.
func most(requests []request) int {
	found := 0
	for i, first := range requests {
		n := slices.IndexFunc(requests[i:], func(r request) bool { return r.at.Sub(first.at) >= time.Minute })
		if n < 0 {
			n = len(requests) - i
		}
		found = max(found, n)
	}
	return found
}

// share opens a further space of the account, as a shared folder is one, and mounts it. end closes it.
func (w *wired) share() (end func()) {
	w.t.Helper()
	keys := second(w.account, 2)
	keys.Listed = true
	err := space.Create(w.t.Context(), w.kept, keys, DeviceOf(w.account, home.Defaults()), rand.Reader, time.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	s, err := w.space.Home().Open(w.t.Context(), space.Options{Store: w.kept, Keys: keys})
	if err == nil {
		err = w.fs.Mount(team, s)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return func() {
		if err := s.Close(); err != nil {
			w.t.Error(err)
		}
	}
}

// befriend records n friends whose gateways keep pair spaces at the same store. Those of the first lost are missing
// there.
func (w *wired) befriend(n, lost int) {
	w.t.Helper()
	now := binary.BigEndian.AppendUint64(nil, uint64(time.Now().UnixNano()))
	var notes []registry.Note
	for i := range n {
		other := crypto.AccountSecret{0xf1, byte(i)}
		pair := other.PairSecret(w.account.Secret.Author().ID(), 0).Keys()
		pair.Owner = other.Author().ID()
		notes = append(notes, registry.Note{Kind: registry.Friend, ID: pair.Owner.String(), Set: map[string][]byte{
			"state": []byte("friend"), "name": fmt.Append(nil, "friend", i), "sent": now, "theirs": pair.ReadOnly().Marshal()}})
		if i < lost {
			continue
		}
		keys := base.Keys{Capability: pair, Author: other.Author(), Listed: true, Frames: other.Frames}
		err := space.CreateFrom(w.t.Context(), w.kept, keys, DeviceOf(w.account, home.Defaults()), rand.Reader, time.Now(),
			space.Beginning{Bare: true})
		if err != nil {
			w.t.Fatal(err)
		}
	}
	if err := w.space.Note(w.t.Context(), notes...); err != nil {
		w.t.Fatal(err)
	}
}

// asked returns how many requests of today the status shows.
func (w *wired) asked() int64 {
	status := w.status()
	if len(status.Copies) > 0 {
		return status.Copies[0].Line.Today.Requests()
	}
	return status.Line.Today.Requests()
}

// TestIdleRequests: a gateway whose drive nobody uses makes at most six requests a minute at a bucket, and writes
// nothing there, whatever it has mounted. The status shows the requests.
func TestIdleRequests(t *testing.T) {
	for name, of := range map[string]struct{ shared, mirrored, friends bool }{
		"alone": {}, "with a shared folder": {shared: true}, "with a copy on a disk": {shared: true, mirrored: true},
		"with friends": {shared: true, friends: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				<-time.After(time.Until(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC))) // no letter is read by a clock long ago
				var b bucket
				place := s3test.Piped(t, b.around)
				w := &wired{t: t, home: home.Home(filepath.Join(t.TempDir(), "home")), url: place().String()}
				if of.mirrored {
					w.url = "mirror:" + w.url + ",disk:" + filepath.Join(t.TempDir(), "disk")
				}
				w.open()
				defer w.close()
				if of.shared {
					defer w.share()()
				}
				if of.friends {
					w.befriend(3, 0)
				}
				w.people.Start()
				for _, name := range []string{"a", "b", "c"} {
					w.put("/files/"+name, noise(100_000))
				}
				if err := w.space.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
				g := &gateway{home: w.home, account: w.account, drive: w.drive, log: slog.New(slog.DiscardHandler)}
				defer inBackground(t.Context(), func(ctx context.Context) {
					g.collectNowAndThen(ctx, firstCollection, eachCollection)
				})()
				<-time.After(2*firstCollection + time.Second) // not at the moment of a poll
				before := w.asked()
				b.take()
				const idle = 2 * time.Hour
				<-time.After(idle)
				requests := b.take()
				if n := most(requests); n > 6 {
					t.Errorf("%d requests in a minute", n)
				}
				for _, r := range requests {
					if r.method != http.MethodGet {
						t.Errorf("an idle gateway sends %s %s", r.method, r.what)
					}
				}
				lists := slices.DeleteFunc(slices.Clone(requests), func(r request) bool {
					return !strings.Contains(r.what, "list-type=")
				})
				t.Logf("%v idle: %d requests, of which %d are lists", idle, len(requests), len(lists))
				if got := w.asked() - before; got != int64(len(requests)) {
					t.Errorf("the status has counted %d requests, and the bucket %d", got, len(requests))
				}
			})
		})
	}
}
