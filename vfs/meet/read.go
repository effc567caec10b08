package meet

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"postern/crypto"
	"postern/remote"
)

const (
	// MaxOpened is how many letters a Desk opens in an hour. So a flood costs a fifth of a second of one processor, and
	// 1 MiB.
	MaxOpened = 256
	// MaxDoors bounds the inboxes of one Read.
	MaxDoors = 64
	// MaxAge is how old a letter may be, in days.
	MaxAge = 90
	// MaxAhead is how far a letter's day may be ahead of the clock, in days: clocks differ, and days begin elsewhere
	// earlier.
	MaxAhead = 2
)

// firstDay is the day before which no letter was written: 1 January 2026. A clock that shows less is wrong, and would
// have all letters deleted as letters of the future.
const firstDay = 20454

// Received is a letter that was opened and verified. From.Author is who sent it.
type Received struct {
	crypto.Message
	Inbox crypto.InboxID // the inbox or door that it came through
	Name  crypto.LetterName
}

// Report counts what one Read met. Letters counted from Unstamped on were not handed out.
type Report struct {
	Listed  int // names in all inboxes
	Waiting int // left for later: MaxOpened were opened within an hour
	Opened  int // fetched, and opened or found to be none

	Unstamped  int // without a stamp: never fetched
	Gone       int // deleted by another since they were listed
	Damaged    int // other bytes than the name says
	Unreadable int // sealed to another key
	Malformed  int
	Forged     int // with a wrong signature
	Strangers  int // written to another account
	Stale      int // older than MaxAge
	Early      int // ahead by more than MaxAhead
	Repeated   int // seen before, or followed by a newer one of the same sender and kind
	Blocked    int
	Dummies    int
}

// Read lists the account's own inbox and its doors and opens letters, up to MaxOpened an hour. It takes turns among the
// inboxes, and in each takes letters at random, so that a flood of one can't keep others waiting for ever. It deletes
// the letters that it does not hand out. Those that it hands out it hands out again until Done. With an error, it also
// returns what it has read so far.
func (d *Desk) Read(ctx context.Context, doors ...crypto.InboxID) ([]Received, Report, error) {
	d.reading.Lock()
	defer d.reading.Unlock()
	own := d.o.Account.InboxID()
	if d.o.Inbox == nil {
		return nil, Report{}, remote.Fail(remote.OpLetters, own, remote.ErrRefused, remote.ErrNoRole)
	}
	if today := day(d.o.Now()); today < firstDay {
		return nil, Report{}, fmt.Errorf("read letters: %w: it says %s", ErrClock, d.o.Now().UTC().Format(time.DateOnly))
	}
	if len(doors) > MaxDoors {
		return nil, Report{}, fmt.Errorf("read letters: %d doors are too many, %d can be open", len(doors), MaxDoors)
	}
	r := reading{Desk: d, best: map[sender]int{}}
	waiting, err := r.list(ctx, append([]crypto.InboxID{own}, doors...))
	for i, l := range waiting {
		if !d.mayOpen() {
			r.report.Waiting = len(waiting) - i
			break
		}
		if failed := r.open(ctx, l); failed != nil {
			r.report.Waiting = len(waiting) - i
			err = errors.Join(err, failed)
			break
		}
	}
	return r.messages, r.report, errors.Join(err, d.Done(ctx, r.older...))
}

// Done deletes letters that the caller has handled, and remembers their messages, so that they are not handed out
// again. An error means that they may be: the messages could not be noted. A letter that can't be deleted is no error.
func (d *Desk) Done(ctx context.Context, letters ...Received) error {
	var keys []SeenMessage
	for _, l := range letters {
		keys = append(keys, seenMessage(l.Message))
	}
	if err := d.o.Seen.Add(day(d.o.Now()), keys...); err != nil {
		return err
	}
	for _, l := range letters {
		d.forget(ctx, place{l.Inbox, l.Name})
	}
	return nil
}

// place is where a letter lies.
type place struct {
	inbox crypto.InboxID
	name  crypto.LetterName
}

// sender is who wrote a message, and of what kind.
type sender struct {
	from crypto.AuthorID
	kind crypto.MessageKind
}

// reading is one Read under way.
type reading struct {
	*Desk
	messages []Received
	report   Report
	best     map[sender]int // the index of the newest message
	older    []Received     // that others have replaced
}

// list returns the letters to open, in the order in which to do so. With an error it returns those of the other
// inboxes.
func (r *reading) list(ctx context.Context, inboxes []crypto.InboxID) (mixed []place, err error) {
	random, err := r.shuffler()
	if err != nil {
		return nil, err
	}
	listed := map[crypto.LetterName]bool{}
	turns := make([][]place, 0, len(inboxes))
	complete := true
	for _, inbox := range inboxes {
		names, failed := r.o.Inbox.Letters(ctx, inbox)
		if failed != nil {
			err, complete = errors.Join(err, failed), false
			continue
		}
		names = names[:min(len(names), remote.MaxLetters)]
		random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		turns = append(turns, r.wanted(ctx, inbox, names, listed))
	}
	for more := true; more; {
		more = false
		for i, turn := range turns {
			if len(turn) > 0 {
				mixed, turns[i], more = append(mixed, turn[0]), turn[1:], true
			}
		}
	}
	if complete {
		r.keepListed(listed)
	}
	return mixed, err
}

