// Package peopletest is a small language for tests with several users, and stories in it. The stories run on every kind
// of gateway: over the tree directly, and over DAV.
//
//	befriend("bob", "alice"),
//	as("bob", mkdir("/files/photos"), put("/files/photos/a", "1"), share("/files/photos", write, "alice")),
//	look(),
//	as("alice", reads("/shared/bob/photos/a", "1")),
package peopletest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/vfs/people"
	"postern/vfs/space"
)

// Drive is a user's drive, reached in some way. Its errors are, or wrap, those of package vfs.
type Drive interface {
	Put(ctx context.Context, path, text string) error
	Get(ctx context.Context, path string) (string, error)
	Mkdir(ctx context.Context, path string) error
	Move(ctx context.Context, from, to string) error
	Copy(ctx context.Context, from, to string) error
	Remove(ctx context.Context, path string) error
	// List returns the names in a folder, those of folders with a slash at the end.
	List(ctx context.Context, path string) ([]string, error)
}

// Gateway is the open gateway of a device.
type Gateway struct {
	Drive
	People *people.People
	Own    *space.Space
	Close  func() error
}

// Home is what a kit gets to open the gateway of a device.
type Home struct {
	User    string
	Name    string // of the device
	Number  int    // of the device in its world, from 0 on
	First   bool   // the account has no drive yet
	Account crypto.AccountSecret
	Now     func() time.Time
	Around  remote.Around // runs every call of the store: see remote.Wrap
}

// Kit makes the gateways of a world.
type Kit interface {
	// Open opens the gateway of a home, which may have been open before.
	Open(t *testing.T, h Home) Gateway
	// Freeze keeps what a home has on its disk now: the next Open of the home goes on from there.
	Freeze(t *testing.T, h Home)
	// Befriend makes two users friends who are not; false: it has no way but letters.
	Befriend(ctx context.Context, a, b Gateway) (bool, error)
}

// World is a store with some users and their gateways.
type World struct {
	t       *testing.T
	kit     Kit
	devices map[string]*device // by user, or user/device
	links   map[string]string  // URLs by the names that a story gives them

	mu  sync.Mutex
	now time.Time
}

// device is a gateway of a user, which can be closed or without its store.
type device struct {
	Home
	Gateway
	away atomic.Bool
}

