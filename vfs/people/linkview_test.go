package people_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/linkview"
	"postern/vfs/people"
)

// view opens a link as its page does, with nothing but the store.
func (w *world) view(l people.Link, password string) (*linkview.View, error) {
	w.t.Helper()
	link, err := crypto.ParseLink(l.URL)
	if err != nil {
		w.t.Fatal(err)
	}
	return linkview.Open(w.t.Context(), link, linkview.Options{Store: w.store, Password: password,
		Now: w.clock})
}

// read returns a file that a link leads to, and the names in its folder.
func read(t *testing.T, v *linkview.View, folder, name string) (text string, names []string) {
	t.Helper()
	for info, err := range v.List(t.Context(), folder) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, info.Name)
	}
	f, err := v.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(b), names
}

// TestLinkView: what a link leads to is read without an account, also in folders that are shared by themselves, until
// the link has ended.
func TestLinkView(t *testing.T) {
	w := users(t, "alice", "bob")
	if err := people.Befriend(t.Context(), w.users["bob"].people, w.users["alice"].people); err != nil {
		t.Fatal(err)
	}
	bob := w.users["bob"]
	for _, folder := range []string{"/files/photos", "/files/photos/sea"} {
		bob.does(bob.drive.Mkdir(t.Context(), folder, nil))
	}
	bob.puts("/files/photos/a.txt", "a")
	bob.puts("/files/photos/sea/b.txt", "b")
	inner := bob.link("/files/photos/sea", people.LinkOptions{})
	outer := bob.link("/files/photos", people.LinkOptions{Password: "a word", Expires: time.Hour})
	file := bob.link("/files/photos/a.txt", people.LinkOptions{})
	bob.puts("/files/photos/c.txt", "c of three")
	bob.shares("/files/photos/c.txt", true, "alice")
	bob.does(bob.own.Flush(t.Context()))

	_, err := w.view(outer, "")
	if !errors.Is(err, crypto.ErrPassword) {
		t.Errorf("without the password the error is %v", err)
	}
	_, err = w.view(outer, "another")
	refused(t, err, "the password is wrong")
	v, err := w.view(outer, "a word")
	if err != nil {
		t.Fatal(err)
	}
	text, names := read(t, v, "/", "/a.txt")
	if v.Name() != "photos" || v.File() || text != "a" || !slices.Equal(names, []string{"a.txt", "c.txt", "sea"}) {
		t.Errorf("%q has %q, and %q in a.txt", v.Name(), names, text)
	}
	if text, names = read(t, v, "/sea", "/sea/b.txt"); text != "b" || !slices.Equal(names, []string{"b.txt"}) {
		t.Errorf("sea has %q, and %q in b.txt", names, text)
	}
	for info, err := range v.List(t.Context(), "/") {
		if err != nil || info.Name == "c.txt" && (info.Folder || info.Size != 10) {
			t.Errorf("listed as %+v, %v", info, err)
		}
	}
	if text, _ = read(t, v, "/", "/c.txt"); text != "c of three" {
		t.Errorf("a file that is shared by itself has %q", text)
	}
	for path, want := range map[string]error{"/none": vfs.ErrNotExist, "/sea/none": vfs.ErrNotExist,
		"/sea": vfs.ErrIsFolder, "/a.txt/x": vfs.ErrNotFolder} {
		if _, err := v.Open(t.Context(), path); !errors.Is(err, want) {
			t.Errorf("%s: %v instead of %v", path, err, want)
		}
	}
	v, err = w.view(file, "")
	if err != nil {
		t.Fatal(err)
	}
	if text, names = read(t, v, "/", "/a.txt"); !v.File() || text != "a" || len(names) != 1 {
		t.Errorf("the link to a file shows %q, and %q", names, text)
	}

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := v.Open(ended, "/a.txt"); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("after its context has ended, the error is %v", err)
	}
	bob.does(bob.people.RevokeLink(t.Context(), inner.ID))
	_, err = w.view(inner, "")
	refused(t, err, "ended by its maker")
	w.pass(2 * time.Hour)
	_, err = w.view(outer, "a word")
	refused(t, err, "has expired")
}

// TestLinkPage: links lead to the page if there is one, and open the same.
func TestLinkPage(t *testing.T) {
	w := users(t, "alice", "bob")
	alice, bob := w.users["alice"], w.users["bob"]
	bob.puts("/files/a.txt", "text")
	bob.page = "https://drive.example.org"
	bob.restart()
	l := bob.link("/files/a.txt", people.LinkOptions{})
	if _, err := crypto.ParseLink(l.URL); err != nil || l.URL[:27] != "https://drive.example.org/l" {
		t.Errorf("the link is %q, %v", l.URL, err)
	}
	at, err := alice.people.OpenLink(t.Context(), l.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	alice.has(at, "text")
}
