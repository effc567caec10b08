package account

import (
	"context"
	"errors"
	"io"

	"postern/cmd/postern/gateway"
	"postern/cmd/postern/say"
	"postern/crypto"
	"postern/remote"
)

// logins are the login records of one remote.
type logins struct {
	store remote.Store
	to    gateway.Target
	rand  io.Reader
}

// record is a login record as it is at the remote.
type record struct {
	pointer crypto.Pointer // zero: there is none
	found   bool
	retired bool
	secret  crypto.AccountSecret // where found and not retired
}

// find looks up the record of a name and a passphrase.
func (l logins) find(ctx context.Context, login crypto.Login) (record, error) {
	pointer, err := l.store.Load(ctx, login.Writer().ID())
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

// put makes a name and a passphrase open the account. It can be repeated after any failure.
func (l logins) put(ctx context.Context, login crypto.Login, user string, secret crypto.AccountSecret) error {
	now, err := l.find(ctx, login)
	if err != nil {
		return err
	}
	if now.found && !now.retired {
		if now.secret == secret {
			return nil // an earlier attempt wrote it
		}
		return l.taken(user)
	}
	var old crypto.PointerHash
	if now.found {
		old = now.pointer.Hash() // the passphrase was in use before, and is again
	}
	next, err := login.SealAccount(secret, now.pointer.Seq+1, l.rand)
	if err != nil {
		return err
	}
	if err := l.store.Swap(ctx, old, next); errors.Is(err, remote.ErrConflict) {
		return l.taken(user)
	} else if err != nil {
		return err
	}
	return nil
}

// retire makes an old name and passphrase open nothing.
func (l logins) retire(ctx context.Context, login crypto.Login, now record) error {
	if !now.found || now.retired {
		return nil
	}
	next, err := login.Retire(now.pointer.Seq+1, l.rand)
	if err != nil {
		return err
	}
	return l.store.Swap(ctx, now.pointer.Hash(), next)
}

// current finds the record that a passphrase of a finished account opens. A passphrase that opens none is an error.
func (l logins) current(
	ctx context.Context, user string, secret crypto.AccountSecret, passphrase string,
) (crypto.Login, record, error) {
	wrong := say.Advisef("this is not the passphrase of %s at %s: try again, or set a new one by postern recover "+
		"with the recovery words and another home", user, l.to)
	login, err := crypto.NewLogin(user, passphrase)
	if err != nil {
		return crypto.Login{}, record{}, wrong
	}
	now, err := l.find(ctx, login)
	if err != nil {
		return crypto.Login{}, record{}, err
	}
	if !now.found || !now.retired && now.secret != secret {
		return crypto.Login{}, record{}, wrong
	}
	if now.retired {
		return crypto.Login{}, record{}, errRetired(user)
	}
	return login, now, nil
}

// taken returns the error of a name and a passphrase that open another account.
func (l logins) taken(user string) error {
	return say.Advisef("the name %s with this passphrase opens another account at %s: choose another name or passphrase, "+
		"or use postern login if the account is yours", user, l.to)
}

func errRetired(user string) error {
	return say.Advisef("this passphrase of %s was changed for another: use the newer one", user)
}
