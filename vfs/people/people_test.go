package people_test

import (
	"errors"
	"testing"

	"postern/vfs"
)

// TestShare: Bob shares a folder, Alice changes it, and Bob takes it back.
func TestShare(t *testing.T) {
	w := users(t, "alice", "bob")
	alice, bob := w.users["alice"], w.users["bob"]
	w.befriend("bob", "alice")
	bob.does(bob.drive.Mkdir(t.Context(), "/files/photos", nil))
	bob.does(bob.put("/files/photos/a.txt", "of Bob"))
	if _, err := bob.people.Share(t.Context(), "/files/photos", []string{"alice"}, true); err != nil {
		t.Fatal(err)
	}
	bob.has("/files/photos/a.txt", "of Bob")
	w.look()
	alice.has("/shared/bob/photos/a.txt", "of Bob")
	alice.does(alice.put("/shared/bob/photos/b.txt", "of Alice"))
	w.look()
	bob.has("/files/photos/b.txt", "of Alice")
	if _, err := bob.people.Unshare(t.Context(), "/files/photos", nil); err != nil {
		t.Fatal(err)
	}
	bob.does(bob.put("/files/photos/c.txt", "later"))
	w.look()
	alice.lacks("/shared/bob/photos")
	bob.has("/files/photos/a.txt", "of Bob")
	bob.has("/files/photos/b.txt", "of Alice")
	bob.has("/files/photos/c.txt", "later")
}

// TestReadOnlyShare: a folder that is shared to read refuses changes, and names who can change it.
func TestReadOnlyShare(t *testing.T) {
	w := users(t, "alice", "bob")
	alice, bob := w.users["alice"], w.users["bob"]
	w.befriend("bob", "alice")
	bob.does(bob.drive.Mkdir(t.Context(), "/files/photos", nil))
	if _, err := bob.people.Share(t.Context(), "/files/photos", []string{"alice"}, false); err != nil {
		t.Fatal(err)
	}
	w.look()
	if err := alice.put("/shared/bob/photos/b.txt", "of Alice"); !errors.Is(err, vfs.ErrReadOnly) {
		t.Errorf("a change of a read-only folder: %v", err)
	}
	info, err := alice.drive.Stat(t.Context(), "/shared/bob/photos")
	if err != nil || !info.ReadOnly {
		t.Errorf("%+v, %v", info, err)
	}
	for info, err := range alice.drive.List(t.Context(), "/shared/bob") {
		if err != nil || len(info.Properties) > 0 {
			t.Errorf("%+v, %v", info, err)
		}
	}
	alice.does(alice.people.Leave(t.Context(), "/shared/bob/photos"))
	alice.lacks("/shared/bob/photos")
}
