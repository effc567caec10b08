package meet_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/disk"
	"postern/remote/evil"
	"postern/remote/mem"
	"postern/remote/verify"
	"postern/vfs/meet"
)

// cheaply returns people who need no stamps.
func cheaply(c *clock, inbox remote.Inbox, names ...string) (all []person) {
	for _, name := range names {
		p := someone(name, c, remote.Roles{Inbox: inbox})
		p.WithoutStamps()
		all = append(all, p)
	}
	return all
}

// A thousand letters of one stranger cost what 256 an hour cost, show one request, and keep nobody else away.
func TestFloodByOneStranger(t *testing.T) {
	c, inbox := newClock(), newCheap()
	people := cheaply(c, inbox, "alice", "bob", "mallory")
	alice, bob, mallory := people[0], people[1], people[2]
	for range 1000 {
		mallory.send(t, alice.card(), mallory.request(t))
	}
	door := alice.card()
	door.Inbox = alice.Door(7)
	bob.send(t, door, bob.request(t))

	got, report := alice.read(t, door.Inbox)
	if report.Opened != meet.MaxOpened || report.Listed != 1001 || report.Waiting != 1001-meet.MaxOpened {
		t.Errorf("%+v", report)
	}
	senders := map[crypto.AuthorID]int{}
	for _, m := range got {
		senders[m.From.Author]++
	}
	if senders[bob.Author().ID()] != 1 || senders[mallory.Author().ID()] != 1 {
		t.Errorf("%d messages of bob, %d of mallory", senders[bob.Author().ID()], senders[mallory.Author().ID()])
	}
	alice.done(t, got...)
	if got, report := alice.read(t, door.Inbox); len(got) != 0 || report.Opened != 0 {
		t.Errorf("within the same hour: %d messages, %+v", len(got), report)
	}
	c.pass(-aDay) // the clock is set back: the hour begins anew
	got, report = alice.read(t, door.Inbox)
	if report.Opened != meet.MaxOpened {
		t.Errorf("after the clock was set back: %+v", report)
	}
	alice.done(t, got...)
	hours := 2
	for ; len(inbox.all(alice.InboxID())) > 0 && hours < 10; hours++ {
		c.pass(time.Hour)
		got, _ := alice.read(t, door.Inbox)
		alice.done(t, got...)
		if len(got) > 1 {
			t.Errorf("%d messages of one stranger", len(got))
		}
	}
	if hours != 4 {
		t.Errorf("a thousand letters are gone after %d hours", hours)
	}
}

// Which letters are opened is chosen at random: a flood can't know how to be first.
func TestFloodIsOpenedAtRandom(t *testing.T) {
	c, inbox := newClock(), newCheap()
	found := 0
	for i := range 8 {
		people := cheaply(c, inbox, fmt.Sprint("alice ", i), "bob", "mallory")
		alice, bob, mallory := people[0], people[1], people[2]
		for range 511 {
			mallory.send(t, alice.card(), mallory.message(t, crypto.Dummy, crypto.MessageID{}))
		}
		bob.send(t, alice.card(), bob.request(t)) // which the store lists last
		if got, _ := alice.read(t); len(got) == 1 {
			found++
		}
	}
	if found == 0 {
		t.Error("a letter among 512 is never among the first 256")
	}
}

// A store can't make a reader list more letters than an inbox holds.
func TestTooManyLetters(t *testing.T) {
	c, inbox := newClock(), newCheap()
	alice := cheaply(c, inbox, "alice")[0]
	for i := range remote.MaxLetters + 500 {
		l := crypto.Letter{byte(i), byte(i >> 8)}
		inbox.put(alice.InboxID(), l.Name(), l)
	}
	if _, report := alice.read(t); report.Listed != remote.MaxLetters || report.Unreadable != meet.MaxOpened {
		t.Errorf("%+v", report)
	}
}

