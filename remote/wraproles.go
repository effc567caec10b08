package remote

import (
	"context"
	"fmt"

	"postern/crypto"
)

// Roles implements Store: the roles of the wrapped store, wrapped. The roles of a store that Call.To names are not
// known before a call.
func (w *wrapped) Roles() (r Roles) {
	var inner Roles
	if w.inner != nil {
		inner = w.inner.Roles()
	}
	r.Pace = inner.Pace
	if w.inner == nil || inner.Inbox != nil {
		r.Inbox = wrappedInbox{w}
	}
	if w.inner == nil || inner.Names != nil {
		r.Names = wrappedNames{w}
	}
	if w.inner == nil || inner.Watch != nil {
		r.Watch = wrappedWatch{w}
	}
	return r
}

type (
	wrappedInbox struct{ *wrapped }
	wrappedNames struct{ *wrapped }
	wrappedWatch struct{ *wrapped }
)

// call begins a call of a role.
func (w *wrapped) call(op string, on fmt.Stringer) *Call { return &Call{Op: op, On: on, To: w.inner} }

// lacking returns the error of a call whose role the store does not offer.
func (c *Call) lacking() error { return Fail(c.Op, c.On, ErrRefused, ErrNoRole) }

// Drop implements Inbox.
func (w wrappedInbox) Drop(ctx context.Context, to crypto.InboxID, letter crypto.Letter) error {
	c := w.call(OpDrop, to)
	return w.around(ctx, c, func(ctx context.Context) error {
		if inbox := c.To.Roles().Inbox; inbox != nil {
			return inbox.Drop(ctx, to, letter)
		}
		return c.lacking()
	})
}

// Letters implements Inbox.
func (w wrappedInbox) Letters(ctx context.Context, of crypto.InboxID) ([]crypto.LetterName, error) {
	c := w.call(OpLetters, of)
	return run(ctx, w.wrapped, c, func(ctx context.Context) ([]crypto.LetterName, error) {
		if inbox := c.To.Roles().Inbox; inbox != nil {
			return inbox.Letters(ctx, of)
		}
		return nil, c.lacking()
	})
}

// Fetch implements Inbox.
func (w wrappedInbox) Fetch(ctx context.Context, of crypto.InboxID, name crypto.LetterName) (crypto.Letter, error) {
	c := w.call(OpFetch, name)
	return run(ctx, w.wrapped, c, func(ctx context.Context) (crypto.Letter, error) {
		if inbox := c.To.Roles().Inbox; inbox != nil {
			return inbox.Fetch(ctx, of, name)
		}
		return crypto.Letter{}, c.lacking()
	})
}

// Forget implements Inbox.
func (w wrappedInbox) Forget(ctx context.Context, of crypto.InboxID, name crypto.LetterName) error {
	c := w.call(OpForget, name)
	return w.around(ctx, c, func(ctx context.Context) error {
		if inbox := c.To.Roles().Inbox; inbox != nil {
			return inbox.Forget(ctx, of, name)
		}
		return c.lacking()
	})
}

// Claim implements Names.
func (w wrappedNames) Claim(ctx context.Context, id crypto.NameID, record crypto.NameRecord) error {
	c := w.call(OpClaim, id)
	return w.around(ctx, c, func(ctx context.Context) error {
		if names := c.To.Roles().Names; names != nil {
			return names.Claim(ctx, id, record)
		}
		return c.lacking()
	})
}

// LookUp implements Names.
func (w wrappedNames) LookUp(ctx context.Context, id crypto.NameID) (crypto.NameRecord, error) {
	c := w.call(OpLookUp, id)
	return run(ctx, w.wrapped, c, func(ctx context.Context) (crypto.NameRecord, error) {
		if names := c.To.Roles().Names; names != nil {
			return names.LookUp(ctx, id)
		}
		return crypto.NameRecord{}, c.lacking()
	})
}

// Replace implements Names.
func (w wrappedNames) Replace(ctx context.Context, id crypto.NameID, record crypto.NameRecord) error {
	c := w.call(OpReplace, id)
	return w.around(ctx, c, func(ctx context.Context) error {
		if names := c.To.Roles().Names; names != nil {
			return names.Replace(ctx, id, record)
		}
		return c.lacking()
	})
}

// Watch implements Watch. The call only starts the watch: the call ends with the context that around passes to it, the
// watch with ctx.
func (w wrappedWatch) Watch(ctx context.Context, ids []crypto.PointerID) (<-chan struct{}, error) {
	c := w.call(OpWatch, Place{})
	lasting, end := context.WithCancel(ctx)
	hints, err := run(lasting, w.wrapped, c, func(call context.Context) (<-chan struct{}, error) {
		watch := c.To.Roles().Watch
		if watch == nil {
			return nil, c.lacking()
		}
		try, giveUp := context.WithCancel(lasting)
		stop := context.AfterFunc(call, giveUp)
		hints, err := watch.Watch(try, ids)
		if !stop() && err == nil {
			err = Alive(call, c.Op, c.On) // it came too late
		}
		if err != nil {
			giveUp()
			return nil, err
		}
		context.AfterFunc(lasting, giveUp)
		return hints, nil
	})
	if err != nil {
		end() // also ends a watch that begins after around has returned
		return nil, err
	}
	context.AfterFunc(ctx, end)
	return hints, nil
}
