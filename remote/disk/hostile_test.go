//go:build unix

package disk_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/disk"
	"postern/remote/evil"
	"postern/remote/line"
	"postern/remote/mirror"
	"postern/remote/remotetest"
	"postern/remote/verify"
)

// canary makes a tree outside the store, and returns it with a check that fails the test if the tree has changed.
func canary(t *testing.T) (tree string, check func(what string)) {
	t.Helper()
	tree = filepath.Join(t.TempDir(), "outside")
	for _, folder := range []string{"folder", "folder/session-9", "folder/ab", "folder/tmp"} {
		mkdir(t, filepath.Join(tree, folder))
	}
	for _, file := range []string{"file", "folder/thesis.odt", "folder/session-9/1", "folder/session-8.lock",
		"folder/ab/1", "folder/1", "folder/tmp/2"} {
		write(t, filepath.Join(tree, file), "precious")
	}
	before := describe(t, tree)
	return tree, func(what string) {
		t.Helper()
		if now := describe(t, tree); now != before {
			t.Fatalf("%s: the tree outside the store was changed:\n%s\nto\n%s", what, before, now)
		}
	}
}

// describe lists a tree: names, kinds, contents, times.
func describe(t *testing.T, tree string) string {
	t.Helper()
	var out strings.Builder
	err := filepath.WalkDir(tree, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprint(&out, path, info.Mode(), info.ModTime().UnixNano())
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&out, " %x", sha256.Sum256(data))
		}
		fmt.Fprintln(&out)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// unsynced is a system that makes nothing durable, so that making a thousand stores is fast.
type unsynced struct{}

func (unsynced) SyncFile(*os.File) error                     { return nil }
func (unsynced) SyncFolder(*os.File) error                   { return nil }
func (unsynced) LinkIn(root *os.Root, from, to string) error { return root.Link(from, to) }

// openUnsynced opens a store that makes nothing durable.
func openUnsynced(folder string) (*disk.Store, error) {
	return disk.Open(folder, disk.Options{System: unsynced{}})
}

// listedKey moves a listed pointer.
var listedKey = crypto.NewWriterKey([32]byte{11})

