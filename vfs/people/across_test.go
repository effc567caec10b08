package people_test

import (
	"errors"
	"strings"
	"testing"

	"postern/vfs"
	"postern/vfs/people"
)

// TestBetweenAccounts moves and copies between a friend's folder and the own files, in both directions.
func TestBetweenAccounts(t *testing.T) {
	w := users(t, "alice", "bob")
	alice, bob := w.users["alice"], w.users["bob"]
	if err := people.Befriend(t.Context(), alice.people, bob.people); err != nil {
		t.Fatal(err)
	}
	bob.mkdir("/files/photos")
	bob.mkdir("/files/read")
	bob.puts("/files/photos/a.txt", "of Bob")
	bob.puts("/files/read/r.txt", "of Bob, too")
	for path, write := range map[string]bool{"/files/photos": true, "/files/read": false} {
		bob.shares(path, write, "alice")
	}
	w.look()
	alice.has("/shared/bob/photos/a.txt", "of Bob")
	alice.mkdir("/files/d")
	big := strings.Repeat("of Alice ", 100_000)
	alice.does(alice.put("/files/d/big", big))
	move := func(from, to string) error {
		_, err := alice.drive.Move(t.Context(), from, to, vfs.CopyOptions{})
		return err
	}
	alice.does(move("/shared/bob/photos/a.txt", "/files/d/a.txt"))
	alice.does(move("/files/d", "/shared/bob/photos/d"))
	if _, err := alice.drive.Copy(t.Context(), "/shared/bob/read", "/files/read", vfs.CopyOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := move("/shared/bob/read/r.txt", "/files/r.txt"); !errors.Is(err, vfs.ErrReadOnly) {
		t.Errorf("moved out of a read-only folder: %v", err)
	}
	if err := move("/files/read/r.txt", "/shared/bob/read/s.txt"); !errors.Is(err, vfs.ErrReadOnly) {
		t.Errorf("moved into a read-only folder: %v", err)
	}
	w.look()
	alice.has("/files/read/r.txt", "of Bob, too")
	for _, path := range []string{"/files/d", "/files/r.txt", "/shared/bob/photos/a.txt"} {
		alice.lacks(path)
	}
	bob.has("/files/photos/d/a.txt", "of Bob")
	bob.has("/files/photos/d/big", big)
	bob.lacks("/files/photos/a.txt")
}

// TestBothWrite changes a file in a shared folder at two accounts that have not seen each other's change, as two locks
// at two gateways allow: both versions stay.
func TestBothWrite(t *testing.T) {
	w := users(t, "alice", "bob")
	alice, bob := w.users["alice"], w.users["bob"]
	if err := people.Befriend(t.Context(), alice.people, bob.people); err != nil {
		t.Fatal(err)
	}
	bob.mkdir("/files/photos")
	bob.puts("/files/photos/a.txt", "before")
	bob.shares("/files/photos", true, people.Friends)
	w.look()
	alice.has("/shared/bob/photos/a.txt", "before")
	alice.puts("/shared/bob/photos/a.txt", "of Alice")
	bob.puts("/files/photos/a.txt", "of Bob")
	w.look()
	for u, folder := range map[*user]string{alice: "/shared/bob/photos", bob: "/files/photos"} {
		texts := map[string]bool{}
		for _, name := range strings.SplitAfter(u.names(folder), ".txt") {
			if name = strings.TrimSpace(name); name == "" {
				continue
			}
			text, err := u.get(folder + "/" + name)
			u.does(err)
			texts[text] = true
		}
		if len(texts) != 2 || !texts["of Alice"] || !texts["of Bob"] {
			t.Errorf("%s has %v", u.name, texts)
		}
	}
}
