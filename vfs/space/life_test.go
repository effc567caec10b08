package space_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/evil"
	"postern/remote/faulty"
	"postern/remote/mem"
	"postern/vfs"
	"postern/vfs/fsck"
	"postern/vfs/gc"
	"postern/vfs/namespace"
	"postern/vfs/space"
)

// raced counts the swaps that another device's swap preceded.
type raced struct {
	remote.Store
	lost   atomic.Int64
	before atomic.Pointer[func()] // called before the next swap
}

func (r *raced) Swap(ctx context.Context, old crypto.PointerHash, next crypto.Pointer) error {
	if f := r.before.Swap(nil); f != nil {
		(*f)()
	}
	err := r.Store.Swap(ctx, old, next)
	if errors.Is(err, remote.ErrConflict) {
		r.lost.Add(1)
	}
	return err
}

// TestNothingTwice takes a drive through everything that makes blobs, and compares every blob ever put. No two may have
// 32 bytes in common, so the remote never sees that something in one blob was in another.
func TestNothingTwice(t *testing.T) {
	ctx := t.Context()
	curious, clock := evil.NewCurious(mem.New()), newDial()
	race := &raced{Store: curious}
	line := faulty.New(race, nil, faulty.Options{})
	first := newHomeAt(t, curious, clock.now())
	first.options.Now = clock.now
	first.options.Deadlines.Commit, first.options.Deadlines.Poll = time.Hour, time.Hour // only a flush commits
	first.options.Keep = space.Keep{All: time.Nanosecond, Hourly: time.Hour, Daily: 24 * time.Hour}
	laptop := *first
	laptop.options.Store = line
	phone := laptop.device(2, "phone")
	s, o := laptop.open(), phone.open()
	defer func() { laptop.close(s); phone.close(o) }()

	// Commits of small, larger and large files, that grow and shrink, and copies of them.
	number := uint64(0)
	fill := func(on *space.Space, folder string, files int) {
		t.Helper()
		if err := on.Mkdir(ctx, folder, nil); err != nil {
			t.Fatal(err)
		}
		for i := range files {
			number++
			put(t, on, fmt.Sprintf("%s/%02d", folder, i), noise(number, 200+i*997%9000))
		}
	}
	fill(s, "/a", 60)
	put(t, s, "/large", noise(1001, crypto.ChunkSize+70_000))
	put(t, s, "/half", noise(1002, 512<<10))
	flush(t, s)
	if _, err := s.Copy(ctx, "/a", "/copy", vfs.CopyOptions{}); err != nil {
		t.Fatal(err)
	}
	put(t, s, "/half", noise(1002, 300<<10))
	flush(t, s)

	// Lost races of both devices, over other files and over the same ones.
	for round := range 3 {
		clock.pass(time.Minute)
		fill(s, fmt.Sprint("/s", round), 8)
		fill(o, fmt.Sprint("/o", round), 8)
		put(t, s, "/same", noise(uint64(2000+round), 3000))
		put(t, o, "/same", noise(uint64(3000+round), 3000))
		flush(t, s)
		flush(t, o)
	}
	if race.lost.Load() < 2 {
		t.Fatalf("only %d races were lost", race.lost.Load())
	}

	// Attempts that fail before the pointer moves, after it, and with an unknown outcome.
	for i, plan := range []faulty.Plan{
		faulty.Script([]faulty.Fault{faulty.Fail}, faulty.Swap),
		faulty.Script([]faulty.Fault{faulty.Lose}, faulty.Swap),
		faulty.Script([]faulty.Fault{faulty.Fine, faulty.Fail}, faulty.Put),
	} {
		clock.pass(time.Minute)
		fill(s, fmt.Sprint("/again", i), 5)
		put(t, s, fmt.Sprint("/again", i, "/large"), noise(uint64(4000+i), 600<<10))
		line.SetPlan(plan)
		flush(t, s)
		line.SetPlan(nil)
	}
	fill(s, "/unheard", 5)
	commitUnheard(t, &laptop, line, s)
	put(t, s, "/unheard/more", noise(5000, 2000))
	line.SetPlan(nil)
	flush(t, s)

	// A restored home with changes that have landed since: they land again.
	fill(s, "/twice", 5)
	backup := (&copiedHome{home: laptop}).copyOf(t)
	flush(t, s)
	laptop.close(s)
	laptop.options.Dir = backup.options.Dir
	s = laptop.open()
	put(t, s, "/twice/more", noise(5001, 2000))
	flush(t, s)

	// States of the history are restored.
	d := namespace.New(namespace.Options{Made: clock.now()}, map[string]vfs.FS{"files": s, "history": s.History()})
	for info, err := range s.History().List(ctx, "/") {
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Copy(ctx, "/history/"+info.Name, "/files/restored "+info.Name, vfs.CopyOptions{}); err != nil {
			t.Fatal(err)
		}
		break
	}
	flush(t, s)

	// Most is deleted, and packs are rewritten, while another device commits now and then.
	for info, err := range s.List(ctx, "/a") {
		if err != nil {
			t.Fatal(err)
		}
		if info.Name[1] != '7' {
			for _, folder := range []string{"/a/", "/copy/"} {
				if err := s.Remove(ctx, folder+info.Name, nil); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for round := range 3 {
		if err := s.Remove(ctx, fmt.Sprintf("/s%d/03", round), nil); err != nil {
			t.Fatal(err)
		}
	}
	flush(t, s)
	clock.pass(4 * month)
	put(t, s, "/late", []byte("late"))
	flush(t, s)
	var repacked, lost int64
	for round := range 6 {
		folder := fmt.Sprint("/r", round)
		fill(s, folder, 20)
		flush(t, s)
		for i := range 16 {
			if err := s.Remove(ctx, fmt.Sprintf("%s/%02d", folder, i), nil); err != nil {
				t.Fatal(err)
			}
		}
		flush(t, s)
		clock.pass(2 * month)
		put(t, s, "/late", noise(uint64(7000+round), 4000))
		flush(t, s)
		if round == 2 {
			put(t, o, "/meanwhile", noise(uint64(6000+round), 2000))
			commit := func() { flush(t, o) } // right before the rewritten drive is committed
			race.before.Store(&commit)
		}
		before := race.lost.Load()
		r, err := s.Keeper().Collect(ctx, gc.Options{Grace: -1})
		if err != nil {
			t.Fatal(err)
		}
		race.before.Store(nil)
		repacked += r.Repacked.Blobs
		lost += race.lost.Load() - before
		flush(t, o)
	}
	if repacked < 3 || lost == 0 {
		t.Errorf("%d packs were rewritten, and %d races lost over it", repacked, lost)
	}

	// Damage is repaired: readable files are rewritten.
	put(t, s, "/film", noise(8000, 700<<10))
	flush(t, s)
	spoil(t, curious.Store, 700<<10)
	if r, err := s.Keeper().Fsck(ctx, fsck.Options{ReadData: true, Repair: true}); err != nil || len(r.Rewritten) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	flush(t, s)
	if r, err := s.Keeper().Fsck(ctx, fsck.Options{ReadData: true}); err != nil || !r.Clean() {
		t.Errorf("%+v, %v", r, err)
	}

	// A device comes back so late that its changes have to be made again.
	away := &switched{Store: line}
	desk := laptop.device(3, "desk")
	desk.options.Store, desk.options.PageMemory = away, 1
	w := desk.open()
	defer func() { desk.close(w) }()
	away.off.Store(true)
	fill(w, "/desk", 10)
	for range 4 {
		clock.pass(8 * 24 * time.Hour)
		for _, name := range []string{"/a/07", "/late", "/meanwhile"} {
			number++
			put(t, s, name, noise(9000+number, 3000))
		}
		flush(t, s)
		if _, err := s.Keeper().Collect(ctx, gc.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	away.cached.Clear()
	away.off.Store(false)
	flush(t, w)

	blobs := 0
	for range curious.Seen() {
		blobs++
	}
	if blobs < 50 {
		t.Errorf("only %d blobs were put", blobs)
	}
	for _, o := range curious.Overlaps() {
		t.Error(o)
	}
	leak(t, curious)
}

// spoil flips a bit in the chunk description of every blob of about a size.
func spoil(t *testing.T, store remote.Store, size int64) {
	t.Helper()
	for b, err := range store.List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if b.Size < size || b.Size > size+size/10 {
			continue
		}
		data, err := store.Get(t.Context(), b.Name)
		if err != nil {
			t.Fatal(err)
		}
		data[0] ^= 1
		err = errors.Join(store.Delete(t.Context(), b.Name), store.Put(t.Context(), b.Name, remote.BytesBody(data)))
		if err != nil {
			t.Fatal(err)
		}
	}
}

// leak puts a blob with 32 bytes of another, which must be detected.
func leak(t *testing.T, curious *evil.Curious) {
	t.Helper()
	for name := range curious.Seen() {
		old, err := curious.Get(t.Context(), name)
		if errors.Is(err, remote.ErrNotFound) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		data := noise(10_000, crypto.MinBlobSize)
		copy(data[1001:], old[777:777+evil.LeastOverlap])
		if err := curious.Put(t.Context(), crypto.NameOf(data), remote.BytesBody(data)); err != nil {
			t.Fatal(err)
		}
		break
	}
	if len(curious.Overlaps()) == 0 {
		t.Error("a planted leak was not found")
	}
}