// victim makes a store with a blob, a pointer, a listed pointer and the leftovers of a crashed session.
func victim(t *testing.T, folder string) (crypto.BlobName, crypto.Pointer) {
	t.Helper()
	s, err := openUnsynced(folder)
	if err != nil {
		t.Fatal(err)
	}
	name := put(t, s, []byte("sealed"))
	one := writerKey.Sign(1, crypto.PointerValue{1})
	if err := s.Swap(t.Context(), crypto.PointerHash{}, one); err != nil {
		t.Fatal(err)
	}
	if err := s.Swap(t.Context(), crypto.PointerHash{}, listedKey.SignListed(1, crypto.PointerValue{1})); err != nil {
		t.Fatal(err)
	}
	if err := s.Drop(t.Context(), crypto.InboxID{7}, letter()); err != nil {
		t.Fatal(err)
	}
	if err := s.Claim(t.Context(), crypto.NameIDOf("alice"), aliceRecord(t, 1)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	mkdir(t, filepath.Join(folder, "tmp", "session-7"))
	write(t, filepath.Join(folder, "tmp", "session-7", "7"), "half a blob")
	write(t, filepath.Join(folder, "tmp", "session-7.lock"), "")
	return name, one
}

// letter returns a letter with a stamp.
func letter() (l crypto.Letter) {
	_, _ = rand.NewChaCha8([32]byte{}).Read(l[:crypto.LetterSize-8])
	copy(l[crypto.LetterSize-3:], []byte{0x02, 0x81, 0x68})
	return l
}

// aliceRecord returns a state of the record of a name.
func aliceRecord(t *testing.T, seq uint64) crypto.NameRecord {
	t.Helper()
	record, err := crypto.AccountSecret{1}.SealName("alice", seq, nil, rand.NewChaCha8([32]byte{}))
	if err != nil {
		t.Fatal(err)
	}
	return record
}

// roles makes each call of a store's roles once.
func roles(ctx context.Context, t *testing.T, what string, r remote.Roles) {
	t.Helper()
	of, l := crypto.InboxID{7}, letter()
	_, err := r.Inbox.Letters(ctx, of)
	proper(t, what+": letters", err)
	_, err = r.Inbox.Fetch(ctx, of, l.Name())
	proper(t, what+": fetch", err)
	proper(t, what+": drop", r.Inbox.Drop(ctx, of, l))
	proper(t, what+": drop elsewhere", r.Inbox.Drop(ctx, crypto.InboxID{7, 1}, l))
	proper(t, what+": forget", r.Inbox.Forget(ctx, of, l.Name()))
	id := crypto.NameIDOf("alice")
	_, err = r.Names.LookUp(ctx, id)
	proper(t, what+": look up", err)
	proper(t, what+": claim", r.Names.Claim(ctx, id, aliceRecord(t, 1)))
	proper(t, what+": replace", r.Names.Replace(ctx, id, aliceRecord(t, 2)))
	_, err = r.Watch.Watch(ctx, []crypto.PointerID{writerKey.ID()})
	proper(t, what+": watch", err)
}

// hostileKinds are the kinds of errors that a hostile store may return.
var hostileKinds = []error{
	remote.ErrClosed, remote.ErrNotFound, remote.ErrConflict, remote.ErrRefused, remote.ErrFull, remote.ErrUnavailable,
	remote.ErrCorrupt,
	remote.ErrForeign, remote.ErrRollback, remote.ErrFork,
}

// proper fails the test unless err is nil or a remote's error of a kind in the contract.
func proper(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil {
		return
	}
	kind := remote.KindOf(err)
	for _, k := range hostileKinds {
		if kind == k {
			return
		}
	}
	t.Errorf("%s: %v is of kind %v", what, err, kind)
}

// everything makes each call of a store once.
func everything(t *testing.T, what string, s remote.Store, name crypto.BlobName, at crypto.Pointer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err := s.Get(ctx, name)
	proper(t, what+": get", err)
	proper(t, what+": get range", s.GetRange(ctx, name, 1, make([]byte, 3)))
	_, err = s.Stat(ctx, name)
	proper(t, what+": stat", err)
	for _, err := range s.List(ctx) {
		proper(t, what+": list", err)
	}
	_, err = s.Load(ctx, at.ID)
	proper(t, what+": load", err)
	proper(t, what+": put", s.Put(ctx, name, remote.BytesBody("sealed")))
	other := []byte("sealed, too")
	proper(t, what+": put another", s.Put(ctx, crypto.NameOf(other), remote.BytesBody(other)))
	proper(t, what+": swap", s.Swap(ctx, at.Hash(), writerKey.Sign(2, crypto.PointerValue{2})))
	_, err = s.Changed(ctx, "")
	proper(t, what+": changed", err)
	listed := listedKey.SignListed(1, crypto.PointerValue{1})
	proper(t, what+": swap a listed pointer", s.Swap(ctx, listed.Hash(), listedKey.SignListed(2, crypto.PointerValue{2})))
	proper(t, what+": delete", s.Delete(ctx, name))
	roles(ctx, t, what, s.Roles())
	_, err = s.ID(ctx)
	proper(t, what+": id", err)
	_, err = s.Space(ctx)
	proper(t, what+": space", err)
}

// bounded fails the test if do takes more than a few seconds or allocates more than a few blobs.
func bounded(t *testing.T, what string, do func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	done := make(chan struct{})
	go func() { defer close(done); do() }()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatalf("%s: it hangs", what)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20 {
		t.Errorf("%s: it allocated %d MB", what, n>>20)
	}
}

// TestHostileStore sets each trap at each place, before the store is opened and while it is open. Each call succeeds or
// fails with an error of the contract, soon and with little memory, and nothing outside the store changes.
func TestHostileStore(t *testing.T) {
	for _, trap := range evil.Traps() {
		t.Run(trap.Name, func(t *testing.T) {
			outside, unchanged := canary(t)
			sample := filepath.Join(t.TempDir(), "sample")
			victim(t, sample)
			sampled, err := evil.Places(sample)
			if err != nil {
				t.Fatal(err)
			}
			for i := range sampled {
				for _, while := range []bool{false, true} {
					folder := filepath.Join(t.TempDir(), "store")
					name, at := victim(t, folder)
					places, err := evil.Places(folder)
					if err != nil {
						t.Fatal(err)
					}
					place, _ := filepath.Rel(folder, places[i])
					what := fmt.Sprintf("%s for %s, while open: %v", trap.Name, place, while)
					bounded(t, what, func() {
						var s *disk.Store
						if while {
							if s, err = openUnsynced(folder); err != nil {
								t.Error(err)
								return
							}
						}
						// That Open has swept the leftovers of a session, so the place may be free.
						if err := trap.Set(places[i], outside); err != nil && !errors.Is(err, fs.ErrNotExist) {
							t.Error(err)
							return
						}
						before := describe(t, outside) // a trap may just have added a second name
						if !while {
							if s, err = openUnsynced(folder); err != nil {
								proper(t, what+": open", err)
							}
						}
						if err == nil {
							everything(t, what, s, name, at)
							if err := s.Close(); err != nil {
								proper(t, what+": close", err)
							}
						}
						if now := describe(t, outside); now != before {
							t.Errorf("%s: the tree outside was changed", what)
						}
					})
					unchanged(what)
					if err := os.RemoveAll(folder); err != nil {
						t.Fatal(err)
					}
				}
			}
		})
	}
}

// TestManyStrangers: folders with more entries than one batch are read to their end, and delay nothing.
func TestManyStrangers(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "store")
	name, at := victim(t, folder)
	shard := filepath.Join("blobs", name.String()[:2])
	for _, inside := range []string{".", "blobs", "pointers", "tmp", shard} {
		for i := range 600 {
			write(t, filepath.Join(folder, inside, fmt.Sprintf("stranger-%d", i)), "")
		}
	}
	bounded(t, "many strangers", func() {
		s, err := openUnsynced(folder)
		if err != nil {
			t.Error(err)
			return
		}
		found := 0
		for info, err := range s.List(t.Context()) {
			if err != nil || info.Name != name {
				t.Errorf("listed: %v, %v", info, err)
			}
			found++
		}
		if p, err := s.Load(t.Context(), at.ID); found != 1 || err != nil || p.Seq != at.Seq {
			t.Errorf("%d blobs were listed; the pointer is %v, %v", found, p, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// stacks returns the stacks above an attacked disk: none, the wrappers of the gateway, and mirrors with an intact disk.
func stacks(t *testing.T) map[string]func(attacked remote.Store) (remote.Store, error) {
	atOnce := func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	joined := func(leads bool) func(remote.Store) (remote.Store, error) {
		well := filepath.Join(t.TempDir(), "well")
		return func(attacked remote.Store) (remote.Store, error) {
			other, err := openUnsynced(well)
			if err != nil {
				return nil, err
			}
			members := []mirror.Member{{Name: "attacked", Store: attacked}, {Name: "well", Store: other}}
			if !leads {
				slices.Reverse(members)
			}
			return mirror.New(members, mirror.Options{FirstCheck: -1, Sleep: atOnce})
		}
	}
	return map[string]func(remote.Store) (remote.Store, error){
		"alone": func(s remote.Store) (remote.Store, error) { return s, nil },
		"gateway": func(s remote.Store) (remote.Store, error) {
			d := remote.Deadlines{Attempts: 3, Every: 10 * time.Millisecond, Reply: time.Second}
			return verify.New(line.Over(s, d, line.Options{Breaker: true, Sleep: atOnce}), new(verify.MemoryPins)), nil
		},
		"mirror that it leads":   joined(true),
		"mirror that it follows": joined(false),
	}
}

// TestContractUnderAttack runs the whole contract while an attacker keeps setting traps in the store. The contract's
// promises about contents can't hold then, but calls must return, and must not change anything outside.
func TestContractUnderAttack(t *testing.T) {
	for name, stack := range stacks(t) {
		t.Run(name, func(t *testing.T) { underAttack(t, stack) })
	}
}

func underAttack(t *testing.T, stack func(attacked remote.Store) (remote.Store, error)) {
	outside, unchanged := canary(t)
	folder := filepath.Join(t.TempDir(), "store")
	victim(t, folder)
	var attacks sync.WaitGroup
	var turn sync.Mutex
	random, traps := rand.New(rand.NewPCG(1, 2)), evil.Traps()
	strike := func() {
		turn.Lock()
		defer turn.Unlock()
		attack(random, traps, folder, outside)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	opened := 0
	var calls atomic.Int64
	bytes := rand.NewChaCha8([32]byte{1})
	for _, check := range remotetest.Checks() {
		one, done := context.WithTimeout(ctx, time.Second)
		_ = remotetest.RunOne(one, check, func() (remote.Store, error) { // the attacker breaks the promises
			turn.Lock()
			repair(folder)
			turn.Unlock()
			attacks.Go(strike)
			s, err := openUnsynced(folder)
			if err != nil {
				proper(t, check.Name+": open", err)
				return nil, err
			}
			opened++
			struck := remote.Wrap(s, func(ctx context.Context, _ *remote.Call, do func(context.Context) error) error {
				if calls.Add(1)%3 == 0 {
					attacks.Go(strike)
				}
				return do(ctx)
			})
			above, err := stack(struck)
			if err != nil {
				return nil, errors.Join(err, s.Close())
			}
			return remote.Wrap(above, func(ctx context.Context, c *remote.Call, do func(context.Context) error) error {
				err := do(ctx)
				proper(t, check.Name+": "+c.Op, err)
				return err
			}), nil
		}, bytes)
		done()
		unchanged(check.Name)
	}
	attacks.Wait()
	unchanged("at the end")
	if opened < 20 || calls.Load() < 100 { // a mirror that is attacked early calls the store least
		t.Errorf("the store was opened %d times and called %d times: the attacker leaves nothing to attack", opened,
			calls.Load())
	}
}

// repair restores the store's own folders and its marker.
func repair(folder string) {
	for _, name := range []string{"blobs", "pointers", "inboxes", "names", "locks", "tmp"} {
		path := filepath.Join(folder, name)
		if info, err := os.Lstat(path); err != nil || !info.IsDir() {
			_ = os.RemoveAll(path)
			_ = os.Mkdir(path, 0o700)
		}
	}
	_ = os.RemoveAll(filepath.Join(folder, "postern-store"))
	_ = os.WriteFile(filepath.Join(folder, "postern-store"), []byte("postern-store 1\n"), 0o600)
}

// attack sets a random trap at a random place of the store.
func attack(random *rand.Rand, traps []evil.Trap, folder, outside string) {
	var all []string
	_ = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if len(all) > 500 {
			return fs.SkipAll
		}
		if path != folder && err == nil {
			all = append(all, path)
		}
		return nil
	})
	if len(all) == 0 {
		return
	}
	trap := traps[random.IntN(len(traps))]
	if trap.Name == "deep tree" || trap.Name == "folder of strangers" {
		return // too slow to be set often
	}
	_ = trap.Set(all[random.IntN(len(all))], outside)
}
