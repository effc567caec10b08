package remote

import (
	"context"
	"errors"
	"fmt"

	"postern/crypto"
)

// Roles are what a store offers beside blobs and pointers. A role that it lacks is nil. A store that is not open yet
// offers all; a call of a role that it then turns out to lack is ErrRefused with ErrNoRole.
type Roles struct {
	Inbox Inbox
	Names Names
	Watch Watch
	// Pace returns how fast the store has answered lately, without a request. Nil: it is local, or nothing measures it.
	Pace func() Pace
}

// ErrNoRole is the cause of an ErrRefused when the store does not offer the role at all.
var ErrNoRole = errors.New("the store does not offer this")

// MaxLetters is how many letters an inbox holds, unless the driver is given another limit. Letters never returns more.
const MaxLetters = 1000

// Inbox keeps letters for accounts. Anybody with access to the store can drop one. The store decides which users may
// list and delete letters; a plain folder or bucket can't restrict that.
type Inbox interface {
	// Drop leaves a letter in an inbox and returns once it is durable. Dropping a letter that is there already succeeds
	// and changes nothing. Errors: ErrRefused (a letter without a stamp), ErrFull (the inbox or the store is full; its
	// letters stay), ErrUnavailable.
	Drop(ctx context.Context, to crypto.InboxID, letter crypto.Letter) error

	// Letters returns the names of the letters in an inbox, in no order, each once, at most MaxLetters. An inbox that
	// nobody has used is empty.
	Letters(ctx context.Context, of crypto.InboxID) ([]crypto.LetterName, error)

	// Fetch returns a letter. Errors: ErrNotFound, ErrUnavailable, ErrCorrupt.
	Fetch(ctx context.Context, of crypto.InboxID, name crypto.LetterName) (crypto.Letter, error)

	// Forget deletes a letter. Deleting what is not there succeeds.
	Forget(ctx context.Context, of crypto.InboxID, name crypto.LetterName) error
}

// Names keeps one signed record for each name that is claimed.
type Names interface {
	// Claim keeps the first record of a name. Errors: ErrConflict if another record is there, of any account,
	// ErrRefused for a record that is not signed. Repeating the same claim succeeds. After ErrUnavailable the outcome
	// is unknown: look up.
	Claim(ctx context.Context, id crypto.NameID, record crypto.NameRecord) error

	// LookUp returns the newest record of a name. Errors: ErrNotFound, ErrUnavailable, ErrCorrupt.
	LookUp(ctx context.Context, id crypto.NameID) (crypto.NameRecord, error)

	// Replace replaces the record of a name by one of the same holder with a greater sequence. Errors: ErrNotFound if
	// nobody has claimed the name, ErrRefused for a record that is not signed or of another holder, ErrConflict if the
	// sequence that is there is not smaller. Repeating the same replacement succeeds.
	Replace(ctx context.Context, id crypto.NameID, record crypto.NameRecord) error
}

// Watch hints that something may have moved, so that a caller need not poll often.
type Watch interface {
	// Watch returns a channel that receives a hint soon after any listed pointer, or one of ids (at most MaxWatched),
	// may have moved. Hints that are not received are merged into one. A hint may be wrong, and one may be lost: the
	// caller asks what moved, and also asks now and then without a hint. The channel is closed when ctx or the handle
	// ends, or when the store can't be watched any longer; then the caller may watch again. Errors: ErrRefused (too
	// many ids), ErrUnavailable.
	Watch(ctx context.Context, ids []crypto.PointerID) (<-chan struct{}, error)
}

// MaxWatched bounds the pointers of one Watch.
const MaxWatched = 4096

// CheckWatch rejects more than MaxWatched pointers.
func CheckWatch(ids []crypto.PointerID) error {
	if len(ids) > MaxWatched {
		return Fail(OpWatch, Place{}, ErrRefused,
			fmt.Errorf("%d pointers can't be watched at a time, the most is %d", len(ids), MaxWatched))
	}
	return nil
}

// CheckLetter rejects a letter without a stamp, and returns the name of one that has it. Drivers call it first in Drop.
func CheckLetter(letter *crypto.Letter) (crypto.LetterName, error) {
	name := letter.Name()
	if !name.Stamped() {
		return name, Fail(OpDrop, name, ErrRefused, errors.New("the letter has no stamp"))
	}
	return name, nil
}

// CheckClaim is the one implementation of the rules of Claim: whether next may be kept as the first record of a name,
// of which current is there (nil: none). done says that it is there already. A driver calls it while it holds the lock
// that makes the claim atomic.
func CheckClaim(id crypto.NameID, current, next *crypto.NameRecord) (done bool, err error) {
	if err := next.Verify(id); err != nil {
		return false, Fail(OpClaim, id, ErrRefused, err)
	}
	if current == nil || *current == *next {
		return current != nil, nil
	}
	return false, Fail(OpClaim, id, ErrConflict, errors.New("the name is taken"))
}

// CheckReplace is the same for Replace.
func CheckReplace(id crypto.NameID, current, next *crypto.NameRecord) (done bool, err error) {
	if err := next.Verify(id); err != nil {
		return false, Fail(OpReplace, id, ErrRefused, err)
	}
	switch {
	case current == nil:
		return false, Fail(OpReplace, id, ErrNotFound, errors.New("the name is not claimed"))
	case *current == *next:
		return true, nil
	case current.Holder() != next.Holder():
		return false, Fail(OpReplace, id, ErrRefused, errors.New("another account holds the name"))
	case current.Seq() >= next.Seq():
		return false, Fail(OpReplace, id, ErrConflict, fmt.Errorf("sequence %d is there", current.Seq()))
	}
	return false, nil
}
