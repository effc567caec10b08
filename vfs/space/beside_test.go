package space_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/mem"
	"postern/vfs"
	"postern/vfs/content"
	"postern/vfs/space"
)

// TestTakenUp: after a start, the home opens and commits by itself a space that has changes in the journal. A user can
// open the space at any time.
func TestTakenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, mem.New())
		h.options.Deadlines.Commit = 24 * time.Hour
		s := h.open()
		second := h.beside(s, h.store)
		put(t, s, "/moved", []byte("moved"))
		put(t, second, "/own", []byte("own"))
		if _, err := s.MoveTo(t.Context(), "/moved", second, "/moved", vfs.TransferOptions{}); err != nil {
			t.Fatal(err)
		}
		h.close(second)
		h.close(s)

		keys := secondKeys(h.account)
		var away atomic.Bool
		away.Store(true)
		h.options.Beside = func(_ context.Context, id crypto.PointerID) (space.Options, error) {
			if away.Load() || id != keys.ID {
				return space.Options{}, errAway
			}
			return space.Options{Store: h.store, Keys: keys}, nil
		}
		s = h.open()
		synctest.Wait()
		if w := s.Home().Waiting(); len(w) != 1 || w[0].Space != keys.ID || !errors.Is(w[0].Err, errAway) {
			t.Errorf("%v wait", w)
		}
		away.Store(false)
		flush(t, s) // waits for the other space
		if w := s.Home().Waiting(); len(w) > 0 {
			t.Errorf("%v still wait", w)
		}
		for _, path := range []string{"/moved", "/own"} {
			second = h.beside(s, h.store)
			if got := string(get(t, second, path)); got != path[1:] {
				t.Errorf("%s holds %q", path, got)
			}
			if n := second.Status().PendingChanges; n > 0 {
				t.Errorf("%d changes of the second space are pending", n)
			}
			h.close(second) // and is opened once more, with nothing in the journal
		}
		if _, err := s.Stat(t.Context(), "/moved"); !errors.Is(err, vfs.ErrNotExist) {
			t.Errorf("what was moved is in the first space: %v", err)
		}
		h.close(s)
	})
}

// refusing is a remote that refuses to move one pointer, or all.
type refusing struct {
	remote.Store
	id       crypto.PointerID
	off, all atomic.Bool
}

func (r *refusing) Swap(ctx context.Context, old crypto.PointerHash, next crypto.Pointer) error {
	if r.all.Load() || next.ID == r.id && !r.off.Load() {
		return remote.Fail("swap pointer", next.ID, remote.ErrRefused, errors.New("broken"))
	}
	return r.Store.Swap(ctx, old, next)
}

// TestPutBack: a space is committed at last, although what it moved to another space can't be committed there. What was
// moved is back then, and also where it was moved to once that works. Before, nothing has changed.
func TestPutBack(t *testing.T) {
	large := bytes.Repeat([]byte("large"), content.SmallLimit)
	all := map[string][]byte{"/f/small": []byte("small"), "/f/large": large, "/g/inside": []byte("inside")}
	for name, c := range map[string]struct{ restart, interrupted bool }{
		"its commits fail": {}, "nobody can open it": {restart: true}, "interrupted": {interrupted: true},
	} {
		restart := c.restart
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &refusing{Store: mem.New()}
				store.off.Store(true)
				h := newHome(t, store)
				s := h.open()
				second := h.beside(s, store)
				for _, folder := range []string{"/f", "/g"} {
					if err := s.Mkdir(t.Context(), folder, nil); err != nil {
						t.Fatal(err)
					}
				}
				put(t, s, "/g/inside", all["/g/inside"])
				flush(t, s)
				store.id = secondKeys(h.account).ID
				store.off.Store(false)
				for _, path := range []string{"/f/small", "/f/large"} { // not committed: sealed anew
					put(t, s, path, all[path])
					if _, err := s.MoveTo(t.Context(), path, second, path[2:], vfs.TransferOptions{}); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := s.MoveTo(t.Context(), "/g", second, "/g", vfs.TransferOptions{}); err != nil {
					t.Fatal(err)
				}
				put(t, s, "/f/large", []byte("another"))
				put(t, s, "/later", []byte("later"))
				if restart {
					h.close(second)
					h.close(s)
					s = h.open()
				}
				<-time.After(50 * time.Minute) // in the time of the bubble
				if _, err := s.Stat(t.Context(), "/g"); !errors.Is(err, vfs.ErrNotExist) || s.Status().PendingChanges == 0 {
					t.Errorf("it was put back too soon: %v", err)
				}
				if c.interrupted { // once it is put back, and before that is committed
					store.all.Store(true)
					<-time.After(2 * time.Hour)
					if _, err := s.Stat(t.Context(), "/g"); err != nil {
						t.Errorf("it was not put back: %v", err)
					}
					h.close(second)
					h.close(s)
					store.all.Store(false)
					s, restart = h.open(), true
				}
				if err := s.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
				back := func(t *testing.T, s *space.Space) {
					t.Helper()
					there, conflict := map[string]string{}, ""
					for _, folder := range []string{"/f", "/g", "/"} {
						for e, err := range s.List(t.Context(), folder) {
							if err != nil {
								t.Fatal(err)
							}
							if at := path.Join(folder, e.Name); !e.Folder {
								there[at] = string(get(t, s, at))
							}
						}
					}
					for at, body := range there {
						if body == string(large) {
							conflict = at
						}
					}
					if conflict == "" || conflict == "/f/large" || there["/f/large"] != "another" || there["/f/small"] != "small" ||
						there["/g/inside"] != "inside" || there["/later"] != "later" || len(there) != 5 {
						t.Errorf("there is %v", sizes(there))
					}
				}
				back(t, s)
				other := h.device(2, "desk").open()
				back(t, other)
				h.close(other)

				store.off.Store(true)
				if restart {
					second = h.beside(s, store)
				}
				flush(t, second)
				h.close(second)
				h.close(s)
				h = h.device(3, "fresh")
				s = h.open()
				second = h.beside(s, store)
				back(t, s)
				for path, body := range all {
					if path != "/g/inside" {
						path = path[2:]
					}
					if got := get(t, second, path); !bytes.Equal(got, body) {
						t.Errorf("%s holds %d bytes in the second space", path, len(got))
					}
				}
				h.close(second)
				h.close(s)
			})
		})
	}
}

