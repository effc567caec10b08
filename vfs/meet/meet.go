// Package meet lets people find each other at a store and exchange first letters there: it claims and looks up names,
// seals and drops letters, and reads inboxes that anybody may write to.
//
// It decides nothing about friends: a letter is checked (signed by its sender, written to this account, not too old,
// not seen before) and handed to the caller, which says Done once it has noted durably what it wants of it. FORMAT.md
// of package crypto has the bytes, THREATS.md what a store and strangers can do.
package meet

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"postern/crypto"
	"postern/remote"
)

// The errors of this package. Those of the store come as they are, see package remote.
var (
	// ErrTaken means that another account has claimed the name.
	ErrTaken = errors.New("the name is taken")
	// ErrReserved means that no account can claim the name, because Postern uses the word itself.
	ErrReserved = errors.New("the name is reserved")
	// ErrClock means that the clock of this machine is years behind, so that no letter can be judged.
	ErrClock = errors.New("the clock of this machine is wrong")
)

// Options are what a Desk needs. Names and Inbox may be nil where the store lacks the role: then calls that need it
// fail with remote.ErrNoRole. The other fields may be left out.
type Options struct {
	Account crypto.AccountSecret
	Names   remote.Names
	Inbox   remote.Inbox
	// Seen remembers messages, across the desks of all stores. Nil: for as long as the Desk lives.
	Seen Seen
	// Holder returns the seed of a name that an earlier account of the same person has claimed. Nil: there is none.
	Holder func(name string) (seed crypto.HolderSeed, ok bool)
	// Blocked reports whether letters of an author are to be deleted unread. Nil: of none.
	Blocked func(crypto.AuthorID) bool
	// Unstamped has the desk write and accept letters without stamps. It is for tests with many letters, at an inbox that
	// takes them.
	Unstamped bool

	Now  func() time.Time // nil: time.Now
	Rand io.Reader        // nil: the system's
	Log  *slog.Logger     // nil: quiet
}

// Desk is where one account meets others at one store. Its methods may be called at once.
type Desk struct {
	o Options

	reading sync.Mutex // one Read at a time
	mu      sync.Mutex
	handled map[crypto.LetterName]bool // letters that were handled, and may still be listed
	suspect map[crypto.LetterName]bool // letters that came damaged once
	hour    time.Time                  // the beginning of the hour that opened counts in
	opened  int
}

// New returns a desk.
func New(o Options) *Desk {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Blocked == nil {
		o.Blocked = func(crypto.AuthorID) bool { return false }
	}
	if o.Seen == nil {
		o.Seen = &SeenFile{}
	}
	return &Desk{o: o, handled: map[crypto.LetterName]bool{}, suspect: map[crypto.LetterName]bool{}}
}

// NewID returns the id of a new message. Keep it: a message that is sent again has the same.
func (d *Desk) NewID() (id crypto.MessageID, err error) {
	random, err := crypto.Random[[32]byte](d.o.Rand)
	return crypto.MessageID(random[:]), err
}

// day returns a time as messages have it.
func day(t time.Time) uint32 { return uint32(max(0, t.Unix()/(24*60*60))) }

// stampTries is how many stamps are tried between two looks at the context: some 5 ms.
const stampTries = 1 << 13

// Send leaves a message in the inbox of a card, sealed anew each time. It fills in the day, and what
// crypto.AccountSecret.SealMessage does. Finding the stamp takes about half a second of one processor. Errors: those of
// SealMessage; remote.ErrFull (the inbox holds no more letters); remote.ErrUnavailable: whether the letter arrived is
// unknown, and the message may be sent again.
func (d *Desk) Send(ctx context.Context, to crypto.Card, m crypto.Message) error {
	if d.o.Inbox == nil {
		return remote.Fail(remote.OpDrop, to.Inbox, remote.ErrRefused, remote.ErrNoRole)
	}
	m.Day = day(d.o.Now())
	l, err := d.o.Account.SealMessage(to, m)
	if err != nil {
		return err
	}
	for !d.o.Unstamped && !l.Stamp(stampTries) {
		if err := remote.Alive(ctx, remote.OpDrop, to.Inbox); err != nil {
			return err
		}
	}
	return d.o.Inbox.Drop(ctx, to.Inbox, l)
}

