package meet_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"postern/crypto"
	"postern/remote"
	"postern/remote/disk"
	"postern/remote/evil"
	"postern/remote/mem"
	"postern/remote/verify"
	"postern/vfs/meet"
)

// TestHostileFolder puts letters that are too long, cut off or of other bytes into a store's folder: none is read.
func TestHostileFolder(t *testing.T) {
	for what, size := range map[string]int{"oversized": 1 << 20, "cut off": 100, "empty": 0,
		"other bytes": crypto.LetterSize} {
		t.Run(what, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "store")
			store, err := disk.Open(dir, disk.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer store.Close()
			c, roles := newClock(), verify.New(store, new(verify.MemoryPins)).Roles()
			alice, bob := someone("alice", c, roles), someone("bob", c, roles)
			bob.send(t, alice.card(), bob.request(t))
			names, err := roles.Inbox.Letters(t.Context(), alice.InboxID())
			if err != nil || len(names) != 1 {
				t.Fatalf("%d letters, %v", len(names), err)
			}
			written := 0
			err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
				if err != nil || entry.Name() != names[0].String() {
					return err
				}
				written++
				return os.WriteFile(path, make([]byte, size), 0o600)
			})
			if err != nil || written != 1 {
				t.Fatalf("%d files were replaced, %v", written, err)
			}
			for range 2 {
				got, report := alice.read(t)
				wantRefused(t, what, got, report, report.Damaged)
			}
			if got, report := alice.read(t); len(got) != 0 || report.Listed != 0 {
				t.Errorf("it stays: %+v", report)
			}
		})
	}
}

// deletes is an inbox whose letters another deletes once they are listed.
type deletes struct{ *cheap }

func (d deletes) Letters(ctx context.Context, of crypto.InboxID) ([]crypto.LetterName, error) {
	names, err := d.cheap.Letters(ctx, of)
	for _, name := range names {
		_ = d.Forget(ctx, of, name)
	}
	return names, err
}

func TestDeletionByOthers(t *testing.T) {
	c, inbox := newClock(), newCheap()
	people := cheaply(c, deletes{inbox}, "alice", "bob")
	alice, bob := people[0], people[1]
	request := bob.request(t)
	bob.send(t, alice.card(), request)
	got, report := alice.read(t)
	wantRefused(t, "deleted", got, report, report.Gone)
	bob.send(t, alice.card(), request) // a week later, say
	honest := cheaply(c, inbox, "alice")[0]
	if got, _ := honest.read(t); len(got) != 1 || got[0].ID != request.ID {
		t.Errorf("sent again, %d messages arrive", len(got))
	}
}

// A store's lies lose letters at most, and only while they last.
func TestLiesAboutLetters(t *testing.T) {
	c := newClock()
	for _, verified := range []bool{false, true} {
		for _, lie := range []evil.Lie{evil.DropLetters, evil.HideLetters, evil.InventLetters, evil.AbsurdLetters,
			evil.ForgedLetter, evil.KeepLetters} {
			t.Run(fmt.Sprint(lie, ", verified ", verified), func(t *testing.T) {
				lying := evil.New(mem.New(), evil.Options{})
				roles := lying.Roles()
				if verified {
					roles = verify.New(lying, new(verify.MemoryPins)).Roles()
				}
				alice, bob := someone("alice", c, roles), someone("bob", c, roles)
				request := bob.request(t)
				if lie == evil.DropLetters {
					lying.SetLies(lie)
				}
				bob.send(t, alice.card(), request)
				lying.SetLies(lie)
				got, _, err := alice.Read(t.Context())
				if err != nil && !errors.Is(err, remote.ErrCorrupt) {
					t.Errorf("another error: %v", err)
				}
				for _, m := range got {
					if m.ID != request.ID || m.From.Author != bob.Author().ID() {
						t.Error("another message came")
					}
				}
				if err := alice.Done(t.Context(), got...); err != nil {
					t.Error(err)
				}
				again, report, err := alice.Read(t.Context())
				if len(again) > 0 {
					t.Errorf("a message comes twice, %v", err)
				}
				if lie == evil.KeepLetters && report.Opened > 0 {
					t.Errorf("what was handled is opened again: %+v", report)
				}
				if lying.Told(lie) == 0 {
					t.Error("it told no lie")
				}
				lying.SetLies()
				// Two damaged fetches have deleted the letter.
				late, _, err := alice.Read(t.Context())
				lost := lie == evil.DropLetters || lie == evil.ForgedLetter
				if err != nil || len(got)+len(late) == 0 != lost {
					t.Errorf("%d messages came, %d afterwards, %v", len(got), len(late), err)
				}
			})
		}
	}
}

// A clock that is years behind would make all letters those of the future.
func TestWrongClock(t *testing.T) {
	c, inbox := newClock(), newCheap()
	people := cheaply(c, inbox, "alice", "bob")
	alice, bob := people[0], people[1]
	bob.send(t, alice.card(), bob.request(t))
	c.pass(-10 * 365 * aDay)
	if _, _, err := alice.Read(t.Context()); !errors.Is(err, meet.ErrClock) {
		t.Errorf("ten years back: %v", err)
	}
	c.pass(10 * 365 * aDay)
	if got, _ := alice.read(t); len(got) != 1 {
		t.Error("the letter is gone")
	}
}

// away is an inbox of which one part can't be reached.
type away struct {
	*cheap
	inbox crypto.InboxID
}

func (a away) Letters(ctx context.Context, of crypto.InboxID) ([]crypto.LetterName, error) {
	if of == a.inbox {
		return nil, remote.Fail(remote.OpLetters, of, remote.ErrUnavailable, nil)
	}
	return a.cheap.Letters(ctx, of)
}

func (a away) Fetch(ctx context.Context, of crypto.InboxID, name crypto.LetterName) (crypto.Letter, error) {
	if a.inbox == (crypto.InboxID{}) {
		return crypto.Letter{}, remote.Fail(remote.OpFetch, name, remote.ErrUnavailable, nil)
	}
	return a.cheap.Fetch(ctx, of, name)
}

// One inbox that can't be listed does not hide the others; a store that is away stops a Read, which loses nothing.
func TestInboxAway(t *testing.T) {
	c, inbox := newClock(), newCheap()
	people := cheaply(c, inbox, "alice", "bob")
	alice, bob := people[0], people[1]
	bob.send(t, alice.card(), bob.request(t))
	half := cheaply(c, away{inbox, alice.Door(1)}, "alice")[0]
	got, _, err := half.Read(t.Context(), alice.Door(1))
	if len(got) != 1 || !errors.Is(err, remote.ErrUnavailable) {
		t.Errorf("%d messages, %v", len(got), err)
	}
	none := cheaply(c, away{inbox, crypto.InboxID{}}, "alice")[0]
	got, report, err := none.Read(t.Context())
	if len(got) != 0 || !errors.Is(err, remote.ErrUnavailable) || report.Waiting != 1 {
		t.Errorf("%d messages, %+v, %v", len(got), report, err)
	}
	if got, _ := alice.read(t); len(got) != 1 {
		t.Error("the letter is gone")
	}
	if _, _, err := alice.Read(t.Context(), make([]crypto.InboxID, meet.MaxDoors+1)...); err == nil {
		t.Error("any number of doors is read")
	}
}
