package remotetest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"postern/crypto"
	"postern/remote"
)

var nameChecks = []Check{
	{Name: "names/claim", Promise: "a name belongs to the first account that claims it", Do: namesClaim},
	{Name: "names/replace", Promise: "only the holder replaces the record of a name, by a later one", Do: namesReplace},
	{Name: "names/refused", Promise: "a record without its holder's signature for this name is never accepted",
		Do: namesRefused},
	{Name: "names/one winner", Promise: "of many claims at once exactly one succeeds", Do: namesOneWinner},
}

// claimant returns the secret of a fresh account.
func (e *Env) claimant() crypto.AccountSecret { return crypto.AccountSecret(e.bytes(crypto.KeySize)) }

// fresh returns an unclaimed name.
func (e *Env) fresh() string { return fmt.Sprintf("check-%x", e.bytes(16)) }

// record returns a state of the record of a name.
func (e *Env) record(of crypto.AccountSecret, name string, seq uint64) crypto.NameRecord {
	e.mu.Lock()
	defer e.mu.Unlock()
	r, err := of.SealName(name, seq, nil, e.Rand)
	if err != nil {
		e.failed = err
	}
	return r
}

// held returns an error unless a name has that record.
func held(ctx context.Context, n remote.Names, id crypto.NameID, wanted crypto.NameRecord) error {
	got, err := n.LookUp(ctx, id)
	if err == nil && got != wanted {
		err = fmt.Errorf("the record has sequence %d instead of %d, or another holder", got.Seq(), wanted.Seq())
	}
	return err
}

// unheld returns an error unless a name is unclaimed.
func unheld(ctx context.Context, n remote.Names, id crypto.NameID) error {
	_, err := n.LookUp(ctx, id)
	return want("look-up of a name that nobody has claimed", err, remote.ErrNotFound)
}

func namesClaim(ctx context.Context, e *Env) error {
	n, alice, mallory, name := e.Store.Roles().Names, e.claimant(), e.claimant(), e.fresh()
	if n == nil {
		return nil
	}
	id, record := crypto.NameIDOf(name), e.record(alice, name, 1)
	return first(
		unheld(ctx, n, id),
		n.Claim(ctx, id, record),
		held(ctx, n, id, record),
		n.Claim(ctx, id, record), // again
		want("a claim of a name that is taken", n.Claim(ctx, id, e.record(mallory, name, 9)), remote.ErrConflict),
		want("a claim of one's own name", n.Claim(ctx, id, e.record(alice, name, 2)), remote.ErrConflict),
		held(ctx, n, id, record),
	)
}

func namesReplace(ctx context.Context, e *Env) error {
	n, alice, mallory, name := e.Store.Roles().Names, e.claimant(), e.claimant(), e.fresh()
	if n == nil {
		return nil
	}
	id, five, six := crypto.NameIDOf(name), e.record(alice, name, 5), e.record(alice, name, 6)
	return first(
		want("a replacement of a name that nobody has claimed", n.Replace(ctx, id, five), remote.ErrNotFound),
		unheld(ctx, n, id),
		n.Claim(ctx, id, five),
		n.Replace(ctx, id, six),
		n.Replace(ctx, id, six), // again
		held(ctx, n, id, six),
		want("a replacement by an older record", n.Replace(ctx, id, five), remote.ErrConflict),
		want("a replacement by another record of the same sequence", n.Replace(ctx, id, e.record(alice, name, 6)),
			remote.ErrConflict),
		want("a replacement by somebody else", n.Replace(ctx, id, e.record(mallory, name, 7)), remote.ErrRefused),
		held(ctx, n, id, six),
	)
}

func namesRefused(ctx context.Context, e *Env) error {
	n, alice, name := e.Store.Roles().Names, e.claimant(), e.fresh()
	if n == nil {
		return nil
	}
	id, record := crypto.NameIDOf(name), e.record(alice, name, 1)
	forged, later := record, e.record(alice, name, 2)
	forged[100] ^= 1
	later[47] ^= 1 // of the sequence
	err := first(
		want("a claim by a record that isn't signed", n.Claim(ctx, id, forged), remote.ErrRefused),
		want("a claim by the record of another name", n.Claim(ctx, id, e.record(alice, e.fresh(), 1)), remote.ErrRefused),
		unheld(ctx, n, id),
		n.Claim(ctx, id, record),
		want("a replacement by a record that isn't signed", n.Replace(ctx, id, later), remote.ErrRefused),
	)
	return first(err, held(ctx, n, id, record))
}

func namesOneWinner(ctx context.Context, e *Env) error {
	const rivals = 6
	name := e.fresh()
	id := crypto.NameIDOf(name)
	stores, err := e.handles(rivals)
	if err != nil || e.Store.Roles().Names == nil {
		return err
	}
	var records, winners []crypto.NameRecord
	for range rivals {
		records = append(records, e.record(e.claimant(), name, 1))
	}
	var mu sync.Mutex
	err = together(rivals, func(i int) error {
		err := stores[i].Roles().Names.Claim(ctx, id, records[i])
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			winners = append(winners, records[i])
		} else if !errors.Is(err, remote.ErrConflict) {
			return err
		}
		return nil
	})
	if err == nil && len(winners) != 1 {
		err = fmt.Errorf("%d of %d claims succeeded", len(winners), rivals)
	}
	if err != nil {
		return err
	}
	return held(ctx, stores[rivals-1].Roles().Names, id, winners[0])
}