// reserved are the names that no account can claim: folders and groups of the drive, and words that would lend a
// stranger an air of authority.
var reserved = []string{"admin", "administrator", "all", "chat", "chats", "everybody", "everyone", "files", "found",
	"friends", "group", "groups", "history", "links", "me", "nobody", "postern", "private", "public", "root", "self",
	"shared", "support", "system", "unknown", "you"}

// claimTries bounds how often Claim looks again after somebody else was quicker.
const claimTries = 4

// Claim claims a name for the account, whose card then names these stores. It returns once the store shows the name, so
// claiming it again succeeds, and with other stores replaces the card. Errors: ErrTaken; ErrReserved; an error that
// states what is wrong with the name or a URL; those of the store. After remote.ErrUnavailable the outcome is unknown:
// claim it again.
func (d *Desk) Claim(ctx context.Context, name string, stores []string) error {
	name, err := crypto.NormalizeUser(name)
	if err != nil {
		return err
	}
	id := crypto.NameIDOf(name)
	if slices.Contains(reserved, name) {
		return remote.Fail(remote.OpClaim, id, remote.ErrRefused, ErrReserved)
	}
	if d.o.Names == nil {
		return remote.Fail(remote.OpClaim, id, remote.ErrRefused, remote.ErrNoRole)
	}
	for range claimTries {
		current, err := d.o.Names.LookUp(ctx, id)
		switch {
		case errors.Is(err, remote.ErrNotFound):
			err = d.write(ctx, name, 1, stores, d.o.Names.Claim)
		case err == nil:
			err = d.replace(ctx, name, current, stores)
			if errors.Is(err, errSame) {
				return nil
			}
		}
		if err != nil && !errors.Is(err, remote.ErrConflict) {
			return err
		}
	}
	return remote.Fail(remote.OpClaim, id, remote.ErrCorrupt, errors.New("the store shows another state each time"))
}

// errSame means that a record needs no replacement.
var errSame = errors.New("the record is there already")

// replace replaces a record of the account's name unless it has these stores already.
func (d *Desk) replace(ctx context.Context, name string, current crypto.NameRecord, stores []string) error {
	id := crypto.NameIDOf(name)
	if err := current.Verify(id); err != nil {
		return remote.Fail(remote.OpLookUp, id, remote.ErrCorrupt, err)
	}
	if current.Holder() != d.holder(name).ID() {
		return remote.Fail(remote.OpClaim, id, remote.ErrRefused, ErrTaken)
	}
	card, err := current.Open(name)
	if err == nil && card.Author == d.o.Account.Author().ID() && slices.Equal(card.Stores, stores) {
		return errSame
	}
	return d.write(ctx, name, current.Seq()+1, stores, d.o.Names.Replace) // also what no reader can open
}

// holder returns the seed of the key that holds a name.
func (d *Desk) holder(name string) crypto.HolderSeed {
	if d.o.Holder != nil {
		if seed, ok := d.o.Holder(name); ok {
			return seed
		}
	}
	return d.o.Account.Holder(name)
}

// write seals a record and gives it to the store.
func (d *Desk) write(
	ctx context.Context, name string, seq uint64, stores []string,
	to func(context.Context, crypto.NameID, crypto.NameRecord) error,
) error {
	record, err := d.o.Account.SealHeldName(d.holder(name), name, seq, stores, d.o.Rand)
	if err != nil {
		return err
	}
	return to(ctx, crypto.NameIDOf(name), record)
}

// LookUp returns the card of the account that has claimed a name, signed by holder and author. The caller compares the
// author, and the sequence number, with what it has seen before. Errors: remote.ErrNotFound (nobody has claimed it); an
// error that states what is wrong with the name; remote.ErrCorrupt; those of the store.
func (d *Desk) LookUp(ctx context.Context, name string) (crypto.Card, error) {
	name, err := crypto.NormalizeUser(name)
	if err != nil {
		return crypto.Card{}, err
	}
	id := crypto.NameIDOf(name)
	if d.o.Names == nil {
		return crypto.Card{}, remote.Fail(remote.OpLookUp, id, remote.ErrRefused, remote.ErrNoRole)
	}
	record, err := d.o.Names.LookUp(ctx, id)
	if err != nil {
		return crypto.Card{}, err
	}
	card, err := record.Open(name)
	if err != nil {
		return crypto.Card{}, remote.Fail(remote.OpLookUp, id, remote.ErrCorrupt, err)
	}
	return card, nil
}
