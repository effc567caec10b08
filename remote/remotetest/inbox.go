package remotetest

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"postern/crypto"
	"postern/remote"
)

var inboxChecks = []Check{
	{Name: "inbox/letters", Promise: "dropped letters can be listed and fetched until they are deleted",
		Do: inboxLetters},
	{Name: "inbox/apart", Promise: "inboxes don't affect each other", Do: inboxesApart},
	{Name: "inbox/refused", Promise: "a letter without a stamp is never accepted", Do: inboxRefused},
	{Name: "inbox/full", Promise: "a full inbox takes no letter, loses none, and has room again after a deletion",
		Do: inboxFull},
}

// stamps are those of letters of random bytes, whose seeds count from 0: each took a second to find.
var stamps = [...]uint64{
	0x028168, 0x0de771, 0x00bdfd, 0x04aaf8, 0x1c3f86, 0x113816, 0x04029e, 0x0282a4, 0x00030e, 0x0442ad, 0x0b38a2, 0x086767,
}

// stamped returns a letter with a stamp, which no key opens.
func stamped(n int) (l crypto.Letter) {
	_, _ = rand.NewChaCha8([32]byte{byte(n)}).Read(l[:crypto.LetterSize-8]) // it never fails
	binary.BigEndian.PutUint64(l[crypto.LetterSize-8:], stamps[n])
	return l
}

// inbox returns the id of a fresh inbox.
func (e *Env) inbox() crypto.InboxID { return crypto.InboxID(e.bytes(32)) }

// posts returns an error unless an inbox holds those letters and no others.
func posts(ctx context.Context, i remote.Inbox, of crypto.InboxID, wanted ...crypto.Letter) error {
	got, err := i.Letters(ctx, of)
	if err != nil {
		return err
	}
	left := map[crypto.LetterName]bool{}
	for _, name := range got {
		if left[name] {
			return fmt.Errorf("letter %v is listed twice", name)
		}
		left[name] = true
	}
	for _, letter := range wanted {
		name := letter.Name()
		if !left[name] {
			return fmt.Errorf("letter %v is not listed", name)
		}
		delete(left, name)
		if got, err := i.Fetch(ctx, of, name); err != nil || got != letter {
			return fmt.Errorf("letter %v was fetched as %v: %w", name, got.Name(), err)
		}
	}
	if len(left) > 0 {
		return fmt.Errorf("%d letters too many are listed", len(left))
	}
	return nil
}

// forgets deletes letters.
func forgets(ctx context.Context, i remote.Inbox, of crypto.InboxID, letters ...crypto.Letter) error {
	for _, letter := range letters {
		if err := i.Forget(ctx, of, letter.Name()); err != nil {
			return err
		}
	}
	return nil
}

// noLetter returns an error unless a letter is missing.
func noLetter(ctx context.Context, i remote.Inbox, of crypto.InboxID, letter crypto.Letter) error {
	_, err := i.Fetch(ctx, of, letter.Name())
	return want("fetch of a letter that isn't there", err, remote.ErrNotFound)
}

func inboxLetters(ctx context.Context, e *Env) error {
	i, of := e.Store.Roles().Inbox, e.inbox()
	if i == nil {
		return nil
	}
	a, b := stamped(0), stamped(1)
	return first(
		posts(ctx, i, of),
		noLetter(ctx, i, of, a),
		i.Drop(ctx, of, a),
		posts(ctx, i, of, a),
		i.Drop(ctx, of, b),
		i.Drop(ctx, of, a), // again
		posts(ctx, i, of, a, b),
		forgets(ctx, i, of, a),
		posts(ctx, i, of, b),
		noLetter(ctx, i, of, a),
		forgets(ctx, i, of, a, b),
		posts(ctx, i, of),
		i.Drop(ctx, of, a),
		posts(ctx, i, of, a),
		forgets(ctx, i, of, a),
	)
}

func inboxesApart(ctx context.Context, e *Env) error {
	i, one, two := e.Store.Roles().Inbox, e.inbox(), e.inbox()
	if i == nil {
		return nil
	}
	a, b := stamped(0), stamped(1)
	return first(
		i.Drop(ctx, one, a),
		i.Drop(ctx, two, a),
		i.Drop(ctx, two, b),
		posts(ctx, i, one, a),
		posts(ctx, i, two, a, b),
		noLetter(ctx, i, one, b),
		forgets(ctx, i, two, a, b),
		posts(ctx, i, one, a),
		forgets(ctx, i, one, a),
	)
}

func inboxRefused(ctx context.Context, e *Env) error {
	i, of := e.Store.Roles().Inbox, e.inbox()
	if i == nil {
		return nil
	}
	unstamped := stamped(0)
	unstamped[crypto.LetterSize-1] ^= 1
	return first(
		want("a letter without a stamp", i.Drop(ctx, of, unstamped), remote.ErrRefused),
		noLetter(ctx, i, of, unstamped),
		posts(ctx, i, of),
	)
}

func inboxFull(ctx context.Context, e *Env) error {
	i, of := e.Store.Roles().Inbox, e.inbox()
	if i == nil {
		return nil
	}
	var in []crypto.Letter
	for n := range stamps {
		letter := stamped(n)
		err := i.Drop(ctx, of, letter)
		if err == nil {
			in = append(in, letter)
			continue
		}
		if err := want("a letter too many", err, remote.ErrFull); err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("an empty inbox is full: %w", err)
		}
		err = first(
			posts(ctx, i, of, in...),
			i.Drop(ctx, of, in[0]), // it is there
			forgets(ctx, i, of, in[0]),
			i.Drop(ctx, of, letter),
			posts(ctx, i, of, append(in[1:], letter)...),
			forgets(ctx, i, of, letter),
		)
		if err != nil {
			return err
		}
		break
	}
	return first(forgets(ctx, i, of, in...), posts(ctx, i, of))
}
