package space_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"testing"
	"time"

	"postern/remote"
	"postern/remote/evil"
	"postern/remote/mem"
	"postern/remote/verify"
	"postern/vfs"
	"postern/vfs/space"
)

// loses are the lies after which something is gone that the remote had promised to keep. No gateway can undo that, but
// it must notice, and must never accept anything else instead.
var loses = []evil.Lie{evil.DropPuts, evil.SpoilPuts, evil.FalseSwap}

// unasked are the lies about calls that a drive in daily use never makes: whole blobs, sizes, listings, deletions,
// which pointers have moved, letters and names. ForkedPointer needs two views and has its own test, and so have the
// lies about changes.
var unasked = []evil.Lie{
	evil.FlipGet, evil.Grow, evil.KeepDeleted, evil.DenyStat, evil.ClaimStat, evil.WrongStat, evil.AbsurdStat,
	evil.HideInList, evil.InventList, evil.RepeatList, evil.FalseSpace, evil.ForkedPointer,
	evil.NoID, evil.OtherID, evil.DropLetters, evil.HideLetters, evil.InventLetters, evil.ForgedLetter, evil.AbsurdLetters,
	evil.KeepLetters, evil.ForgedName, evil.StolenName, evil.LoseName, evil.FalseClaim, evil.NoHints,
	evil.HideChanges, evil.OldChanges, evil.ForgedChanges, evil.SecretChanges, evil.EndlessChanges, evil.AbsurdChanges,
	evil.AbsurdCursor,
}

// TestEvil tells every lie during every operation. The only effect may be an error. Once the remote is honest again,
// everything written before is intact, and so is everything acknowledged during the lie, unless the lie was to discard
// it.
func TestEvil(t *testing.T) {
	for _, lie := range evil.Lies() {
		for _, rate := range []float64{0, 0.3} {
			if slices.Contains(unasked, lie) {
				continue
			}
			t.Run(fmt.Sprintf("%v/rate=%v", lie, rate), func(t *testing.T) {
				t.Parallel()
				liar := evil.New(mem.New(), evil.Options{Seed: uint64(lie) + 1, Rate: rate})
				checked := verify.New(liar, &verify.MemoryPins{})
				h := newHome(t, checked)
				h.options.Deadlines.Commit = time.Hour
				newHome(t, checked) // another account's, to be confused with ours
				want := furnish(t, h)

				// One gateway that was open before the lie began and two that start during it.
				before := h.open()
				liar.SetLies(lie)
				answered := use(t, before, want, "before")
				h.close(before)
				for _, when := range []string{"during", "again"} {
					if during, err := space.Open(t.Context(), h.options); err == nil {
						maps.Copy(answered, use(t, during, want, when))
						h.close(during)
					}
				}
				liar.SetLies()
				if rate == 0 && lie != evil.Honest && liar.Told(lie) == 0 {
					t.Error("the lie was never told, so nothing was proved")
				}
				recovered(t, h, lie, want, answered)
			})
		}
	}
}

