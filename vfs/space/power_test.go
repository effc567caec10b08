package space_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/disk"
	"postern/remote/localfs/simfs"
	"postern/remote/verify"
	"postern/vfs"
	"postern/vfs/content"
	"postern/vfs/object"
	"postern/vfs/registry"
	"postern/vfs/space"
	"postern/vfs/space/base"
	"postern/vfs/tree"
	"postern/vfs/vfstest"
)

// powered is a drive and its remote in one folder after a power loss, with the states that are allowed there.
type powered struct {
	root    string
	founded bool // the account's space exists
	second  bool // the second space exists
	pin     verify.Pin
	states  []map[string]string // the allowed states, as files by path
}

// powerRun is one run of a gateway, until the power fails.
type powerRun struct {
	t    *testing.T
	rnd  *mathrand.Rand // of the changes
	fate *mathrand.Rand // of the loss, in whichever goroutine
	from powered
	disk *simfs.Watched

	id      crypto.PointerID
	pins    verify.MemoryPins
	mu      sync.Mutex
	left    int       // moments until the power fails
	cut     chan bool // closed at the power loss
	lost    []powered
	founded bool
	second  *space.Space      // beside the first; nil: there is none
	state   map[string]string // the acknowledged state; paths in the second space begin with secondMark
	doing   map[string]string // the state with the change in progress
}

// moment marks a moment at which the power may fail.
func (r *powerRun) moment() {
	r.mu.Lock()
	r.left--
	now := r.left == 0
	r.mu.Unlock()
	if !now {
		return
	}
	for range 3 { // one moment may leave different disks
		left := powered{root: r.t.TempDir(), second: r.from.second}
		err := r.disk.PowerLoss(r.fate, left.root, func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			left.founded = r.founded
			left.pin, _, _ = r.pins.Load(r.id) // memory does not fail
			left.states = []map[string]string{maps.Clone(r.state), maps.Clone(r.doing)}
			if r.state == nil { // the outcome of the previous change is not known yet
				left.states = r.from.states
			}
		})
		if err != nil {
			r.t.Errorf("no power loss: %v", err)
		}
		r.lost = append(r.lost, left)
	}
	close(r.cut)
}

// change makes a change of the drive and of the model.
func (r *powerRun) change(next map[string]string, do func() error) {
	r.mu.Lock()
	r.doing = next
	r.mu.Unlock()
	if err := do(); err != nil {
		r.t.Fatalf("a change fails: %v", err)
	}
	r.mu.Lock()
	r.state = next
	r.mu.Unlock()
}

// secondMark begins the paths of the second space.
const secondMark = "second:"

// at returns the space of a path of the model, and the path in that space.
func (r *powerRun) at(own *space.Space, path string) (*space.Space, string) {
	if within, ok := strings.CutPrefix(path, secondMark); ok {
		return r.second, within
	}
	return own, path
}

// somewhere returns a random path of the model, in one of the spaces.
func (r *powerRun) somewhere(path string) string {
	if r.second != nil && r.rnd.IntN(2) == 0 {
		return secondMark + path
	}
	return path
}

// move moves within a space or between two.
func (r *powerRun) move(own *space.Space, from, to string) error {
	src, a := r.at(own, from)
	dst, b := r.at(own, to)
	if src == dst {
		_, err := src.Move(context.Background(), a, b, vfs.CopyOptions{})
		return err
	}
	for {
		_, err := src.MoveTo(context.Background(), a, dst, b, vfs.TransferOptions{})
		if !errors.Is(err, vfs.ErrUnavailable) {
			return err
		}
		// A move in the other direction has not reached the remote yet.
		if err := errors.Join(dst.Flush(context.Background()), src.Flush(context.Background())); err != nil {
			return err
		}
	}
}

