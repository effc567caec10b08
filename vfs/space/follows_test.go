package space_test

import (
	"os"
	"strings"
	"testing"

	"postern/remote"
	"postern/remote/disk"
)

// TestForkedCopies copies a remote, and writes to each copy from another device. A device that meets the other copy,
// which is further ahead, rejects changes and says why; Accept makes it continue.
func TestForkedCopies(t *testing.T) {
	dirs := [2]string{t.TempDir(), t.TempDir()}
	open := func(i int) remote.Store {
		s, err := disk.Open(dirs[i], disk.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	a := newHome(t, open(0))
	b := a.device(2, "desk")
	s := a.open()
	put(t, s, "/both", []byte("both"))
	flush(t, s)
	if err := os.CopyFS(dirs[1], os.DirFS(dirs[0])); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/a1", "/a2", "/a3"} {
		put(t, s, path, []byte(path))
		flush(t, s)
	}
	a.close(s)
	b.options.Store = open(1)
	s = b.open()
	put(t, s, "/b", []byte("b"))
	flush(t, s)
	b.close(s)

	b.options.Store = open(0)
	s = b.open()
	defer func() { b.close(s) }()
	if blocked := s.Status().Blocked; !strings.Contains(blocked, "two copies of it were written to") {
		t.Fatalf("blocked: %q", blocked)
	}
	if err := s.Mkdir(t.Context(), "/new", nil); err == nil {
		t.Error("a change was taken")
	}
	shown, err := b.options.Store.Load(t.Context(), b.account.Writer().ID())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Committer().Accept(t.Context(), shown); err != nil {
		t.Fatal(err)
	}
	if st := s.Status(); st.Blocked != "" {
		t.Errorf("%+v", st)
	}
	if got := get(t, s, "/a3"); string(got) != "/a3" {
		t.Errorf("%q", got)
	}
	put(t, s, "/new", []byte("new"))
	flush(t, s)
}
