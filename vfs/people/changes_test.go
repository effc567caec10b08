package people_test

import (
	"testing"
	"time"
)

// TestChanges: both sides see who changed a shared file; nobody else's files have other authors.
func TestChanges(t *testing.T) {
	w := users(t, "alice", "bob")
	alice, bob := w.users["alice"], w.users["bob"]
	w.befriend("alice", "bob")
	bob.mkdir("/files/photos")
	bob.puts("/files/photos/a", "bob")
	w.look()
	_, err := bob.people.Share(t.Context(), "/files/photos", []string{"alice"}, true)
	bob.does(err)
	w.look()
	later := func(u *user, path, text string) {
		w.pass(5 * time.Second)
		u.does(u.put(path, text))
		w.look()
	}
	later(alice, "/shared/bob/photos/a", "alice")
	later(bob, "/files/photos/a", "bob again")
	later(bob, "/files/own", "bob")
	for u, path := range map[*user]string{alice: "/shared/bob/photos/a", bob: "/files/photos/a"} {
		all, err := u.people.Changes(t.Context(), path)
		u.does(err)
		if len(all) != 2 || all[0].By != "bob" || all[1].By != "alice" || all[0].Mine != (u == bob) || all[0].Size != 9 ||
			!all[0].At.After(all[1].At) {
			t.Errorf("%s sees %+v", u.name, all)
		}
	}
	for path, u := range map[string]*user{"/files/own": bob, "/files": bob, "/shared": alice, "/shared/bob": alice} {
		if all, err := u.people.Changes(t.Context(), path); err != nil || len(all) != 0 {
			t.Errorf("%s: %+v, %v", path, all, err)
		}
	}
	if all, err := alice.people.Changes(t.Context(), "/shared/bob/none/x"); err != nil || len(all) != 0 {
		t.Errorf("what is not there has changed: %+v", all)
	}
}