// step makes a random change.
func (r *powerRun) step(own *space.Space, n int) {
	names := slices.Sorted(maps.Keys(r.state))
	next := maps.Clone(r.state)
	names = slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, noteMark) })
	kind := r.rnd.IntN(24)
	if len(names) == 0 {
		kind = 0
	}
	pick := func() string { return names[r.rnd.IntN(len(names))] }
	switch {
	case kind < 12:
		path := r.somewhere(fmt.Sprintf("/%d", r.rnd.IntN(12)))
		size := 1 + r.rnd.IntN(3000)
		if kind == 0 || kind == 5 {
			size += content.SmallLimit // staged, not in the journal
		}
		seed := [32]byte{byte(n), byte(n >> 8)}
		copy(seed[2:], path)
		body := make([]byte, size)
		if _, err := mathrand.NewChaCha8(seed).Read(body); err != nil {
			r.t.Fatal(err)
		}
		next[path] = string(body)
		s, at := r.at(own, path)
		r.change(next, func() error { put(r.t, s, at, body); return nil })
	case kind < 14:
		path := pick()
		delete(next, path)
		s, at := r.at(own, path)
		r.change(next, func() error { return s.Remove(context.Background(), at, nil) })
	case kind < 17:
		from, to := pick(), r.somewhere(fmt.Sprintf("/moved %x", r.rnd.Uint32()))
		next[to] = next[from]
		delete(next, from)
		r.change(next, func() error { return r.move(own, from, to) })
	case kind < 19:
		n, path := r.note(next)
		r.change(next, func() error { return own.Note(context.Background(), n, noteOf(path, "other", "field")) })
	case kind < 21:
		from, to := pick(), fmt.Sprintf("/moved %x", r.rnd.Uint32())
		if strings.HasPrefix(from, secondMark) {
			return
		}
		next[to] = next[from]
		delete(next, from)
		n, _ := r.note(next)
		r.change(next, func() error {
			_, err := own.MakeNoted(context.Background(), tree.Move{From: from, To: to}, nil, n)
			return err
		})
	default:
		if s, _ := r.at(own, r.somewhere("/")); s != nil {
			if err := s.Flush(context.Background()); err != nil {
				r.t.Fatalf("flush: %v", err)
			}
		}
	}
}

// noteMark begins the paths of what the model says about the private state.
const noteMark = "noted:"

// note returns a random note about a friend, and makes it in the model.
func (r *powerRun) note(model map[string]string) (n registry.Note, id string) {
	id, value := fmt.Sprint(r.rnd.IntN(5)), fmt.Sprint(r.rnd.Uint32())
	model[noteMark+id] = value
	return noteOf(id, "name", value), id
}

