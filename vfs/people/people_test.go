package people_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"postern/vfs"
	"postern/vfs/gc"
	"postern/vfs/object"
	"postern/vfs/people"
	"postern/vfs/roots"
	"postern/vfs/space"
)

// TestShare: Bob shares a folder, Alice changes it, and Bob takes it back.
func TestShare(t *testing.T) {
	w := users(t, "alice", "bob")
	alice, bob := w.users["alice"], w.users["bob"]
	w.befriend("bob", "alice")
	bob.mkdir("/files/photos")
	bob.puts("/files/photos/a.txt", "of Bob")
	bob.shares("/files/photos", true, "alice")
	bob.has("/files/photos/a.txt", "of Bob")
	w.look()
	alice.has("/shared/bob/photos/a.txt", "of Bob")
	for info, err := range alice.drive.List(t.Context(), "/shared/bob") {
		if err != nil || info.ReadOnly {
			t.Errorf("what she may write is listed as %+v, %v", info, err)
		}
	}
	alice.puts("/shared/bob/photos/b.txt", "of Alice")
	w.look()
	bob.has("/files/photos/b.txt", "of Alice")
	bob.unshare("/files/photos")
	bob.puts("/files/photos/c.txt", "later")
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
	bob.mkdir("/files/photos")
	bob.shares("/files/photos", false, "alice")
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

// TestForeignMount: a writer mounts another space of the owner in a shared folder, here the pair space. The owner's
// gateway, which could change it, does not follow the mount, and the owner can remove it.
func TestForeignMount(t *testing.T) {
	w := users(t, "alice", "bob")
	alice, bob := w.users["alice"], w.users["bob"]
	w.befriend("bob", "alice")
	bob.mkdir("/files/photos")
	bob.puts("/files/photos/a.txt", "of Bob")
	bob.shares("/files/photos", true, "alice")
	w.look()
	pair := bob.secret.PairSecret(alice.secret.Author().ID(), 0).Keys()
	pair.Owner = bob.secret.Author().ID()
	alice.has("/shared/bob/photos/a.txt", "of Bob")
	shared, ok := alice.opened["/photos"].(*space.Space)
	if !ok {
		t.Fatalf("Alice has %T open", alice.opened["/photos"])
	}
	alice.does(shared.Mount(t.Context(), "/evil", object.Target{Capability: pair.ReadOnly()}, space.MountOptions{}))
	w.look()
	bob.has("/files/photos/a.txt", "of Bob")
	if _, err := bob.drive.Stat(t.Context(), "/files/photos/evil"); !errors.Is(err, vfs.ErrUnavailable) {
		t.Errorf("the mount of a pair space: %v", err)
	}
	bob.does(bob.drive.Remove(t.Context(), "/files/photos/evil", nil))
	w.look()
	alice.has("/shared/bob/photos/a.txt", "of Bob")
	alice.lacks("/shared/bob/photos/evil")
}

// TestShareFile: a shared file is a file for both sides, whoever changes it and in whatever way programs save it.
func TestShareFile(t *testing.T) {
	w := users(t, "alice", "bob")
	alice, bob := w.users["alice"], w.users["bob"]
	w.befriend("bob", "alice")
	bob.puts("/files/talk.odt", "first")
	bob.shares("/files/talk.odt", true, "alice")
	bob.has("/files/talk.odt", "first")
	w.look()
	alice.has("/shared/bob/talk.odt", "first")
	for info, err := range alice.drive.List(t.Context(), "/shared/bob") {
		if err != nil || info.Name != "talk.odt" || info.Folder || info.Size != 5 {
			t.Errorf("listed as %+v, %v", info, err)
		}
	}
	alice.puts("/shared/bob/talk.odt", "second")
	w.look()
	bob.has("/files/talk.odt", "second")
	bob.puts("/files/new.tmp", "third")
	if _, err := bob.drive.Move(t.Context(), "/files/new.tmp", "/files/talk.odt", vfs.CopyOptions{Replace: true}); err != nil {
		t.Fatal(err)
	}
	w.look()
	alice.has("/shared/bob/talk.odt", "third")
	if _, err := bob.drive.Move(t.Context(), "/files/talk.odt", "/files/renamed.odt", vfs.CopyOptions{}); err != nil {
		t.Fatal(err)
	}
	bob.has("/files/renamed.odt", "third")
	bob.unshare("/files/renamed.odt")
	bob.puts("/files/renamed.odt", "fourth")
	w.look()
	bob.has("/files/renamed.odt", "fourth")
	alice.lacks("/shared/bob/talk.odt")
}

// TestRetiredSpaceEnds: a space that was replaced is a root for a grace period, and then no more.
func TestRetiredSpaceEnds(t *testing.T) {
	w := users(t, "bob")
	bob := w.users["bob"]
	bob.mkdir("/files/photos")
	l := bob.link("/files/photos", people.LinkOptions{})
	bob.does(bob.people.RevokeLink(t.Context(), l.ID))
	stages := func() (all []roots.Stage) {
		for _, s := range people.Roots(bob.secret, bob.own.Private()) {
			all = append(all, s.Stage)
		}
		slices.Sort(all)
		return all
	}
	for _, c := range []struct {
		after time.Duration
		want  []roots.Stage
	}{
		{0, []roots.Stage{roots.Live, roots.Retired}},
		{gc.DefaultGrace, []roots.Stage{roots.Live, roots.Retired}},
		{time.Second, []roots.Stage{roots.Live, roots.Gone}},
	} {
		w.pass(c.after)
		w.look()
		if got := stages(); !slices.Equal(got, c.want) {
			t.Errorf("%v later the stages are %v, not %v", c.after, got, c.want)
		}
	}
}