// wanted returns the letters of one inbox to open, and adds all its names to listed.
func (r *reading) wanted(
	ctx context.Context, inbox crypto.InboxID, names []crypto.LetterName, listed map[crypto.LetterName]bool,
) (wanted []place) {
	for _, name := range names {
		r.mu.Lock()
		skip := r.handled[name] || listed[name]
		r.mu.Unlock()
		listed[name] = true
		switch {
		case skip:
		case !r.o.Unstamped && !name.Stamped():
			r.report.Unstamped++
			if r.report.Unstamped <= MaxOpened { // it takes up room
				r.forget(ctx, place{inbox, name})
			}
		default:
			wanted = append(wanted, place{inbox, name})
		}
	}
	r.report.Listed += len(names)
	return wanted
}

// keepListed forgets letters that are not listed any more, so that the notes about them stay bounded.
func (d *Desk) keepListed(listed map[crypto.LetterName]bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, notes := range []map[crypto.LetterName]bool{d.handled, d.suspect} {
		for name := range notes {
			if !listed[name] {
				delete(notes, name)
			}
		}
	}
}

// open fetches and judges one letter. The error is that of a store that does not answer.
func (r *reading) open(ctx context.Context, at place) error {
	r.report.Opened++
	letter, err := r.o.Inbox.Fetch(ctx, at.inbox, at.name)
	if err == nil && letter.Name() != at.name {
		err = remote.Fail(remote.OpFetch, at.name, remote.ErrCorrupt, nil)
	}
	switch {
	case errors.Is(err, remote.ErrNotFound):
		r.report.Gone++
		return nil
	case errors.Is(err, remote.ErrUnavailable), errors.Is(err, remote.ErrClosed):
		return err
	case err != nil: // it may have been damaged on the way once, not twice
		r.report.Damaged++
		r.mu.Lock()
		again := r.suspect[at.name]
		r.suspect[at.name] = true
		r.mu.Unlock()
		if again {
			r.forget(ctx, at)
		}
		return nil
	}
	m, err := r.o.Account.OpenMessage(letter)
	if count := r.judge(m, err); count != nil {
		*count++
		r.forget(ctx, at)
		return nil
	}
	r.take(ctx, Received{m, at.inbox, at.name})
	return nil
}

// judge returns the count of letters that are refused for the same reason as this one; nil accepts it.
func (r *reading) judge(m crypto.Message, err error) *int {
	today := day(r.o.Now())
	switch {
	case errors.Is(err, crypto.ErrOpen):
		return &r.report.Unreadable
	case errors.Is(err, crypto.ErrSignature):
		return &r.report.Forged
	case errors.Is(err, crypto.ErrRecipient):
		return &r.report.Strangers
	case err != nil:
		return &r.report.Malformed
	case r.o.Blocked(m.From.Author):
		return &r.report.Blocked
	case uint64(m.Day)+MaxAge < uint64(today):
		return &r.report.Stale
	case m.Day > today+MaxAhead:
		return &r.report.Early
	case m.Kind == crypto.Dummy:
		return &r.report.Dummies
	case r.o.Seen.Has(seenMessage(m).Key):
		return &r.report.Repeated
	}
	return nil
}

// take hands out a message, unless a newer one of the same sender is there. So a thousand letters of one stranger are
// one request.
func (r *reading) take(ctx context.Context, l Received) {
	from := sender{l.From.Author, l.Kind}
	at, there := r.best[from]
	if !there {
		r.best[from] = len(r.messages)
		r.messages = append(r.messages, l)
		return
	}
	r.report.Repeated++
	old := l
	if newest := &r.messages[at]; l.Day > newest.Day || l.Day == newest.Day && l.From.Seq > newest.From.Seq {
		old, *newest = *newest, l
	}
	if old.ID == r.messages[at].ID { // the same message, sealed anew: Done will remember it
		r.forget(ctx, place{old.Inbox, old.Name})
		return
	}
	r.older = append(r.older, old)
}

// mayOpen reports whether one more letter may be opened within this hour, and counts it.
func (d *Desk) mayOpen() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.o.Now()
	if passed := now.Sub(d.hour); passed >= time.Hour || passed < 0 { // a clock that was set back begins anew
		d.hour, d.opened = now, 0
	}
	if d.opened >= MaxOpened {
		return false
	}
	d.opened++
	return true
}

// forget deletes a letter. If that fails, the letter is passed over from now on.
func (d *Desk) forget(ctx context.Context, at place) {
	d.mu.Lock()
	d.handled[at.name] = true
	d.mu.Unlock()
	if err := d.o.Inbox.Forget(ctx, at.inbox, at.name); err != nil {
		d.o.Log.Debug("a letter can't be deleted", "letter", at.name.String(), "error", err)
	}
}

// shuffler returns a source for the order of letters, which nobody can foresee.
func (d *Desk) shuffler() (*rand.Rand, error) {
	seed, err := crypto.Random[[32]byte](d.o.Rand)
	if err != nil {
		return nil, err
	}
	return rand.New(rand.NewChaCha8(seed)), nil
}
