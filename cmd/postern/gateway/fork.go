package gateway

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"postern/cmd/postern/control"
	"postern/cmd/postern/say"
	"postern/crypto"
	"postern/remote"
	"postern/remote/verify"
	"postern/vfs/layout"
	"postern/vfs/space/base"
)

// Fork implements control.Keeper.
func (g *gateway) Fork(ctx context.Context, accept bool) (control.Fork, error) {
	if g.to.Volatile() {
		return control.Fork{}, say.Advisef("the remote %s begins anew each time: there is nothing to compare", g.to)
	}
	id := g.account.Secret.Writer().ID()
	// Open the remote without the pins, since they are in question.
	store, err := OpenRemote(ctx, HoldOptions{Home: g.home, To: g.to, Log: slog.New(slog.DiscardHandler)},
		&verify.MemoryPins{})
	if err != nil {
		return control.Fork{}, err
	}
	defer func() { _ = store.Close() }() // only read from
	shown, err := store.Load(ctx, id)
	if errors.Is(err, remote.ErrNotFound) {
		return control.Fork{}, say.Advisef("the remote %s has no drive of this account at all: see that it is the right "+
			"one, and that its disk is mounted", g.to)
	}
	if err != nil {
		return control.Fork{}, err
	}
	pin, known, err := g.pins.Load(id)
	if err != nil {
		return control.Fork{}, err
	}
	fork := control.Fork{Trouble: known && (shown.Seq < pin.Seq || shown.Seq == pin.Seq && shown.Hash() != pin.Hash)}
	f := forkFacts(shown, pin, known)
	if blocked := g.drive.space.Status().Blocked; blocked != "" && !fork.Trouble {
		fork.Trouble = true
		f = f[:len(f)-1]
		f.add("so", "%s", blocked)
	}
	if accept && fork.Trouble {
		if err := g.accept(ctx, shown, &f); err != nil {
			return control.Fork{}, err
		}
		fork.Accepted = true
	}
	fork.Facts = f
	return fork, nil
}

func forkFacts(shown crypto.Pointer, pin verify.Pin, known bool) (f facts) {
	hash := shown.Hash()
	f.add("the remote shows", "sequence %d, state %s", shown.Seq, hex.EncodeToString(hash[:8]))
	if !known {
		f.add("this device", "has seen nothing yet")
		return f
	}
	f.add("this device saw", "sequence %d, state %s", pin.Seq, hex.EncodeToString(pin.Hash[:8]))
	switch {
	case shown.Seq < pin.Seq:
		f.add("so", "the remote went back by %s: it was restored from an old copy, or it lies",
			say.Plural(int64(pin.Seq-shown.Seq), "commit"))
	case shown.Seq == pin.Seq && hash != pin.Hash:
		f.add("so", "the remote shows another state of the same sequence: two copies of it were written to, or it lies")
	case shown.Seq == pin.Seq:
		f.add("so", "all is well: it is the very state")
	default:
		f.add("so", "all is well: it has gone on")
	}
	return f
}

// shownGone is how many of the paths that can't be kept are named.
const shownGone = 20

// accept resets the pin, makes the drive adopt the state that the remote shows, and keeps the former state in a folder
// if it can still be read.
func (g *gateway) accept(ctx context.Context, shown crypto.Pointer, f *facts) error {
	before := g.drive.space.Files()
	if err := base.Openable(ctx, g.drive.checked, g.account.Secret.Own(), shown); err != nil {
		return fmt.Errorf("what the remote shows can't be opened, so it is not accepted: %w", err)
	}
	if err := g.pins.Save(shown.ID, verify.Pin{Seq: shown.Seq, Hash: shown.Hash()}); err != nil {
		return err
	}
	if err := g.drive.space.Committer().Accept(ctx, shown); err != nil {
		return fmt.Errorf("the remote's state was accepted, but the drive does not go on yet: %w", err)
	}
	f.add("accepted", "the drive goes on from what the remote shows; what was not at the remote yet is merged with it")
	folder := layout.Files + "/kept-" + time.Now().UTC().Format("2006-01-02-150405")
	gone, err := g.drive.space.Keeper().Keep(ctx, before, folder[len(layout.Files):])
	switch {
	case err != nil:
		f.add("lost", "what this device had seen at the remote before can't be kept: %v", err)
		return nil
	case len(gone) > 0 && gone[0] == "/":
		f.add("lost", "what this device had seen at the remote before can't be kept: neither the remote nor this device "+
			"has its folders any more")
		return nil
	}
	f.add("kept", "the files as this device knew them before are in %s: take what you need and remove it", folder)
	for i, path := range gone {
		if i == shownGone && i+1 < len(gone) {
			f.add("lost", "and %d more", len(gone)-i)
			break
		}
		f.add("lost", "%s: neither the remote nor this device has it any more", path)
	}
	return nil
}
