package people_test

import (
	"strings"
	"testing"
	"time"

	"postern/vfs/people"
)

// link makes a link, and returns its URL.
func (u *user) link(path string, o people.LinkOptions) people.Link {
	u.w.t.Helper()
	l, err := u.people.CreateLink(u.w.t.Context(), path, o)
	if err != nil {
		u.w.t.Fatal(err)
	}
	return l
}

// refused expects a refusal with a text.
func refused(t *testing.T, err error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("the error is %v, not one with %q", err, text)
	}
}

// TestLinkToFile: a link to a file shows its newest version, under the file's name, until it is ended.
func TestLinkToFile(t *testing.T) {
	w := users(t, "alice", "bob")
	alice, bob := w.users["alice"], w.users["bob"]
	bob.puts("/files/talk.pdf", "first")
	bob.puts("/files/other.pdf", "a secret")
	l := bob.link("/files/talk.pdf", people.LinkOptions{})
	at, err := alice.people.OpenLink(t.Context(), l.URL, "")
	if err != nil || at != "/shared/links/talk.pdf" {
		t.Fatal(at, err)
	}
	alice.has(at, "first")
	for info, err := range alice.drive.List(t.Context(), "/shared/links") {
		if err != nil || info.Name != "talk.pdf" || info.Folder || info.Size != 5 || !info.ReadOnly {
			t.Errorf("listed as %+v, %v", info, err)
		}
	}
	bob.puts("/files/talk.pdf", "second")
	w.look()
	alice.has(at, "second")
	alice.restart()
	alice.has(at, "second")
	bob.does(bob.people.RevokeLink(t.Context(), l.ID))
	w.look()
	alice.lacks(at)
	_, err = alice.people.OpenLink(t.Context(), l.URL, "")
	refused(t, err, "ended")
	bob.has("/files/talk.pdf", "second")
}

// TestLinkToFolder: a link with a password leads to a folder until it expires; then the folder has moved on.
func TestLinkToFolder(t *testing.T) {
	w := users(t, "alice", "bob")
	alice, bob := w.users["alice"], w.users["bob"]
	bob.mkdir("/files/photos")
	bob.puts("/files/photos/a.txt", "of Bob")
	l := bob.link("/files/photos", people.LinkOptions{Password: "a word", Expires: time.Hour})
	_, err := alice.people.OpenLink(t.Context(), l.URL, "")
	refused(t, err, "needs its password")
	_, err = alice.people.OpenLink(t.Context(), l.URL, "another")
	refused(t, err, "password is wrong")
	_, err = alice.people.OpenLink(t.Context(), l.URL[:len(l.URL)-2], "a word")
	refused(t, err, "no whole link")
	at, err := alice.people.OpenLink(t.Context(), l.URL, "a word")
	if err != nil {
		t.Fatal(err)
	}
	alice.has(at+"/a.txt", "of Bob")
	bob.puts("/files/photos/a.txt", "new")
	w.look()
	alice.has(at+"/a.txt", "new")
	w.pass(2 * time.Hour)
	w.look()
	bob.puts("/files/photos/a.txt", "later")
	w.look()
	alice.lacks(at)
	if all := bob.people.Links(); len(all) > 0 {
		t.Errorf("links are left: %+v", all)
	}
	bob.has("/files/photos/a.txt", "later")
}

// TestLeaveLink: what a link leads to goes from the drive, and comes back when the link is opened again.
func TestLeaveLink(t *testing.T) {
	w := users(t, "alice", "bob")
	alice, bob := w.users["alice"], w.users["bob"]
	bob.puts("/files/a.txt", "text")
	l := bob.link("/files/a.txt", people.LinkOptions{})
	for range 2 {
		at, err := alice.people.OpenLink(t.Context(), l.URL, "")
		if err != nil {
			t.Fatal(err)
		}
		alice.has(at, "text")
		alice.does(alice.people.Leave(t.Context(), at))
		alice.lacks(at)
	}
	_, err := bob.people.CreateLink(t.Context(), "/files/missing", people.LinkOptions{})
	refused(t, err, "/files/missing")
}
