package transfer_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"postern/crypto"
	"postern/remote"
	"postern/remote/mem"
	"postern/remote/transfer"
	"postern/remote/transfer/transfertest"
)

// plain is a store that offers no roles.
type plain struct{ remote.Store }

func (plain) Roles() remote.Roles { return remote.Roles{} }

// TestLettersAndNamesMove: a copy takes along the letters of the given inboxes and the records of the given names. Run
// again it changes nothing, and a newer record at the destination stays.
func TestLettersAndNamesMove(t *testing.T) {
	ctx := t.Context()
	from, _ := account(t, 2)
	secret, inbox, other := crypto.AccountSecret{1}, crypto.InboxID{1}, crypto.InboxID{2}
	record := func(seq uint64) crypto.NameRecord {
		r, err := secret.SealName("alice", seq, nil, rand.NewChaCha8([32]byte{}))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	letter := transfertest.Letter()
	id := crypto.NameIDOf("alice")
	for _, to := range []crypto.InboxID{inbox, other} {
		if err := from.Drop(ctx, to, letter); err != nil {
			t.Fatal(err)
		}
	}
	if err := from.Claim(ctx, id, record(3)); err != nil {
		t.Fatal(err)
	}
	o := transfer.Options{Mail: transfer.Mail{
		Inboxes: []crypto.InboxID{inbox, {9}}, Names: []crypto.NameID{id, crypto.NameIDOf("nobody")},
	}}
	to := mem.New()
	check := func(what string, names, seq int) {
		t.Helper()
		at, err := transfer.Copy(ctx, from, to, ids, o)
		if err != nil || at.Letters != 1 || at.Names != names {
			t.Errorf("%s: %+v, %v", what, at, err)
		}
		letters, err := to.Letters(ctx, inbox)
		if err != nil || !slices.Equal(letters, []crypto.LetterName{letter.Name()}) {
			t.Errorf("%s: %d letters, %v", what, len(letters), err)
		}
		if letters, err := to.Letters(ctx, other); err != nil || len(letters) > 0 {
			t.Errorf("%s: %d letters of another inbox, %v", what, len(letters), err)
		}
		if r, err := to.LookUp(ctx, id); err != nil || r.Seq() != uint64(seq) {
			t.Errorf("%s: sequence %d, %v", what, r.Seq(), err)
		}
	}
	check("the first copy", 1, 3)
	check("again", 0, 3)
	if err := to.Replace(ctx, id, record(4)); err != nil {
		t.Fatal(err)
	}
	check("over a newer record", 0, 4)
	if err := from.Replace(ctx, id, record(5)); err != nil {
		t.Fatal(err)
	}
	check("of a newer record", 1, 5)

	if _, err := transfer.Copy(context.Background(), plain{from}, mem.New(), ids, o); err != nil {
		t.Errorf("from a store without roles: %v", err)
	}
	if _, err := transfer.Copy(ctx, from, plain{mem.New()}, ids, o); remote.KindOf(err) != remote.ErrRefused {
		t.Errorf("to a store without roles: %v", err)
	}
}