// run starts with the disk after a power loss, checks that everything is there, and works until the power fails again.
func (r *powerRun) run(account crypto.AccountSecret) {
	t, ctx := r.t, context.Background()
	var err error
	if r.disk, err = simfs.Watch(r.from.root, r.moment); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.disk.Close() }()
	if r.from.pin != (verify.Pin{}) {
		_ = r.pins.Save(r.id, r.from.pin) // it never fails
	}
	d, err := disk.Open(filepath.Join(r.from.root, "remote"), disk.Options{System: r.disk})
	if err != nil {
		t.Fatalf("the remote does not open: %v", err)
	}
	store := verify.New(d, &r.pins)
	defer func() { _ = store.Close() }()
	wholeBlobs(t, store, account.Own())
	device := space.Device{ID: object.DeviceID{1}, Name: "laptop"}
	o := space.Options{Store: store, Keys: base.Own(account), Dir: filepath.Join(r.from.root, "home"), Device: device,
		FS: r.disk, Deadlines: remote.Deadlines{Commit: time.Millisecond}, CompactFrom: 1}
	s, err := space.Open(ctx, o)
	if errors.Is(err, base.ErrNoSpace) && !r.from.founded {
		if err := space.Create(ctx, store, base.Own(account), device, rand.Reader, time.Now()); err != nil {
			t.Fatal(err)
		}
		s, err = space.Open(ctx, o)
	}
	if err != nil {
		t.Fatalf("the drive does not open: %v", err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	there := bodies(t, s)
	for id, friend := range s.Private().All(registry.Friend) {
		there[noteMark+id] = string(friend.Get("name"))
	}
	if r.from.second {
		r.second = r.openSecond(s, store, account, device)
		defer func() {
			if err := r.second.Close(); err != nil {
				t.Error(err)
			}
		}()
		for path, body := range bodies(t, r.second) {
			there[secondMark+path] = body
		}
	}
	if !slices.ContainsFunc(r.from.states, func(m map[string]string) bool { return maps.Equal(m, there) }) {
		t.Fatalf("after a power loss there is %v; answered was %v, the change under way would have made it %v", sizes(there),
			sizes(r.from.states[0]), sizes(r.from.states[1]))
	}
	r.mu.Lock()
	r.founded, r.state, r.doing = true, there, there
	r.mu.Unlock()
	for n := 0; ; n++ {
		select {
		case <-r.cut:
			return
		default:
			r.step(s, n)
		}
	}
}

// openSecond opens a second space of the account beside the first, and makes it if necessary.
func (r *powerRun) openSecond(
	s *space.Space, store remote.Store, account crypto.AccountSecret, device space.Device,
) *space.Space {
	keys := secondKeys(account)
	err := space.Create(context.Background(), store, keys, device, rand.Reader, time.Now())
	if err != nil && !errors.Is(err, remote.ErrConflict) {
		r.t.Fatal(err)
	}
	wholeBlobs(r.t, store, keys.Capability)
	second, err := s.Home().Open(context.Background(), space.Options{Store: store, Keys: keys})
	if err != nil {
		r.t.Fatalf("the second space does not open: %v", err)
	}
	return second
}

// wholeBlobs checks, directly at the remote, that everything the pointer leads to is there and fits its name.
func wholeBlobs(t *testing.T, store remote.Store, keys crypto.Capability) {
	t.Helper()
	p, err := store.Load(t.Context(), keys.ID)
	if errors.Is(err, remote.ErrNotFound) {
		return
	}
	if err != nil {
		t.Fatalf("the pointer: %v", err)
	}
	names, err := reach(t.Context(), store, keys, p, nil)
	if err != nil {
		t.Fatalf("the pointer leads to what isn't whole: %v", err)
	}
	for _, name := range names {
		if data, err := store.Get(t.Context(), name); err != nil || crypto.NameOf(data) != name {
			t.Fatalf("the pointer leads to blob %v, which isn't whole: %v", name, err)
		}
	}
}

func sizes(files map[string]string) map[string]int {
	all := map[string]int{}
	for path, body := range files {
		all[path] = len(body)
	}
	return all
}

// TestPowerLoss runs the whole path of a write, drive and disk remote, on a disk that loses unsynced data at random
// moments, again and again, also during recovery. Half of the histories have two spaces, and moves between them.
// Acknowledged changes are there, nothing is mixed up, and the remote's pointer, once seen, never goes back and never
// leads to an incomplete state.
func TestPowerLoss(t *testing.T) {
	histories, losses := 8, 8
	if testing.Short() || vfstest.UnderRace {
		histories = 3
	}
	for history := range histories {
		t.Run(fmt.Sprint(history), func(t *testing.T) {
			t.Parallel()
			account := crypto.AccountSecret{byte(history + 1)}
			rnd := mathrand.New(mathrand.NewPCG(uint64(history), 7))
			empty := []map[string]string{{}, {}}
			now := []powered{{root: t.TempDir(), states: empty, second: history%2 == 1}}
			for range losses {
				var next []powered
				for _, from := range now {
					r := &powerRun{t: t, rnd: mathrand.New(mathrand.NewPCG(rnd.Uint64(), 1)),
						fate: mathrand.New(mathrand.NewPCG(rnd.Uint64(), 2)), from: from, founded: from.founded,
						id: account.Writer().ID(), left: 1 + rnd.IntN(1+rnd.IntN(400)), cut: make(chan bool)}
					r.run(account)
					next = append(next, r.lost...)
				}
				// One of them continues; the others are checked only at their turn.
				rnd.Shuffle(len(next), func(i, j int) { next[i], next[j] = next[j], next[i] })
				now = next[:min(len(next), 2)]
			}
		})
	}
}