// Users makes a world in which these have claimed their names.
func Users(t *testing.T, kit Kit, names ...string) *World {
	t.Helper()
	w := &World{t: t, kit: kit, devices: map[string]*device{}, links: map[string]string{},
		now: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)}
	t.Cleanup(func() {
		for _, d := range w.devices {
			if err := d.Close(); err != nil {
				t.Errorf("%s: %v", d.Name, err)
			}
		}
	})
	for i, name := range names {
		d := w.add(name, name, crypto.AccountSecret{byte(i + 1)}, true)
		if _, err := d.People.Claim(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// in has the world report to another test.
func (w *World) in(t *testing.T) *World {
	w.t = t
	return w
}

// clears takes back and removes what a story has made.
func clears() Step {
	return func(ctx context.Context, w *World) error {
		if err := look()(ctx, w); err != nil {
			return err
		}
		for _, d := range w.sorted() {
			all, err := d.People.Shares(ctx)
			if err != nil {
				return err
			}
			for _, s := range slices.Backward(all.Mine) { // the inner ones first
				if _, err := d.People.Unshare(ctx, s.Path, nil); err != nil {
					return fmt.Errorf("clear %s: %w", s.Path, err)
				}
			}
			names, err := d.List(ctx, "/files")
			if err != nil {
				return err
			}
			for _, name := range names {
				if err := d.Remove(ctx, "/files/"+strings.TrimSuffix(name, "/")); err != nil {
					return fmt.Errorf("clear %s: %w", name, err)
				}
			}
		}
		return look()(ctx, w)
	}
}

// add opens one more gateway.
func (w *World) add(key, user string, account crypto.AccountSecret, first bool) *device {
	w.t.Helper()
	d := &device{}
	d.Home = Home{User: user, Name: strings.ReplaceAll(key, "/", "'s "), Number: len(w.devices), First: first,
		Account: account, Now: w.clock,
		Around: func(ctx context.Context, c *remote.Call, do func(context.Context) error) error {
			if d.away.Load() {
				return remote.Fail(c.Op, c.On, remote.ErrUnavailable, errors.New("the story is offline"))
			}
			return do(ctx)
		}}
	d.Gateway = w.kit.Open(w.t, d.Home)
	d.First = false
	w.devices[key] = d
	return d
}

func (w *World) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// sorted returns all devices in the order of their making.
func (w *World) sorted() []*device {
	return slices.SortedFunc(maps.Values(w.devices), func(a, b *device) int { return cmp.Compare(a.Number, b.Number) })
}

// patience is how long one step of a story may take before the test fails.
const patience = time.Minute

// Tell runs a story.
func (w *World) Tell(steps ...Step) {
	w.t.Helper()
	for i, step := range steps {
		ctx, cancel := context.WithTimeout(w.t.Context(), patience)
		err := step(ctx, w)
		cancel()
		if err != nil {
			w.t.Fatalf("step %d: %v", i+1, err)
		}
	}
}

// Step is a step of a story.
type Step func(ctx context.Context, w *World) error

// Act is one thing that a user does at a gateway.
type Act func(ctx context.Context, w *World, d *device) error

// as has a user do things, at the first gateway ("bob"), or another one ("bob/laptop").
func as(who string, acts ...Act) Step {
	return func(ctx context.Context, w *World) error {
		d := w.devices[who]
		if d == nil {
			return fmt.Errorf("there is no %s", who)
		}
		for i, act := range acts {
			if err := act(ctx, w, d); err != nil {
				return fmt.Errorf("%s, act %d: %w", who, i+1, err)
			}
		}
		return nil
	}
}

// adds opens a further gateway of a user, whom the first one has been open for.
func adds(user, name string) Step {
	return func(_ context.Context, w *World) error {
		w.add(user+"/"+name, user, w.devices[user].Account, false)
		return nil
	}
}

// look has all gateways that are online commit, read their letters, reconcile, and look for what others have done.
func look() Step {
	return func(ctx context.Context, w *World) error {
		for range 2 {
			for _, d := range w.sorted() {
				if d.away.Load() {
					continue
				}
				if err := d.work(ctx); err != nil {
					return fmt.Errorf("%s: %w", d.Name, err)
				}
			}
			for _, d := range w.sorted() {
				if d.away.Load() {
					continue
				}
				if err := d.People.Look(ctx); err != nil {
					return fmt.Errorf("%s looks: %w", d.Name, err)
				}
			}
		}
		return nil
	}
}

// work does what a gateway does in the background.
func (d *device) work(ctx context.Context) error {
	if _, err := d.People.Friends(ctx); err != nil {
		return fmt.Errorf("read the letters: %w", err)
	}
	if err := d.People.Sync(ctx); err != nil {
		return fmt.Errorf("reconcile: %w", err)
	}
	if err := d.Own.Home().Flush(ctx); err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	return nil
}

// offline takes the store away from a gateway.
func offline(who string) Step {
	return func(_ context.Context, w *World) error {
		w.devices[who].away.Store(true)
		return nil
	}
}

// online gives a gateway its store back.
func online(who string) Step {
	return func(ctx context.Context, w *World) error {
		w.devices[who].away.Store(false)
		return w.devices[who].People.Look(ctx)
	}
}

// later moves the clock of all.
func later(by time.Duration) Step {
	return func(_ context.Context, w *World) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.now = w.now.Add(by)
		return nil
	}
}

// restart ends a gateway in order and opens it again.
func restart(who string) Step {
	return func(_ context.Context, w *World) error {
		d := w.devices[who]
		if err := d.Close(); err != nil {
			return err
		}
		d.Gateway = w.kit.Open(w.t, d.Home)
		return nil
	}
}

// kill ends a gateway at once and opens it again, with what its disk has.
func kill(who string) Step {
	return func(_ context.Context, w *World) error {
		d := w.devices[who]
		was := d.away.Swap(true)
		w.kit.Freeze(w.t, d.Home)
		if err := d.Close(); err != nil {
			return err
		}
		d.away.Store(was)
		d.Gateway = w.kit.Open(w.t, d.Home)
		return nil
	}
}

// befriend makes two users friends.
func befriend(a, b string) Step {
	return func(ctx context.Context, w *World) error {
		all, err := w.devices[a].People.Friends(ctx)
		if err != nil || slices.ContainsFunc(all, func(f people.Friend) bool { return f.Name == b && f.State == people.IsFriend }) {
			return err
		}
		done, err := w.kit.Befriend(ctx, w.devices[a].Gateway, w.devices[b].Gateway)
		if err != nil || done {
			return err
		}
		if _, err := w.devices[a].People.Add(ctx, b); err != nil {
			return err
		}
		if _, err := w.devices[b].People.Accept(ctx, a); err != nil {
			return err
		}
		return look()(ctx, w)
	}
}

// gone is look, until friends no longer see what an owner has deleted.
func gone() Step { return steps(look(), later(10*time.Minute), look()) }

// settle is look for a world in which something can't be committed any more: failures of single steps are all right.
func settle() Step {
	return func(ctx context.Context, w *World) error {
		for range 2 {
			for _, d := range w.sorted() {
				short, cancel := context.WithTimeout(ctx, time.Second)
				_ = d.work(short)
				_ = d.People.Look(short)
				cancel()
			}
		}
		return nil
	}
}
