package people_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"postern/vfs/people"
)

// friends makes a world in which the first user is a friend of all others.
func friends(t *testing.T, names ...string) *world {
	t.Helper()
	w := users(t, names...)
	for _, name := range names[1:] {
		w.users[names[0]].does(people.Befriend(t.Context(), w.users[names[0]].people, w.users[name].people))
	}
	return w
}

// TestRemainingWriter: a writer who is away while another friend is removed goes on in the new space. What he wrote
// meanwhile lands there, at the same paths.
func TestRemainingWriter(t *testing.T) {
	w := friends(t, "bob", "alice", "carol")
	bob, alice, carol := w.users["bob"], w.users["alice"], w.users["carol"]
	bob.mkdir("/files/photos")
	bob.mkdir("/files/photos/sub")
	bob.puts("/files/photos/old.txt", "old")
	bob.puts("/files/photos/both.txt", "first")
	bob.puts("/files/photos/sub/gone.txt", "gone")
	bob.shares("/files/photos", true, "alice", "carol")
	w.look()
	carol.has("/shared/bob/photos/old.txt", "old")
	alice.has("/shared/bob/photos/old.txt", "old")
	// Alice's changes are recorded, and not committed when Bob closes the space.
	alice.puts("/shared/bob/photos/old.txt", "of Alice")
	alice.puts("/shared/bob/photos/both.txt", "of Alice")
	alice.puts("/shared/bob/photos/new.txt", "new")
	alice.mkdir("/shared/bob/photos/made")
	alice.puts("/shared/bob/photos/made/deep.txt", strings.Repeat("deep", 10_000))
	alice.does(alice.drive.Remove(t.Context(), "/shared/bob/photos/sub", nil))
	bob.unshare("/files/photos", "carol")
	bob.puts("/files/photos/both.txt", "of Bob")
	w.settle()
	for _, u := range []*user{bob, alice} {
		at := map[*user]string{bob: "/files/photos", alice: "/shared/bob/photos"}[u]
		u.has(at+"/old.txt", "of Alice")
		u.has(at+"/new.txt", "new")
		u.has(at+"/made/deep.txt", strings.Repeat("deep", 10_000))
		u.lacks(at + "/sub")
		texts := map[string]bool{}
		for info, err := range u.drive.List(t.Context(), at) {
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(info.Name, "both") {
				text, _ := u.get(at + "/" + info.Name)
				texts[text] = true
			}
		}
		if !texts["of Bob"] || !texts["of Alice"] || len(texts) != 2 {
			t.Errorf("%s has of both.txt %v", u.name, texts)
		}
	}
	carol.lacks("/shared/bob/photos")
	alice.lacks("/files/Found")
}

// TestRemovedWriter: what a removed writer had not committed never lands, and is kept in a folder of his own.
func TestRemovedWriter(t *testing.T) {
	w := friends(t, "bob", "alice")
	bob, alice := w.users["bob"], w.users["alice"]
	bob.mkdir("/files/photos")
	bob.puts("/files/photos/old.txt", "old")
	bob.shares("/files/photos", true, "alice")
	w.look()
	alice.puts("/shared/bob/photos/landed.txt", "landed")
	w.look()
	alice.puts("/shared/bob/photos/old.txt", "changed")
	alice.puts("/shared/bob/photos/new.txt", "new")
	bob.unshare("/files/photos")
	alice.close() // and it is there after a start, too
	alice.open()
	w.settle()
	alice.lacks("/shared/bob/photos")
	alice.has("/files/Found/photos of bob/old.txt", "changed")
	alice.has("/files/Found/photos of bob/new.txt", "new")
	alice.lacks("/files/Found/photos of bob/landed.txt")
	bob.has("/files/photos/landed.txt", "landed")
	bob.has("/files/photos/old.txt", "old")
	bob.lacks("/files/photos/new.txt")
	// Shared again, the folder is another one: nothing comes back.
	bob.shares("/files/photos", true, "alice")
	w.settle()
	alice.has("/shared/bob/photos/old.txt", "old")
	alice.lacks("/shared/bob/photos/new.txt")
}

