package space_test

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"postern/remote/mem"
	"postern/vfs/registry"
	"postern/vfs/space"
)

// copiedHome is one of several copies of a home, with the files written in it that may exist nowhere else.
type copiedHome struct {
	home
	s       *space.Space
	waiting map[string]bool
}

// copyOf copies a home as a backup program does. Open files are copied as a crash would leave them.
func (h *copiedHome) copyOf(t testing.TB) *copiedHome {
	t.Helper()
	c := &copiedHome{home: h.home, waiting: maps.Clone(h.waiting)}
	c.options.Dir = t.TempDir()
	for { // a file that is being replaced may vanish
		err := os.CopyFS(c.options.Dir, os.DirFS(h.options.Dir))
		if err == nil {
			return c
		}
		if !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		c.options.Dir = t.TempDir()
	}
}

// TestCopiedHomes writes in homes that are copied, restored from copies and used side by side, with the remote
// reachable or not. Acknowledged files and notes, unless discarded with a home before they reached the remote, are
// there in the end, once.
func TestCopiedHomes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		away := &switched{Store: mem.New()}
		first := newHome(t, away)
		first.options.Deadlines.Commit = time.Hour // the test commits explicitly
		homes := []*copiedHome{{home: *first, s: first.open(), waiting: map[string]bool{}}}
		defer func() {
			for _, h := range homes {
				h.close(h.s)
			}
		}()
		var backups []*copiedHome
		safe, written := map[string]bool{}, 0
		for range rapid.IntRange(5, 40).Draw(rt, "steps") {
			h := homes[rapid.IntRange(0, len(homes)-1).Draw(rt, "home")]
			switch rapid.SampledFrom([]string{
				"write", "write", "write", "flush", "flush", "restart", "backup", "restore", "restore", "clone", "line",
			}).Draw(rt, "step") {
			case "write":
				written++
				path := fmt.Sprintf("/%03d", written)
				put(t, h.s, path, []byte(path))
				note(t, h.s, noteOf(path, "name", path), noteOf("all", "newest", path))
				h.waiting[path] = true
			case "flush":
				if away.off.Load() {
					continue
				}
				if err := h.s.Flush(t.Context()); err != nil {
					rt.Fatal(err)
				}
				maps.Copy(safe, h.waiting)
				clear(h.waiting)
			case "restart":
				h.close(h.s)
				h.s = h.open()
			case "backup":
				backups = append(backups, h.copyOf(t))
			case "restore":
				if len(backups) == 0 {
					continue
				}
				h.close(h.s)
				c := backups[rapid.IntRange(0, len(backups)-1).Draw(rt, "backup")].copyOf(t)
				h.options.Dir, h.waiting, h.s = c.options.Dir, c.waiting, c.open()
			case "clone":
				if len(homes) < 3 {
					c := h.copyOf(t)
					c.s = c.open()
					homes = append(homes, c)
				}
			case "line":
				away.off.Store(!away.off.Load())
			}
		}
		away.off.Store(false)
		for range 2 { // the second time each sees the changes of all others
			for _, h := range homes {
				if err := h.s.Flush(t.Context()); err != nil {
					rt.Fatal(err)
				}
				if err := h.s.Committer().Look(t.Context()); err != nil {
					rt.Fatal(err)
				}
				maps.Copy(safe, h.waiting)
			}
		}
		for i, h := range homes {
			h.close(h.s)
			h.s = h.open()
			there := bodies(t, h.s)
			if !registry.Equal(h.s.Private(), homes[0].s.Private()) {
				rt.Fatalf("home %d has another private state than the first", i)
			}
			for path := range safe {
				if r, _ := h.s.Private().Get(registry.Friend, path); string(r.Get("name")) != path {
					rt.Fatalf("what was noted of %s is lost in home %d", path, i)
				}
				if there[path] != path {
					rt.Fatalf("%s was written and is lost in home %d, which has %v", path, i, slices.Sorted(maps.Keys(there)))
				}
			}
			for path := range there {
				if strings.Contains(path, "conflict") {
					rt.Fatalf("home %d has %s, of a file that was written once", i, path)
				}
			}
		}
	})
}

// TestCopiedIsTold checks that a user is warned about a restored or copied home, and not about a plain restart.
func TestCopiedIsTold(t *testing.T) {
	first := newHome(t, mem.New())
	h := &copiedHome{home: *first, waiting: map[string]bool{}}
	h.s = h.open()
	put(t, h.s, "/a", []byte("a"))
	backup := h.copyOf(t)
	write := func(h *copiedHome, path string) {
		t.Helper()
		put(t, h.s, path, []byte(path))
		if err := h.s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		write(h, fmt.Sprint("/before", i))
		h.close(h.s)
		h.s = h.open()
	}
	write(h, "/later")
	if at := h.s.Status().Copied; !at.IsZero() {
		t.Errorf("a home that was only started again is taken for a copy")
	}
	h.close(h.s)
	backup.s = backup.open()
	defer func() { backup.close(backup.s) }()
	if at := backup.s.Status().Copied; at.IsZero() {
		t.Errorf("nothing is said of a home that was put back")
	}
	write(backup, "/put back")
	h.s = h.open()
	defer func() { h.close(h.s) }()
	if at := h.s.Status().Copied; at.IsZero() {
		t.Errorf("nothing is said of a copy that is in use")
	}
	want := []string{"/a", "/before0", "/before1", "/before2", "/later", "/put back"}
	if got := slices.Sorted(maps.Keys(bodies(t, h.s))); !slices.Equal(got, want) {
		t.Errorf("there is %v, not %v", got, want)
	}
}
