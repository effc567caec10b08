package meet_test

import (
	"fmt"
	"testing"
	"time"

	"postern/crypto"
	"postern/remote"
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
