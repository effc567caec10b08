package people_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"postern/vfs"
	"postern/vfs/people"
)

// names lists a folder.
func (u *user) names(path string) string {
	u.w.t.Helper()
	var all []string
	for info, err := range u.drive.List(u.w.t.Context(), path) {
		if err != nil {
			u.w.t.Fatal(err)
		}
		all = append(all, info.Name)
	}
	return strings.Join(all, " ")
}

// flush commits all spaces of the gateway.
func (u *user) flush() {
	u.w.t.Helper()
	u.does(u.own.Home().Flush(u.w.t.Context()))
}

// TestSharedHereEditedThere edits a folder on one device while another one shares it and edits it, too: the edits of
// both are in the shared folder, also if the gateway is restarted before it has carried them over.
func TestSharedHereEditedThere(t *testing.T) {
	w := users(t, "alice")
	laptop := w.users["alice"]
	laptop.mkdir("/files/d")
	laptop.mkdir("/files/d/old")
	for _, name := range []string{"a", "b", "c", "both", "old/o"} {
		laptop.does(laptop.put("/files/d/"+name, "before"))
	}
	laptop.flush()
	desk := laptop.another()
	desk.has("/files/d/a", "before")
	laptop.shares("/files/d", true, people.Friends)
	laptop.puts("/files/d/b", "of the laptop")
	laptop.puts("/files/d/both", "of the laptop")
	laptop.flush()

	desk.puts("/files/d/a", "of the desk")
	desk.puts("/files/d/both", "of the desk")
	desk.does(desk.drive.Remove(t.Context(), "/files/d/c", nil))
	desk.does(desk.drive.Remove(t.Context(), "/files/d/old", nil))
	desk.mkdir("/files/d/sub")
	desk.puts("/files/d/sub/n", "new")
	set := vfs.Property{Name: vfs.PropertyName{Space: "urn:x", Local: "p"}, Value: "v"}
	desk.does(desk.drive.Patch(t.Context(), "/files/d/b", vfs.Patch{Set: []vfs.Property{set}}, nil))
	desk.flush()
	if got := desk.names("/files"); !strings.Contains(got, "conflict") {
		t.Errorf("before it is carried over the drive has %s", got)
	}
	desk.does(desk.people.Record(t.Context()))
	desk.flush()
	desk.restart()
	w.look()
	for _, u := range []*user{desk, laptop} {
		if got := u.names("/files"); got != "d" {
			t.Errorf("the drive has %s", got)
		}
		u.has("/files/d/a", "of the desk")
		u.has("/files/d/b", "of the laptop")
		u.has("/files/d/sub/n", "new")
		u.lacks("/files/d/c")
		u.lacks("/files/d/old")
		if info, err := u.drive.Stat(t.Context(), "/files/d/b"); err != nil || !slices.Contains(info.Properties, set) {
			t.Errorf("%+v, %v", info, err)
		}
		names := u.names("/files/d")
		first, second, _ := strings.Cut(names[strings.Index(names, "both"):], " both ")
		other := "both " + strings.TrimSuffix(second, " sub")
		texts := map[string]bool{}
		for _, name := range []string{first, other} {
			text, err := u.get("/files/d/" + name)
			u.does(err)
			texts[text] = true
		}
		if len(texts) != 2 || !strings.Contains(other, "conflict") {
			t.Errorf("%s: of the file that both have edited there is %v", names, texts)
		}
	}
	if shares, err := laptop.people.Shares(t.Context()); err != nil || len(shares.Mine) != 1 {
		t.Errorf("%+v, %v", shares, err)
	}
}

// TestSharedOnBoth shares a folder on two devices that don't know of each other: one space stays, with what both hold
// and with the rights of both.
func TestSharedOnBoth(t *testing.T) {
	w := users(t, "alice")
	laptop := w.users["alice"]
	laptop.mkdir("/files/d")
	laptop.puts("/files/d/a", "before")
	laptop.puts("/files/d/b", "before")
	laptop.flush()
	desk := laptop.another()
	desk.shares("/files/d", true, people.Friends)
	desk.puts("/files/d/a", "of the desk")
	laptop.shares("/files/d", false, people.Friends)
	laptop.puts("/files/d/b", "of the laptop")
	laptop.puts("/files/d/new", "of the laptop")
	laptop.flush()
	desk.flush()
	if got := desk.names("/files"); !strings.Contains(got, "conflict") {
		t.Errorf("before it is united the drive has %s", got)
	}
	w.look()
	w.look()
	for _, u := range []*user{desk, laptop} {
		if got := u.names("/files"); got != "d" {
			t.Errorf("the drive has %s", got)
		}
		u.has("/files/d/a", "of the desk")
		u.has("/files/d/b", "of the laptop")
		u.has("/files/d/new", "of the laptop")
		if got := u.names("/files/d"); got != "a b new" {
			t.Errorf("the folder has %s", got)
		}
		shares, err := u.people.Shares(t.Context())
		if err != nil || len(shares.Mine) != 1 || len(shares.Mine[0].With) != 1 || !shares.Mine[0].With[0].Write {
			t.Errorf("%+v, %v", shares, err)
		}
	}
}

// TestCarriedMounts keeps an edited folder that contains a shared folder next to the mount: nothing of it is lost.
func TestCarriedMounts(t *testing.T) {
	w := users(t, "alice")
	laptop := w.users["alice"]
	laptop.mkdir("/files/d")
	laptop.mkdir("/files/d/in")
	laptop.puts("/files/d/in/a", "before")
	laptop.flush()
	desk := laptop.another()
	desk.shares("/files/d/in", true, people.Friends)
	laptop.shares("/files/d", true, people.Friends)
	laptop.flush()
	desk.flush()
	w.look()
	w.look()
	found := 0
	for info, err := range desk.drive.List(t.Context(), "/files") {
		desk.does(err)
		text, err := desk.get("/files/" + info.Name + "/in/a")
		desk.does(err)
		if text == "before" {
			found++
		}
	}
	if found == 0 {
		t.Error("the file is lost")
	}
	if err := desk.people.Sync(t.Context()); err != nil && !errors.Is(err, vfs.ErrUnavailable) {
		t.Error(err)
	}
}