// settle makes all gateways reconcile until nothing waits. A withdrawn space can't be flushed before its changes are
// brought elsewhere.
func (w *world) settle() {
	w.t.Helper()
	for range 3 {
		for _, u := range w.users {
			for range 3 {
				u.own.Home().Poller().Look(w.t.Context())
			}
			u.does(u.people.Sync(w.t.Context()))
		}
	}
	w.look()
}

// TestSharedWithin: a folder that is shared within a shared one moves along, and is written by those who may write
// around it.
func TestSharedWithin(t *testing.T) {
	w := friends(t, "bob", "alice", "carol", "dave")
	bob, alice, carol, dave := w.users["bob"], w.users["alice"], w.users["carol"], w.users["dave"]
	bob.mkdir("/files/work")
	bob.mkdir("/files/work/in")
	bob.puts("/files/work/in/a.txt", "a")
	bob.shares("/files/work", true, "alice", "carol")
	bob.shares("/files/work/in", false, "dave")
	w.look()
	alice.puts("/shared/bob/work/in/b.txt", "of Alice")
	w.look()
	dave.has("/shared/bob/in/b.txt", "of Alice")
	inner := alice.opened["/in"]
	alice.puts("/shared/bob/work/in/late.txt", "late")
	bob.unshare("/files/work", "carol")
	bob.puts("/files/work/in/c.txt", "c")
	w.settle()
	bob.has("/files/work/in/late.txt", "late")
	for _, path := range []string{"/a.txt", "/b.txt", "/late.txt", "/c.txt"} {
		if _, err := alice.get("/shared/bob/work/in" + path); err != nil {
			t.Error(err)
		}
		if _, err := dave.get("/shared/bob/in" + path); err != nil {
			t.Error(err)
		}
	}
	if alice.opened["/in"] == inner {
		t.Error("the inner folder has not moved")
	}
	alice.puts("/shared/bob/work/in/again.txt", "again")
	w.look()
	bob.has("/files/work/in/again.txt", "again")
	carol.lacks("/shared/bob/work")
	var refusal *people.Error
	bob.shares("/files/work/in", false, "alice")
	if _, err := bob.people.Unshare(t.Context(), "/files/work/in", []string{"alice"}); !errors.As(err, &refusal) {
		t.Errorf("who reads the folder around it is removed: %v", err)
	}
}

// TestTwoDevices: two devices of the owner take a folder back at once, and one of them was away with changes.
func TestTwoDevices(t *testing.T) {
	w := friends(t, "bob", "alice", "carol")
	bob, alice, carol := w.users["bob"], w.users["alice"], w.users["carol"]
	bob.mkdir("/files/photos")
	bob.puts("/files/photos/a.txt", "a")
	bob.shares("/files/photos", true, "alice", "carol")
	w.look()
	other := bob.another()
	other.has("/files/photos/a.txt", "a")
	other.puts("/files/photos/other.txt", "of the other")
	if _, err := bob.people.Unshare(t.Context(), "/files/photos", []string{"carol"}); err != nil {
		t.Fatal(err)
	}
	bob.puts("/files/photos/b.txt", "b")
	if _, err := other.people.Unshare(t.Context(), "/files/photos", []string{"carol"}); err != nil {
		t.Fatal(err)
	}
	w.settle()
	for _, u := range []*user{bob, other} {
		u.has("/files/photos/a.txt", "a")
		u.has("/files/photos/b.txt", "b")
		u.has("/files/photos/other.txt", "of the other")
		names := ""
		for info, err := range u.drive.List(t.Context(), "/files") {
			names += fmt.Sprint(info.Name, err, " ")
		}
		if names != "photos<nil> " {
			t.Error(names)
		}
		if mine := u.people.Mine(); len(mine) != 1 || len(mine[0].With) != 1 || mine[0].With[0].To != "alice" {
			t.Errorf("%+v", mine)
		}
	}
	alice.has("/shared/bob/photos/other.txt", "of the other")
	carol.lacks("/shared/bob/photos")
}
