// Package carry copies an account to another remote, imports bundles without an account, and finds the state that a
// bundle builds on.
package carry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"postern/cmd/postern/control"
	"postern/cmd/postern/gateway"
	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
	"postern/crypto"
	"postern/remote"
	"postern/remote/transfer"
	"postern/remote/verify"
	"postern/vfs/roots"
)

// CopyOptions say what Copy copies.
type CopyOptions struct {
	Home     home.Home
	Account  home.Account
	From, To gateway.Target
	Login    *crypto.Pointer // the login record that goes along; nil: none
	ReadBack bool            // read every blob back from To, also those that were there
	Tell     control.Tell
	Behind   func(control.Copy) // called with each member of a mirror at To that lags in the end
}

// settleFor is how long a copy waits for the members of a mirror that do not lead.
const settleFor = time.Minute

// Copy copies everything that the account's spaces and their histories refer to from one remote to another, then their
// pointers, those of secret links and the login record, then the letters in the account's inbox and the record of its
// name. Repeat it after a
// failure to copy the rest. It does not copy changes that are committed meanwhile. It replaces a pointer at To only if
// the state at From contains the one there.
func Copy(ctx context.Context, o CopyOptions) (at transfer.Progress, err error) {
	// A running gateway holds the home and its pins, so both remotes are opened without them.
	source, err := open(ctx, o.Home, o.From, false)
	if err != nil {
		return at, err
	}
	defer func() { err = say.Closing(err, source.Close) }()
	found, err := gateway.Roots(source, o.Account).Reach(ctx, roots.ReachOptions{Seen: control.Seeking(o.Tell)})
	if err != nil {
		return at, fmt.Errorf("find the blobs to copy: %w", err)
	}
	beside, err := gateway.BelongingsAt(ctx, source, o.Account)
	if err != nil {
		return at, err
	}
	pointers := append(beside.Links, found.Pointers...)
	var ids []crypto.PointerID
	for _, p := range pointers {
		ids = append(ids, p.ID)
	}
	if o.Login != nil {
		ids = append(ids, o.Login.ID)
	}
	destination, err := open(ctx, o.Home, o.To, true)
	if err != nil {
		return at, err
	}
	defer func() { err = say.Closing(err, destination.Close) }()
	at, err = transfer.Copy(ctx, pinnedAt{source, pointers}, destination, ids, transfer.Options{
		Blobs: transfer.Names(found.Blobs), ReadBack: o.ReadBack, Follows: gateway.Follows(destination, o.Account),
		Mail: beside.Mail,
		Progress: func(at transfer.Progress) {
			at.TotalBlobs = int64(len(found.Blobs))
			control.Carried("copied", o.Tell)(at)
		},
	})
	var lost *transfer.Lost
	switch {
	case errors.As(err, &lost):
		return at, say.Advised(err)
	case err != nil:
		return at, fmt.Errorf("copy to %s: %w", o.To, err)
	}
	for _, member := range o.To.Settled(ctx, settleFor) {
		o.Behind(member)
	}
	return at, nil
}

// open opens a remote without the pins of the home.
func open(ctx context.Context, h home.Home, to gateway.Target, founding bool) (remote.Store, error) {
	return gateway.OpenRemote(ctx, gateway.HoldOptions{Home: h, To: to, Founding: founding}, &verify.MemoryPins{})
}

// pinnedAt is a remote whose pointers stay at one state, so that commits made meanwhile do not move a pointer past the
// copied blobs.
type pinnedAt struct {
	remote.Store
	at []crypto.Pointer
}

// Load implements remote.Pointers.
func (s pinnedAt) Load(ctx context.Context, id crypto.PointerID) (crypto.Pointer, error) {
	if i := slices.IndexFunc(s.at, func(p crypto.Pointer) bool { return p.ID == id }); i >= 0 {
		return s.at[i], nil
	}
	return s.Store.Load(ctx, id)
}