// What is no honest letter is refused for its reason, deleted, and not looked at again.
func TestLettersThatAreRefused(t *testing.T) {
	c, inbox := newClock(), newCheap()
	people := cheaply(c, inbox, "alice", "bob", "mallory")
	alice, bob, mallory := people[0], people[1], people[2]
	// resealed returns a letter with plain bytes that mallory may change.
	resealed := func(t *testing.T, to person, l crypto.Letter, change func(plain []byte)) {
		t.Helper()
		plain, err := to.AccountSecret.Meet().OpenLetter(l)
		if err != nil {
			t.Fatal(err)
		}
		change(plain)
		if l, err = alice.AccountSecret.Meet().Public().SealLetter(plain); err != nil {
			t.Fatal(err)
		}
		inbox.put(alice.InboxID(), l.Name(), l)
	}
	// of returns a letter of bob.
	of := func(t *testing.T, to crypto.Card, m crypto.Message) crypto.Letter {
		t.Helper()
		l, err := bob.SealMessage(to, m)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	today := uint32(c.Now().Unix() / 86400)
	dated := func(day uint32) crypto.Message {
		m := bob.request(t)
		m.Day = day
		return m
	}
	drop := func(l crypto.Letter) { inbox.put(alice.InboxID(), l.Name(), l) }
	for what, test := range map[string]struct {
		make  func(t *testing.T)
		count func(meet.Report) int
	}{
		"sealed to another": {func(t *testing.T) { drop(of(t, mallory.card(), dated(today))) },
			func(r meet.Report) int { return r.Unreadable }},
		"random bytes": {func(t *testing.T) { drop(crypto.Letter{1, 2, 3}) },
			func(r meet.Report) int { return r.Unreadable }},
		"written to another, and sent on": {func(t *testing.T) {
			resealed(t, mallory, of(t, mallory.card(), dated(today)), func([]byte) {})
		}, func(r meet.Report) int { return r.Strangers }},
		"in another's name": {func(t *testing.T) {
			resealed(t, alice, of(t, alice.card(), dated(today)), func(b []byte) { b[2] ^= 1 })
		}, func(r meet.Report) int { return r.Forged }},
		"of another version": {func(t *testing.T) {
			resealed(t, alice, of(t, alice.card(), dated(today)), func(b []byte) { b[0] = 9 })
		}, func(r meet.Report) int { return r.Malformed }},
		"zeros": {func(t *testing.T) {
			resealed(t, alice, of(t, alice.card(), dated(today)), func(b []byte) { clear(b) })
		}, func(r meet.Report) int { return r.Malformed }},
		"too old": {func(t *testing.T) { drop(of(t, alice.card(), dated(today-91))) },
			func(r meet.Report) int { return r.Stale }},
		"of day 0": {func(t *testing.T) { drop(of(t, alice.card(), dated(0))) },
			func(r meet.Report) int { return r.Stale }},
		"of later": {func(t *testing.T) { drop(of(t, alice.card(), dated(today+3))) },
			func(r meet.Report) int { return r.Early }},
		"of the end": {func(t *testing.T) { drop(of(t, alice.card(), dated(1<<32-1))) },
			func(r meet.Report) int { return r.Early }},
		"a dummy": {func(t *testing.T) {
			m := bob.message(t, crypto.Dummy, crypto.MessageID{})
			m.Day = today
			drop(of(t, alice.card(), m))
		}, func(r meet.Report) int { return r.Dummies }},
	} {
		t.Run(what, func(t *testing.T) {
			test.make(t)
			got, report := alice.read(t)
			wantRefused(t, what, got, report, test.count(report))
			if left := len(inbox.all(alice.InboxID())); left != 0 {
				t.Errorf("%d letters are left", left)
			}
		})
	}
	t.Run("at the edges", func(t *testing.T) {
		for _, day := range []uint32{today - meet.MaxAge, today + meet.MaxAhead} {
			drop(of(t, alice.card(), dated(day)))
			got, report := alice.read(t)
			if len(got) != 1 || report.Refused() != 0 {
				t.Errorf("day %d: %+v", day, report)
			}
			alice.done(t, got...)
		}
	})
}

// A letter that was handled is refused when it comes again, as it was or sealed anew, also after a restart and through
// another door, for as long as it would not be refused for its age.
func TestReplay(t *testing.T) {
	c, inbox := newClock(), newCheap()
	people := cheaply(c, inbox, "alice", "bob")
	alice, bob := people[0], people[1]
	request := bob.request(t)
	bob.send(t, alice.card(), request)
	kept := *inbox.all(alice.InboxID())[0].letter
	got, _ := alice.read(t)
	alice.done(t, got...)

	restarted := func() person {
		again := alice
		again.Desk = meet.New(meet.Options{Account: alice.AccountSecret, Inbox: inbox, Now: c.Now, Seen: alice.seen})
		again.WithoutStamps()
		return again
	}
	for _, later := range []time.Duration{0, 60 * aDay, 30 * aDay} {
		c.pass(later)
		alice = restarted()
		inbox.put(alice.InboxID(), kept.Name(), kept)
		got, report := alice.read(t)
		wantRefused(t, fmt.Sprint("the same letter after ", later), got, report, report.Repeated)
		inbox.put(alice.Door(1), kept.Name(), kept)
		alice = restarted()
		got, report = alice.read(t, alice.Door(1))
		wantRefused(t, fmt.Sprint("through a door after ", later), got, report, report.Repeated)
	}
	c.pass(aDay)
	alice = restarted()
	inbox.put(alice.InboxID(), kept.Name(), kept)
	got, report := alice.read(t)
	wantRefused(t, "after 91 days", got, report, report.Stale)

	bob.send(t, alice.card(), request) // sealed anew, with a new day
	got, report = alice.read(t)
	wantRefused(t, "sealed anew", got, report, report.Repeated)
}

// Of one sender's letters the newest counts; one message that comes twice is one.
func TestSeveralLettersOfOneSender(t *testing.T) {
	c, inbox := newClock(), newCheap()
	people := cheaply(c, inbox, "alice", "bob")
	alice, bob := people[0], people[1]
	first := bob.request(t)
	bob.send(t, alice.card(), first)
	c.pass(aDay)
	bob.send(t, alice.card(), first)
	second := bob.request(t)
	second.From.Seq = 2
	bob.send(t, alice.card(), second)
	bob.send(t, alice.card(), bob.message(t, crypto.Reply, first.ID))
	got, report := alice.read(t)
	if len(got) != 2 || report.Repeated != 2 {
		t.Fatalf("%d messages, %+v", len(got), report)
	}
	for _, m := range got {
		if m.Kind == crypto.Request && m.ID != second.ID {
			t.Error("the older request counts")
		}
	}
	again := meet.New(meet.Options{Account: alice.AccountSecret, Inbox: inbox, Now: c.Now, Seen: alice.seen})
	again.WithoutStamps()
	if got, _, err := again.Read(t.Context()); err != nil || len(got) != 2 {
		t.Errorf("after a crash %d messages are left, %v", len(got), err)
	}
}

// A message that came twice and was not handled before a crash is not lost.
func TestOneMessageTwice(t *testing.T) {
	c, inbox := newClock(), newCheap()
	people := cheaply(c, inbox, "alice", "bob")
	alice, bob := people[0], people[1]
	request := bob.request(t)
	bob.send(t, alice.card(), request)
	bob.send(t, alice.card(), request)
	for range 2 {
		if got, _ := alice.read(t); len(got) != 1 || got[0].ID != request.ID {
			t.Errorf("%d messages", len(got))
		}
	}
}

func TestBlockedSenders(t *testing.T) {
	c, inbox := newClock(), newCheap()
	people := cheaply(c, inbox, "alice", "bob")
	alice, bob := people[0], people[1]
	alice.Desk = meet.New(meet.Options{Account: alice.AccountSecret, Inbox: inbox, Now: c.Now,
		Blocked: func(id crypto.AuthorID) bool { return id == bob.Author().ID() }}).WithoutStamps()
	bob.send(t, alice.card(), bob.request(t))
	got, report := alice.read(t)
	wantRefused(t, "blocked", got, report, report.Blocked)
}

// A letter without a stamp is not even fetched.
func TestUnstampedLettersAreDropped(t *testing.T) {
	c, inbox := newClock(), newCheap()
	people := cheaply(c, inbox, "alice", "bob")
	alice, bob := people[0], people[1]
	bob.send(t, alice.card(), bob.request(t))
	strict := someone("alice", c, remote.Roles{Inbox: inbox})
	got, report := strict.read(t)
	wantRefused(t, "without a stamp", got, report, report.Unstamped)
	if report.Opened != 0 || len(inbox.all(alice.InboxID())) != 0 {
		t.Errorf("%+v", report)
	}
}

// A file whose name has a stamp and whose bytes are others is tried twice, then deleted.
func TestLettersOfOtherBytes(t *testing.T) {
	c, inbox := newClock(), newCheap()
	alice := cheaply(c, inbox, "alice")[0]
	inbox.put(alice.InboxID(), crypto.LetterName{31: 1}, crypto.Letter{7})
	for left := 1; left >= 0; left-- {
		got, report := alice.read(t)
		wantRefused(t, "other bytes", got, report, report.Damaged)
		if len(inbox.all(alice.InboxID())) != left {
			t.Errorf("%d letters are there", len(inbox.all(alice.InboxID())))
		}
	}
}

// Whoever can write to a store's folder puts letters there that are too long, cut off or of other bytes: none is read.
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
