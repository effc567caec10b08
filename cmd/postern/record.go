package main

import (
	"context"
	"errors"
	"io"

	"postern/cmd/postern/gateway"
	"postern/cmd/postern/say"
	"postern/crypto"
	"postern/remote"
)

// record is a login record as it stands at a remote.
type record struct {
	pointer crypto.Pointer // zero: there is none
	found   bool
	retired bool
	secret  crypto.AccountSecret // where found and not retired
}

// loadRecord looks up what name and passphrase lead to.
func loadRecord(ctx context.Context, store remote.Store, login crypto.Login) (record, error) {
	pointer, err := store.Load(ctx, login.Writer().ID())
	if errors.Is(err, remote.ErrNotFound) {
		return record{}, nil
	}
	if err != nil {
		return record{}, err
	}
	secret, err := login.OpenAccount(pointer)
	if errors.Is(err, crypto.ErrRetired) {
		return record{pointer: pointer, found: true, retired: true}, nil
	}
	if err != nil {
		return record{}, err
	}
	return record{pointer: pointer, found: true, secret: secret}, nil
}

// errTaken says that name and passphrase lead to another account.
func errTaken(user string, to gateway.Target) error {
	return say.Advisef("the name %s with this passphrase opens another account at %s: choose another name or passphrase, or use postern login if the account is yours", user, to)
}

// putRecord makes name and passphrase lead to the account. It can be repeated after any failure.
func putRecord(ctx context.Context, store remote.Store, login crypto.Login, user string, to gateway.Target, secret crypto.AccountSecret, rand io.Reader) error {
	now, err := loadRecord(ctx, store, login)
	if err != nil {
		return err
	}
	if now.found && !now.retired {
		if now.secret == secret {
			return nil // an earlier try came so far
		}
		return errTaken(user, to)
	}
	var old crypto.PointerHash
	if now.found {
		old = now.pointer.Hash() // a passphrase that was in use before, and is again
	}
	next, err := login.SealAccount(secret, now.pointer.Seq+1, rand)
	if err != nil {
		return err
	}
	if err := store.Swap(ctx, old, next); errors.Is(err, remote.ErrConflict) {
		return errTaken(user, to)
	} else if err != nil {
		return err
	}
	return nil
}

// retireRecord makes an old name and passphrase lead nowhere.
func retireRecord(ctx context.Context, store remote.Store, login crypto.Login, now record, rand io.Reader) error {
	if !now.found || now.retired {
		return nil
	}
	next, err := login.Retire(now.pointer.Seq+1, rand)
	if err != nil {
		return err
	}
	return store.Swap(ctx, now.pointer.Hash(), next)
}