// TestJournalBounded: while the remote of one space is away, the journal does not keep what other spaces have
// committed.
func TestJournalBounded(t *testing.T) {
	h := newHome(t, mem.New())
	h.options.CompactFrom = 1 << 20
	s := h.open()
	far := &switched{Store: mem.New()}
	second := h.beside(s, far)
	put(t, second, "/before", []byte("before"))
	flush(t, second)
	far.off.Store(true)
	for i := range 40 {
		put(t, second, fmt.Sprint("/", i), fmt.Append(nil, "waits ", i))
		put(t, s, "/a", bytes.Repeat([]byte{byte(i)}, content.SmallLimit))
		flush(t, s)
	}
	size := func() (n int64) {
		files, err := os.ReadDir(filepath.Join(h.options.Dir, "journal"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			info, err := f.Info()
			if err != nil {
				t.Fatal(err)
			}
			n += info.Size()
		}
		return n
	}
	if n := size(); n > 8<<20 {
		t.Errorf("the journal takes %d bytes", n)
	}
	look := func() {
		t.Helper()
		for i := range 40 {
			if got := get(t, second, fmt.Sprint("/", i)); string(got) != fmt.Sprint("waits ", i) {
				t.Errorf("file %d holds %q", i, got)
			}
		}
	}
	look()
	h.close(second)
	h.close(s)
	s = h.open()
	second, err := s.Home().Open(t.Context(), space.Options{Store: far, Keys: secondKeys(h.account)})
	if err != nil {
		t.Fatal(err)
	}
	look()
	far.off.Store(false)
	flush(t, second)
	look()
	h.close(second)
	h.close(s)
}

// TestStagingShared: a space whose remote is away fills its part of the staging area, also over a restart, and not that
// of the own space.
func TestStagingShared(t *testing.T) {
	h := newHome(t, mem.New())
	h.options.StagingLimit, h.options.Patience = 64<<20, -1
	s := h.open()
	far := &switched{Store: mem.New()}
	second := h.beside(s, far)
	flush(t, second)
	far.off.Store(true)
	large, n := noise(3, 2<<20), 0
	fill := func(want int) {
		t.Helper()
		before := n
		for {
			err := tryPut(t.Context(), second, fmt.Sprint("/", n), large)
			if errors.Is(err, vfs.ErrFull) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n-before != want {
			t.Errorf("it took %d files instead of %d", n-before, want)
		}
		put(t, s, "/own", large)
		flush(t, s)
	}
	fill(6) // a blob under way takes 5 MiB until its size is known
	for range 2 {
		h.close(second)
		var err error
		if second, err = s.Home().Open(t.Context(), space.Options{Store: far, Keys: secondKeys(h.account)}); err != nil {
			t.Fatal(err)
		}
		fill(0)
	}
	far.off.Store(false)
	flush(t, second)
	far.off.Store(true)
	fill(6) // a blob under way takes 5 MiB until its size is known
	h.close(second)
	h.close(s)
}
