package mirror_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"postern/crypto"
	"postern/remote"
	"postern/remote/faulty"
	"postern/remote/mem"
)

// TestLettersOfAMemberThatWasAway: a letter of any member is listed, whichever member is away; a letter that was
// deleted meanwhile is not listed again, and is deleted when the member is back.
func TestLettersOfAMemberThatWasAway(t *testing.T) {
	ctx := t.Context()
	kept := []*mem.Store{mem.New(), mem.New()}
	leader, other := faulty.New(kept[0], nil, faulty.Options{}), faulty.New(kept[1], nil, faulty.Options{})
	s := join(t, quiet, leader, other)
	of := crypto.InboxID{1}
	var letter crypto.Letter
	_, _ = rand.NewChaCha8([32]byte{}).Read(letter[:crypto.LetterSize-8])
	copy(letter[crypto.LetterSize-3:], []byte{0x02, 0x81, 0x68}) // its stamp
	inbox, name := s.Roles().Inbox, letter.Name()
	shown := func(what string, want ...crypto.LetterName) {
		t.Helper()
		if got, err := inbox.Letters(ctx, of); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %d letters, %v", what, len(got), err)
		}
	}
	leader.SetPlan(faulty.Always(faulty.Fail))
	if err := inbox.Drop(ctx, of, letter); err != nil {
		t.Fatalf("dropped without the authority: %v", err)
	}
	leader.SetPlan(nil)
	shown("that only the other has", name)
	if got, err := inbox.Fetch(ctx, of, name); err != nil || got != letter {
		t.Errorf("fetched from the other: %v", err)
	}
	other.SetPlan(faulty.Always(faulty.Fail))
	if err := inbox.Forget(ctx, of, name); err != nil {
		t.Fatalf("deleted without the other: %v", err)
	}
	shown("that was deleted")
	if _, err := inbox.Fetch(ctx, of, name); remote.KindOf(err) != remote.ErrNotFound {
		t.Errorf("fetched after its deletion: %v", err)
	}
	other.SetPlan(nil)
	if err := s.Settle(ctx); err != nil {
		t.Fatal(err)
	}
	if left, err := kept[1].Letters(ctx, of); err != nil || len(left) > 0 {
		t.Errorf("%d letters are left at the member that was away, %v", len(left), err)
	}
}

// TestNamesWithoutTheAuthority: a record can be looked up at another member, and claimed at the authority only.
func TestNamesWithoutTheAuthority(t *testing.T) {
	ctx := t.Context()
	leader := faulty.New(mem.New(), nil, faulty.Options{})
	s := join(t, quiet, leader, mem.New())
	names, id := s.Roles().Names, crypto.NameIDOf("alice")
	record, err := crypto.AccountSecret{1}.SealName("alice", 1, nil, rand.NewChaCha8([32]byte{}))
	if err != nil {
		t.Fatal(err)
	}
	if err := names.Claim(ctx, id, record); err != nil {
		t.Fatal(err)
	}
	leader.SetPlan(faulty.Always(faulty.Fail))
	if got, err := names.LookUp(ctx, id); err != nil || got != record {
		t.Errorf("looked up at the other: %v", err)
	}
	if err := names.Claim(ctx, id, record); remote.KindOf(err) != remote.ErrUnavailable {
		t.Errorf("a claim without the authority: %v", err)
	}
}