// furnish makes a small drive with several commits and returns its files.
func furnish(t *testing.T, h *home) map[string][]byte {
	t.Helper()
	s := h.open()
	defer h.close(s)
	want := map[string][]byte{
		"/empty": {}, "/small": []byte("small"), "/folder/large": bytes.Repeat([]byte("a large file "), 100_000),
		"/folder/medium": bytes.Repeat([]byte("medium"), 100_000),
	}
	for i := range 100 {
		want[fmt.Sprintf("/folder/%03d", i)] = fmt.Appendf(nil, "file %d", i)
	}
	if err := s.Mkdir(t.Context(), "/folder", nil); err != nil {
		t.Fatal(err)
	}
	for i, path := range slices.Sorted(maps.Keys(want)) {
		put(t, s, path, want[path])
		if i%40 == 0 {
			if err := s.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	return want
}

// use makes one of every operation and returns the acknowledged files. Reading must return right bytes or an error.
func use(t *testing.T, s *space.Space, want map[string][]byte, prefix string) map[string][]byte {
	t.Helper()
	ctx := t.Context()
	for path, body := range want {
		f, err := s.Open(ctx, path)
		if err != nil {
			expected(t, "open "+path, err)
			continue
		}
		if info := f.Info(); info.Size != int64(len(body)) {
			t.Errorf("%s has %d bytes, not %d", path, info.Size, len(body))
		}
		got, err := io.ReadAll(f)
		if err != nil {
			expected(t, "read "+path, err)
		}
		if !bytes.HasPrefix(body, got) || err == nil && len(got) != len(body) {
			t.Fatalf("%s: wrong bytes were handed out", path)
		}
		_ = f.Close()
	}
	names := 0
	for info, err := range s.List(ctx, "/folder") {
		if err != nil {
			expected(t, "list", err)
			break
		}
		if _, ok := want["/folder/"+info.Name]; !ok {
			t.Fatalf("the listing has %q, which nobody wrote", info.Name)
		}
		names++
	}
	if names > 102 {
		t.Fatalf("the listing has %d entries", names)
	}
	answered := map[string][]byte{}
	for name, size := range map[string]int{"new small": 100, "new large": 1 << 20} {
		path, body := "/"+prefix+" "+name, bytes.Repeat([]byte{byte(size)}, size)
		if err := tryPut(ctx, s, path, body); err != nil {
			expected(t, "put", err)
			continue
		}
		answered[path] = body
	}
	for op, err := range map[string]error{
		"mkdir": s.Mkdir(ctx, "/"+prefix, nil),
		"patch": s.Patch(ctx, "/small", vfs.Patch{Set: []vfs.Property{{Name: vfs.PropertyName{Local: "x"}, Value: "y"}}},
			nil),
		"remove": s.Remove(ctx, "/nothing", nil),
	} {
		if err != nil && !errors.Is(err, vfs.ErrNotExist) && !errors.Is(err, vfs.ErrExist) {
			expected(t, op, err)
		}
	}
	if _, err := s.Copy(ctx, "/folder", "/"+prefix+" copy", vfs.CopyOptions{}); err != nil {
		expected(t, "copy", err)
	}
	if _, err := s.Move(ctx, "/"+prefix+" copy", "/"+prefix+" moved", vfs.CopyOptions{}); err != nil &&
		!errors.Is(err, vfs.ErrNotExist) {
		expected(t, "move", err)
	}
	flush, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	_ = s.Flush(flush) // may fail or succeed: only the result counts
	for range 2 {      // files just written read back correctly, wherever they are now
		for path, body := range answered {
			f, err := s.Open(ctx, path)
			if err != nil {
				expected(t, "open "+path, err)
				continue
			}
			got, err := io.ReadAll(f)
			if !bytes.HasPrefix(body, got) || err == nil && len(got) != len(body) {
				t.Fatalf("%s: wrong bytes were handed out", path)
			}
			_ = f.Close()
		}
	}
	return answered
}

func tryPut(ctx context.Context, s vfs.FS, path string, body []byte) error {
	u, err := s.Create(ctx, path)
	if err != nil {
		return err
	}
	defer u.Abort()
	if _, err := u.Write(body); err != nil {
		return err
	}
	_, _, err = u.Commit(ctx, vfs.CommitOptions{})
	return err
}

// expected checks that an error blames the remote.
func expected(t *testing.T, op string, err error) {
	t.Helper()
	for _, kind := range []error{vfs.ErrCorrupt, vfs.ErrUnavailable, vfs.ErrFull, vfs.ErrReadOnly, remote.ErrCorrupt,
		remote.ErrRollback, remote.ErrFork} {
		if errors.Is(err, kind) {
			return
		}
	}
	t.Errorf("%s: an error of no expected kind: %v", op, err)
}

// recovered opens the drive on the honest remote and checks everything that must be there.
func recovered(t *testing.T, h *home, lie evil.Lie, want, answered map[string][]byte) {
	t.Helper()
	if slices.Contains(loses, lie) {
		return
	}
	s := h.open()
	defer h.close(s)
	if err := s.Flush(t.Context()); err != nil {
		t.Fatalf("flush to the honest remote: %v", err)
	}
	for _, files := range []map[string][]byte{want, answered} {
		for path, body := range files {
			if got := get(t, s, path); !bytes.Equal(got, body) {
				t.Errorf("%s has %d bytes, not the %d that were written", path, len(got), len(body))
			}
		}
	}
}

// TestFork shows two devices different futures. When one of them sees the other's, it reports the fork.
func TestFork(t *testing.T) {
	liar := evil.New(mem.New(), evil.Options{})
	h := newHome(t, verify.New(liar, &verify.MemoryPins{}))
	s := h.open()
	put(t, s, "/shared", []byte("by both"))
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	view := liar.Fork()
	other := h.device(2, "phone")
	other.store = verify.New(view, &verify.MemoryPins{})
	other.options.Store = other.store
	o := other.open()
	put(t, o, "/phone", []byte("phone"))
	put(t, s, "/laptop", []byte("laptop"))
	for _, each := range []*space.Space{s, o} {
		if err := each.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	h.close(s)
	other.close(o)
	liar.SetLies(evil.ForkedPointer)
	s = h.open()
	defer h.close(s)
	if err := tryPut(t.Context(), s, "/more", []byte("more")); !errors.Is(err, vfs.ErrReadOnly) ||
		!errors.Is(err, remote.ErrFork) && !errors.Is(err, remote.ErrRollback) {
		t.Fatalf("the fork was not noticed: %v", err)
	}
}
