package meet_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/vfs/meet"
)

// clock is a clock that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

const aDay = 24 * time.Hour

// person is an account with a desk.
type person struct {
	crypto.AccountSecret
	*meet.Desk
	seen *meet.SeenFile
}

// someone returns a person at a store, whose randomness and secret follow from a name.
func someone(name string, c *clock, r remote.Roles) person {
	p := person{AccountSecret: crypto.AccountSecret(crypto.NameOf([]byte(name))), seen: &meet.SeenFile{}}
	p.Desk = meet.New(meet.Options{Account: p.AccountSecret, Names: r.Names, Inbox: r.Inbox, Now: c.Now, Seen: p.seen,
		Rand: rand.NewChaCha8(crypto.NameOf([]byte("random of " + name)))})
	return p
}

// card is the card of p, without stores.
func (p person) card() crypto.Card {
	return crypto.Card{Author: p.Author().ID(), Meet: p.AccountSecret.Meet().Public(), Inbox: p.InboxID()}
}

// message returns a new message of p.
func (p person) message(t testing.TB, kind crypto.MessageKind, to crypto.MessageID) crypto.Message {
	t.Helper()
	id, err := p.NewID()
	if err != nil {
		t.Fatal(err)
	}
	m := crypto.Message{Kind: kind, ID: id, ReplyTo: to, From: crypto.Card{Seq: 1, Stores: []string{"disk:/mnt/nas"}}}
	if kind != crypto.Dummy {
		m.Pair = crypto.SpaceSecret(crypto.NameOf(id[:])).Keys().ReadOnly()
		m.Pair.Owner = p.Author().ID()
	}
	return m
}

func (p person) request(t testing.TB) crypto.Message {
	t.Helper()
	return p.message(t, crypto.Request, crypto.MessageID{})
}

// send sends a message, and fails the test if that fails.
func (p person) send(t testing.TB, to crypto.Card, m crypto.Message) {
	t.Helper()
	if err := p.Send(t.Context(), to, m); err != nil {
		t.Fatal(err)
	}
}

// read reads the inboxes of p.
func (p person) read(t testing.TB, doors ...crypto.InboxID) ([]meet.Received, meet.Report) {
	t.Helper()
	got, report, err := p.Read(t.Context(), doors...)
	if err != nil {
		t.Fatal(err)
	}
	return got, report
}

// done reports letters as handled.
func (p person) done(t testing.TB, letters ...meet.Received) {
	t.Helper()
	if err := p.Done(t.Context(), letters...); err != nil {
		t.Fatal(err)
	}
}

// wantRefused fails the test unless one letter was refused, for the reason whose count this is.
func wantRefused(t *testing.T, what string, got []meet.Received, r meet.Report, count int) {
	t.Helper()
	if len(got) != 0 || count != 1 || r.Refused() != 1 {
		t.Errorf("%s: %d messages, %+v", what, len(got), r)
	}
}

// cheap is an inbox in memory that takes letters without stamps, any number, and lists them in the order in which they
// came.
type cheap struct {
	mu      sync.Mutex
	inboxes map[crypto.InboxID][]dropped
}

// dropped is a letter under a name, which need not be its own.
type dropped struct {
	name   crypto.LetterName
	letter *crypto.Letter
}

func newCheap() *cheap { return &cheap{inboxes: map[crypto.InboxID][]dropped{}} }

func (c *cheap) Drop(_ context.Context, to crypto.InboxID, l crypto.Letter) error {
	c.put(to, l.Name(), l)
	return nil
}

func (c *cheap) put(to crypto.InboxID, name crypto.LetterName, l crypto.Letter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inboxes[to] = append(c.inboxes[to], dropped{name, &l})
}

func (c *cheap) Letters(_ context.Context, of crypto.InboxID) (names []crypto.LetterName, err error) {
	for _, l := range c.all(of) {
		names = append(names, l.name)
	}
	return names, nil
}

func (c *cheap) Fetch(_ context.Context, of crypto.InboxID, name crypto.LetterName) (crypto.Letter, error) {
	for _, l := range c.all(of) {
		if l.name == name {
			return *l.letter, nil
		}
	}
	return crypto.Letter{}, remote.Fail(remote.OpFetch, name, remote.ErrNotFound, nil)
}

func (c *cheap) Forget(_ context.Context, of crypto.InboxID, name crypto.LetterName) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inboxes[of] = slices.DeleteFunc(c.inboxes[of], func(l dropped) bool { return l.name == name })
	return nil
}

// all returns a copy of the letters in an inbox.
func (c *cheap) all(of crypto.InboxID) []dropped {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.inboxes[of])
}
