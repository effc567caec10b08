package versions

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"postern/vfs"
	"postern/vfs/layout"
	"postern/vfs/vfstest"
)

// story is a drive with kept states, each a minute after the one before.
type story struct {
	*vfstest.Model
	t      *testing.T
	states int
}

func newStory(t *testing.T) *story {
	s := &story{Model: vfstest.NewModel(vfstest.ModelOptions{}), t: t}
	s.must(s.Root("history"))
	return s
}

func (s *story) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *story) put(path, data string) {
	s.t.Helper()
	up, err := s.Create(s.t.Context(), path)
	s.must(err)
	_, err = up.Write([]byte(data))
	s.must(err)
	_, _, err = up.Commit(s.t.Context(), vfs.CommitOptions{})
	s.must(err)
}

func state(n int) string {
	return layout.StateName(time.Date(2026, 11, 20, 9, n, 0, 0, time.UTC))
}

// keep adds the current files to the history.
func (s *story) keep() {
	s.t.Helper()
	_, err := s.Copy(s.t.Context(), layout.Files, layout.InState(state(s.states), ""), vfs.CopyOptions{})
	s.must(err)
	s.states++
}

func (s *story) find(path string, o Options) Found {
	s.t.Helper()
	found, err := Of(s.t.Context(), s, path, o)
	s.must(err)
	return found
}

func statesOf(found Found) (names []string) {
	for _, v := range found.Versions {
		names = append(names, v.State)
	}
	return names
}

func TestOf(t *testing.T) {
	s := newStory(t)
	s.keep() // 0: empty
	s.put("/files/a", "one")
	s.keep() // 1
	s.keep() // 2: the same
	s.put("/files/a", "two, longer")
	s.keep() // 3
	s.must(s.Remove(t.Context(), "/files/a", nil))
	s.keep() // 4: gone

	gone := s.find("/files/a", Options{})
	if gone.Exists || !gone.Looked || gone.Older != "" || !slices.Equal(statesOf(gone), []string{state(3), state(2)}) {
		t.Errorf("of what is gone: %+v", gone)
	}
	if v := gone.Versions[0]; v.Path != "/history/"+state(3)+"/a" || v.Info.Size != int64(len("two, longer")) {
		t.Errorf("the newest is %+v", v)
	}
	s.put("/files/a", "three")
	if now := s.find("/files/a", Options{}); !now.Exists || now.Now.Size != 5 ||
		!slices.Equal(statesOf(now), []string{state(3), state(2)}) {
		t.Errorf("of what came again: %+v", now)
	}
	if all := s.find(layout.Files, Options{}); !slices.Equal(statesOf(all),
		[]string{state(4), state(3), state(2), state(0)}) {
		t.Errorf("of all files: %q", statesOf(all))
	}
	_, err := Of(t.Context(), s, "/files/never", Options{})
	if !errors.Is(err, vfs.ErrNotExist) {
		t.Errorf("of what never was: %v", err)
	}
	if _, err = Of(t.Context(), s, "/shared/x", Options{}); !errors.Is(err, vfs.ErrInvalid) {
		t.Errorf("of what has no history: %v", err)
	}
}

func TestWithoutHistory(t *testing.T) {
	m := vfstest.NewModel(vfstest.ModelOptions{})
	if found, err := Of(t.Context(), m, layout.Files, Options{}); err != nil || found.Looked || !found.Exists {
		t.Errorf("%+v, %v", found, err)
	}
}

func TestFailures(t *testing.T) {
	broken := errors.New("broken")
	for _, op := range []string{"stat", "list"} {
		m := vfstest.NewModel(vfstest.ModelOptions{Fail: func(at, _ string) error {
			if at == op {
				return broken
			}
			return nil
		}})
		if _, err := Of(t.Context(), m, "/files/a", Options{}); !errors.Is(err, broken) {
			t.Errorf("%s fails: %v", op, err)
		}
	}
}

func TestStates(t *testing.T) {
	s := newStory(t)
	s.keep()
	s.must(s.Mkdir(t.Context(), "/history/by hand", nil))
	s.put("/history/file", "no state")
	var names []string
	for info, err := range States(t.Context(), s) {
		s.must(err)
		names = append(names, info.Name)
		if at, ok := layout.StateTime(info.Name); ok && !info.Modified.Equal(at) {
			t.Errorf("%s was so at %v", info.Name, info.Modified)
		}
	}
	if !slices.Equal(names, []string{state(0), "by hand"}) {
		t.Errorf("the states are %q", names)
	}
}

// TestParts checks that a search finds the same, however it is cut into parts and whatever its concurrency.
func TestParts(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newStory(t)
		for i := range rapid.IntRange(0, 12).Draw(rt, "states") {
			switch rapid.IntRange(0, 2).Draw(rt, "change") {
			case 0:
				s.put("/files/a", fmt.Sprint(i))
			case 1:
				_ = s.Remove(t.Context(), "/files/a", nil) // it may be missing
			}
			s.keep()
		}
		s.put("/files/a", "now")
		want := statesOf(s.find("/files/a", Options{}))
		if rapid.Bool().Draw(rt, "gone") {
			s.must(s.Remove(context.Background(), "/files/a", nil))
			s.put("/files/a", "again")
		}
		var got []string
		o := Options{Most: rapid.IntRange(1, 5).Draw(rt, "most"), AtOnce: rapid.IntRange(0, 4).Draw(rt, "at once")}
		o.Enough = func() bool { return rapid.Bool().Draw(rt, "enough") }
		for parts := 0; ; parts++ {
			found := s.find("/files/a", o)
			got = append(got, statesOf(found)...)
			if o.Before = found.Older; o.Before == "" {
				break
			}
			if parts > 20 {
				rt.Fatal("the search does not end")
			}
		}
		if !slices.Equal(got, want) {
			rt.Fatalf("found %q in parts, %q at once", got, want)
		}
	})
}
