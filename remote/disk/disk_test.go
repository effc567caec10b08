package disk_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/crypto"
	"postern/remote"
	"postern/remote/disk"
)

// open opens a store that is closed with the test.
func open(t testing.TB, folder string, o disk.Options) *disk.Store {
	t.Helper()
	s, err := disk.Open(folder, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// put stores some bytes.
func put(t testing.TB, s remote.Store, data []byte) crypto.BlobName {
	t.Helper()
	name := crypto.NameOf(data)
	if err := s.Put(t.Context(), name, remote.BytesBody(data)); err != nil {
		t.Fatal(err)
	}
	return name
}

// path returns the path of a blob of a store.
func path(folder string, name crypto.BlobName) string {
	return filepath.Join(folder, "blobs", name.String()[:2], name.String())
}

func TestOpenRefuses(t *testing.T) {
	for _, c := range []struct {
		what string
		make func(t *testing.T, folder string)
		kind error
		says string
	}{
		{"something else", func(t *testing.T, f string) { write(t, filepath.Join(f, "thesis.odt"), "x") }, remote.ErrForeign,
			"thesis.odt"},
		{"a folder of something else", func(t *testing.T, f string) { mkdir(t, filepath.Join(f, "blobs")) },
			remote.ErrForeign, "blobs"},
		{"a newer format", func(t *testing.T, f string) { write(t, filepath.Join(f, "postern-store"), "postern-store 2\n") },
			remote.ErrForeign, "install a newer one"},
		{"an empty marker", func(t *testing.T, f string) { write(t, filepath.Join(f, "postern-store"), "") },
			remote.ErrCorrupt, "is damaged"},
		{"a marker of zeros", func(t *testing.T, f string) { write(t, filepath.Join(f, "postern-store"), "\x00\x00\x00") },
			remote.ErrCorrupt, "is damaged"},
		{"an endless marker", func(t *testing.T, f string) {
			write(t, filepath.Join(f, "postern-store"),
				strings.Repeat("x", 1<<16))
		}, remote.ErrCorrupt, "is damaged"},
		{"a file", func(t *testing.T, f string) { remove(t, f); write(t, f, "x") }, remote.ErrRefused, "not a directory"},
		{"a folder for a marker", func(t *testing.T, f string) { mkdir(t, filepath.Join(f, "postern-store")) },
			remote.ErrRefused, "postern-store"},
	} {
		t.Run(c.what, func(t *testing.T) {
			folder := t.TempDir()
			c.make(t, folder)
			s, err := disk.Open(folder, disk.Options{})
			if err == nil {
				_ = s.Close()
			}
			if remote.KindOf(err) != c.kind || !strings.Contains(fmt.Sprint(err), c.says) {
				t.Fatalf("%v, it should be %q and name %q", err, c.kind, c.says)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("it is not one sentence: %q", err)
			}
		})
	}
	if _, err := disk.Open("", disk.Options{}); remote.KindOf(err) != remote.ErrRefused {
		t.Errorf("no folder: %v", err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func mkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

// TestOpenUnreadable needs a user whom permissions bind.
func TestOpenUnreadable(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("permissions do not bind root")
	}
	folder := t.TempDir()
	if err := os.Chmod(folder, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := disk.Open(folder, disk.Options{}); remote.KindOf(err) != remote.ErrRefused ||
		!strings.Contains(err.Error(), "permission denied") {
		t.Fatal(err)
	}
}

// TestOpenEmpty opens folders that count as empty.
func TestOpenEmpty(t *testing.T) {
	fresh := t.TempDir()
	mkdir(t, filepath.Join(fresh, "lost+found"))
	write(t, filepath.Join(fresh, ".DS_Store"), "x")
	write(t, filepath.Join(fresh, ".postern-store-new-123"), "poste") // of a process that was killed
	for _, folder := range []string{fresh, filepath.Join(t.TempDir(), "a", "b", "c")} {
		name := put(t, open(t, folder, disk.Options{}), []byte("sealed"))
		if _, err := open(t, folder, disk.Options{}).Get(t.Context(), name); err != nil {
			t.Error(err)
		}
	}
}

// TestModes checks that no other user of the machine has access.
func TestModes(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "store")
	s := open(t, folder, disk.Options{})
	put(t, s, []byte("sealed"))
	if err := s.Swap(t.Context(), crypto.PointerHash{}, writerKey.Sign(1, crypto.PointerValue{})); err != nil {
		t.Fatal(err)
	}
	files := 0
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		files++
		return nil
	})
	if err != nil || files < 10 {
		t.Errorf("%d files, %v", files, err)
	}
}

func TestLinked(t *testing.T) {
	ctx := t.Context()
	top := t.TempDir()
	folder := filepath.Join(top, "store")
	s := open(t, folder, disk.Options{})
	staged := filepath.Join(top, "staged")
	data := bytes.Repeat([]byte("sealed"), 1000)
	name := crypto.NameOf(data)
	write(t, staged, string(data))
	for range 2 { // the second time it is there
		if err := s.Put(ctx, name, linkable{staged}); err != nil {
			t.Fatal(err)
		}
	}
	a, errA := os.Stat(staged)
	b, errB := os.Stat(path(folder, name))
	if err := errors.Join(errA, errB); err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(a, b) {
		t.Error("it was copied")
	}
	remove(t, staged)
	if got, err := s.Get(ctx, name); err != nil || !bytes.Equal(got, data) {
		t.Errorf("once staging let go of it: %d bytes, %v", len(got), err)
	}
}

// unlinkable is a Linker on another filesystem.
type unlinkable struct{ linkable }

func (unlinkable) LinkTo(string) error { return errors.New("invalid cross-device link") }

func TestLinkFails(t *testing.T) {
	ctx := t.Context()
	staged := filepath.Join(t.TempDir(), "staged")
	data := bytes.Repeat([]byte("sealed"), 1000)
	name := crypto.NameOf(data)
	write(t, staged, string(data))
	s := open(t, t.TempDir(), disk.Options{})
	if err := s.Put(ctx, name, unlinkable{linkable{staged}}); err != nil {
		t.Fatal(err)
	}
	remove(t, staged)
	if got, err := s.Get(ctx, name); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	gone := crypto.NameOf([]byte("gone"))
	if err := s.Put(ctx, gone, linkable{staged}); err == nil {
		t.Error("a staged file that is gone was put")
	}
	if _, err := s.Stat(ctx, gone); !errors.Is(err, remote.ErrNotFound) {
		t.Error(err)
	}
}

// TestDamagedBlobIsReplaced: a blob that a disk cut short can be put again, though its file exists.
func TestDamagedBlobIsReplaced(t *testing.T) {
	ctx := t.Context()
	folder := t.TempDir()
	s := open(t, folder, disk.Options{})
	data := bytes.Repeat([]byte("sealed"), 1000)
	name := put(t, s, data)
	if _, err := s.Get(ctx, name); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path(folder, name), 17); err != nil {
		t.Fatal(err)
	}
	if err := s.GetRange(ctx, name, 0, make([]byte, 100)); !errors.Is(err, remote.ErrCorrupt) {
		t.Errorf("a range that isn't there any more: %v", err)
	}
	put(t, s, data)
	if got, err := s.Get(ctx, name); err != nil || !bytes.Equal(got, data) {
		t.Errorf("after it was put again: %d bytes, %v", len(got), err)
	}
	// A wrong body must not change a good blob.
	if err := s.Put(ctx, name, remote.BytesBody("something else")); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Get(ctx, name); err != nil || !bytes.Equal(got, data) {
		t.Errorf("after a body of another size: %d bytes, %v", len(got), err)
	}
}

// TestGone: a disk that was taken away is not an empty one.
func TestGone(t *testing.T) {
	ctx := t.Context()
	top := t.TempDir()
	folder := filepath.Join(top, "store")
	s := open(t, folder, disk.Options{OpenFiles: -1})
	name := put(t, s, []byte("sealed"))
	if err := os.Rename(folder, filepath.Join(top, "elsewhere")); err != nil {
		t.Fatal(err)
	}
	mkdir(t, folder) // its mount point
	data := []byte("more")
	_, getErr := s.Get(ctx, name)
	_, statErr := s.Stat(ctx, name)
	_, loadErr := s.Load(ctx, writerKey.ID())
	var listErr error
	for _, err := range s.List(ctx) {
		listErr = err
	}
	for what, err := range map[string]error{
		"get": getErr, "stat": statErr, "load": loadErr, "list": listErr,
		"put":    s.Put(ctx, crypto.NameOf(data), remote.BytesBody(data)),
		"delete": s.Delete(ctx, name),
		"swap":   s.Swap(ctx, crypto.PointerHash{}, writerKey.Sign(1, crypto.PointerValue{})),
	} {
		if remote.KindOf(err) != remote.ErrUnavailable || !strings.Contains(err.Error(), "disk") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("something was written where the disk was mounted: %v, %v", left, err)
	}
	remove(t, folder)
	if err := os.Rename(filepath.Join(top, "elsewhere"), folder); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(ctx, name); err != nil {
		t.Errorf("once it is back: %v", err)
	}
}

// TestPutBack: a handle continues to work after its store was restored from a copy without the handle's own files.
func TestPutBack(t *testing.T) {
	for _, missing := range []string{"tmp/*", "tmp", "locks", "blobs/*", "pointers/*"} {
		folder := t.TempDir()
		s := open(t, folder, disk.Options{})
		before := put(t, s, []byte("before"))
		if err := s.Swap(t.Context(), crypto.PointerHash{}, writerKey.Sign(1, crypto.PointerValue{})); err != nil {
			t.Fatal(err)
		}
		gone, err := filepath.Glob(filepath.Join(folder, missing))
		if err != nil || len(gone) == 0 {
			t.Fatal(gone, err)
		}
		for _, path := range gone {
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
		}
		_, err = s.Load(t.Context(), writerKey.ID())
		if missing == "pointers/*" {
			if !errors.Is(err, remote.ErrNotFound) {
				t.Errorf("%s: %v", missing, err)
			}
		} else if err != nil {
			t.Errorf("%s: %v", missing, err)
		}
		put(t, s, []byte("before")) // in the same shard
		put(t, s, []byte("after"))
		if got, err := s.Get(t.Context(), before); err != nil || string(got) != "before" {
			t.Errorf("%s: %q, %v", missing, got, err)
		}
		if err := s.Swap(t.Context(), crypto.PointerHash{1},
			writerKey.Sign(2, crypto.PointerValue{})); !errors.Is(err, remote.ErrConflict) {
			t.Errorf("%s: %v", missing, err)
		}
		if missing == "pointers/*" {
			err = s.Swap(t.Context(), crypto.PointerHash{}, writerKey.Sign(2, crypto.PointerValue{}))
		} else {
			p, _ := s.Load(t.Context(), writerKey.ID())
			err = s.Swap(t.Context(), p.Hash(), writerKey.Sign(2, crypto.PointerValue{}))
		}
		if err != nil {
			t.Errorf("%s: %v", missing, err)
		}
	}
}

// TestExisting: with Options.Existing no folder becomes a store, and an existing store opens.
func TestExisting(t *testing.T) {
	folder := t.TempDir()
	missing, empty, stick, foreign := filepath.Join(folder, "missing"), filepath.Join(folder,
		"empty"), filepath.Join(folder, "stick"), filepath.Join(folder, "foreign")
	for _, path := range []string{empty, stick, filepath.Join(stick, "lost+found"), foreign} {
		mkdir(t, path)
	}
	write(t, filepath.Join(foreign, "letter.txt"), "Dear Bob,")
	for path, want := range map[string]error{missing: disk.ErrNoStore, empty: disk.ErrNoStore, stick: disk.ErrNoStore,
		foreign: remote.ErrForeign} {
		before, _ := os.ReadDir(path)
		if _, err := disk.Open(path, disk.Options{Existing: true}); !errors.Is(err, want) {
			t.Errorf("%s: %v", path, err)
		}
		if after, _ := os.ReadDir(path); len(after) != len(before) {
			t.Errorf("%s now holds %v", path, after)
		}
	}
	if _, err := os.Lstat(missing); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the missing folder was made: %v", err)
	}
	if err := open(t, empty, disk.Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	if err := open(t, empty, disk.Options{Existing: true}).Close(); err != nil {
		t.Fatal(err)
	}
}

// TestStrangers: foreign entries in the store's folders are skipped; they are neither opened nor followed.
func TestStrangers(t *testing.T) {
	ctx := t.Context()
	folder := t.TempDir()
	s := open(t, folder, disk.Options{})
	name := put(t, s, []byte("sealed"))
	shard := filepath.Dir(path(folder, name))
	other := crypto.NameOf([]byte("other"))
	write(t, filepath.Join(shard, "notes.txt"), "x")
	write(t, filepath.Join(shard, strings.ToUpper(name.String())), "x")
	write(t, filepath.Join(folder, "blobs", "stray"), "x")
	mkdir(t, filepath.Join(folder, "blobs", "zz"))
	mkdir(t, filepath.Join(shard, strings.Repeat(name.String()[:2], 32)))
	wrongShard := filepath.Join(folder, "blobs", fmt.Sprintf("%02x", other[0]^0xFF))
	mkdir(t, wrongShard)
	write(t, filepath.Join(wrongShard, other.String()), "other")
	var listed []crypto.BlobName
	for info, err := range s.List(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		listed = append(listed, info.Name)
	}
	if len(listed) != 1 || listed[0] != name {
		t.Errorf("listed: %v", listed)
	}
	mkdir(t, filepath.Dir(path(folder, other)))
	if err := os.Symlink(path(folder, name), path(folder, other)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(ctx, other); remote.KindOf(err) != remote.ErrRefused {
		t.Errorf("a symbolic link: %v", err)
	}
	dir := crypto.BlobName(bytes.Repeat(name[:1], 32))
	if _, err := s.Get(ctx, dir); remote.KindOf(err) != remote.ErrRefused {
		t.Errorf("a folder: %v", err)
	}
}

func TestDamagedPointer(t *testing.T) {
	ctx := t.Context()
	folder := t.TempDir()
	s := open(t, folder, disk.Options{})
	one := writerKey.Sign(1, crypto.PointerValue{1})
	if err := s.Swap(ctx, crypto.PointerHash{}, one); err != nil {
		t.Fatal(err)
	}
	id := writerKey.ID().String()
	file := filepath.Join(folder, "pointers", id[:2], id)
	strange := crypto.NewWriterKey([32]byte{1}).Sign(1, crypto.PointerValue{1}).Marshal()
	for what, bad := range map[string][]byte{
		"empty": nil, "cut": one.Marshal()[:100], "longer": append(one.Marshal(), 0), "zeros": make([]byte, len(strange)),
		"another's": strange,
	} {
		write(t, file, string(bad))
		_, err := s.Load(ctx, writerKey.ID())
		swapErr := s.Swap(ctx, one.Hash(), writerKey.Sign(2, crypto.PointerValue{2}))
		for _, err := range []error{err, swapErr} {
			if remote.KindOf(err) != remote.ErrCorrupt || !strings.Contains(err.Error(), file) {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
}

// TestSweep: a sweep removes the leftovers of dead handles and nothing of living ones.
func TestSweep(t *testing.T) {
	folder := t.TempDir()
	first := open(t, folder, disk.Options{})
	tmp := filepath.Join(folder, "tmp")
	mkdir(t, filepath.Join(tmp, "session-dead"))
	write(t, filepath.Join(tmp, "session-dead", "123"), "half a blob")
	write(t, filepath.Join(tmp, "session-dead.lock"), "")
	mkdir(t, filepath.Join(tmp, "session-withoutlock"))
	write(t, filepath.Join(tmp, "session-lockonly.lock"), "")
	write(t, filepath.Join(tmp, "stray"), "x")
	second := open(t, folder, disk.Options{})
	left, err := os.ReadDir(tmp)
	if err != nil || len(left) != 5 {
		t.Errorf("left: %v, %v", left, err)
	}
	for _, s := range []*disk.Store{first, second} {
		put(t, s, fmt.Append(nil, "sealed by ", fmt.Sprintf("%p", s)))
	}
	for _, s := range []*disk.Store{first, second} {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) != 1 || left[0].Name() != "stray" {
		t.Errorf("left after all were closed: %v, %v", left, err)
	}
}

func TestSpace(t *testing.T) {
	s := open(t, t.TempDir(), disk.Options{})
	space, err := s.Space(t.Context())
	if err != nil || space.Used <= 0 || space.Free < 0 {
		t.Errorf("%+v, %v", space, err)
	}
}

// TestWaitingForALockEnds: waiting for another's swap ends with the context.
func TestWaitingForALockEnds(t *testing.T) {
	folder := t.TempDir()
	s := open(t, folder, disk.Options{})
	release := holdLock(t, filepath.Join(folder, "locks", writerKey.ID().String()[:2]))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Swap(ctx, crypto.PointerHash{}, writerKey.Sign(1, crypto.PointerValue{})) }()
	cancel()
	if err := <-ended; remote.KindOf(err) != remote.ErrUnavailable || !errors.Is(err, context.Canceled) {
		t.Errorf("a swap that waits: %v", err)
	}
	release()
	if err := s.Swap(t.Context(), crypto.PointerHash{}, writerKey.Sign(1, crypto.PointerValue{})); err != nil {
		t.Errorf("once the lock is free: %v", err)
	}
}
