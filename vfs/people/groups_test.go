package people_test

import (
	"errors"
	"testing"

	"postern/vfs/people"
)

// TestGroups: who comes into a group sees what it has, and loses it with the group.
func TestGroups(t *testing.T) {
	w := friends(t, "bob", "alice", "carol")
	bob, alice, carol := w.users["bob"], w.users["alice"], w.users["carol"]
	bob.mkdir("/files/work")
	bob.puts("/files/work/a.txt", "a")
	join := func(who string) {
		t.Helper()
		f, err := bob.people.Join(t.Context(), who, "Team")
		if err != nil || len(f.Groups) != 1 || f.Groups[0] != "team" {
			t.Errorf("%+v, %v", f, err)
		}
	}
	join("alice")
	bob.shares("/files/work", true, "team")
	w.look()
	alice.has("/shared/bob/work/a.txt", "a")
	carol.lacks("/shared/bob/work")
	join("carol")
	w.look()
	carol.puts("/shared/bob/work/c.txt", "c")
	w.look()
	bob.has("/files/work/c.txt", "c")
	if _, err := bob.people.Part(t.Context(), "carol", "team"); err != nil {
		t.Fatal(err)
	}
	w.settle()
	carol.lacks("/shared/bob/work")
	alice.puts("/shared/bob/work/d.txt", "d")
	w.look()
	bob.has("/files/work/d.txt", "d")
	var refusal *people.Error
	for who, group := range map[string]string{"carol": "team", "alice": "friends", "nobody": "team"} {
		if _, err := bob.people.Part(t.Context(), who, group); !errors.As(err, &refusal) {
			t.Errorf("%s out of %s: %v", who, group, err)
		}
	}
	for _, group := range []string{"alice", "friends", "a/b", ""} {
		if _, err := bob.people.Join(t.Context(), "carol", group); !errors.As(err, &refusal) {
			t.Errorf("a group %q: %v", group, err)
		}
	}
	if f, err := bob.people.End(t.Context(), "alice", people.Removed); err != nil {
		t.Errorf("%+v, %v", f, err)
	}
	all, err := bob.people.Friends(t.Context())
	for _, f := range all {
		if len(f.Groups) > 0 || err != nil {
			t.Errorf("%+v, %v", f, err)
		}
	}
}
