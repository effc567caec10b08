package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"postern/cmd/postern/control"
	"postern/crypto"
	"postern/remote"
	"postern/remote/verify"
	"postern/vfs/space"
)

func (p *program) inspectFork() *cobra.Command {
	var accept bool
	cmd := &cobra.Command{
		Use:   "fork",
		Short: "Compare what the remote shows with what this device has seen, and get out of a rollback",
		Long: `A remote that shows an older state than before, or another one in its place, is not believed: the drive takes no changes until the
remote is as it was. That is what should be tried first: restore the remote from its newest copy.

If there is none, --accept takes what the remote shows now for the truth. What is not at the remote yet stays in the journal and
is merged with it, as with changes of another device. What was at the remote before, and isn't any more, is kept in a folder
/files/kept-TIME, as far as the remote or this device still has it. Other devices have to accept for themselves.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.withGateway(cmd.Context(), func(g control.Gateway) error {
				fork, err := g.Fork(cmd.Context(), accept)
				if err != nil {
					return err
				}
				table := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
				for _, f := range fork.Facts {
					_, _ = fmt.Fprintf(table, "%s\t%s\n", f.Name, f.Value) // kept until Flush
				}
				if err := table.Flush(); err != nil {
					return err
				}
				if fork.Trouble && !fork.Accepted {
					return advisef("the remote does not show what it showed before: restore it from its newest copy; if there is none, postern inspect fork --accept takes it as it is")
				}
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&accept, "accept", false, "take what the remote shows for the truth from now on")
	return cmd
}

// Fork implements control.Keeper.
func (g *gateway) Fork(ctx context.Context, accept bool) (control.Fork, error) {
	if g.to.driver.volatile {
		return control.Fork{}, advisef("the remote %s begins anew each time: there is nothing to compare", g.to)
	}
	id := g.account.Secret.Writer().ID()
	// With fresh eyes: past the pins, which are what is asked about.
	store, err := openChecked(ctx, holdOptions{home: g.home, to: g.to, log: slog.New(slog.DiscardHandler)}, &verify.MemoryPins{})
	if err != nil {
		return control.Fork{}, err
	}
	defer func() { _ = store.Close() }() // only read from
	shown, err := store.Load(ctx, id)
	if errors.Is(err, remote.ErrNotFound) {
		return control.Fork{}, advisef("the remote %s has no drive of this account at all: see that it is the right one, and that its disk is mounted", g.to)
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
		f.add("so", "the remote went back by %s: it was restored from an old copy, or it lies", plural(int64(pin.Seq-shown.Seq), "commit"))
	case shown.Seq == pin.Seq && hash != pin.Hash:
		f.add("so", "the remote shows another state of the same sequence: it was written to on its own while it was two, or it lies")
	case shown.Seq == pin.Seq:
		f.add("so", "all is well: it is the very state")
	default:
		f.add("so", "all is well: it has gone on")
	}
	return f
}

// shownGone is how many paths are named that can't be kept.
const shownGone = 20

// accept resets the pin, has the drive take over what the remote shows, and keeps what was there before in a folder if it can still be read.
func (g *gateway) accept(ctx context.Context, shown crypto.Pointer, f *facts) error {
	before, err := g.drive.space.Files(ctx)
	if err != nil {
		return fmt.Errorf("can't open what this device knew of the drive: %w", err)
	}
	if err := space.Openable(ctx, g.drive.checked, g.account.Secret, shown); err != nil {
		return fmt.Errorf("what the remote shows can't be opened, so it is not accepted: %w", err)
	}
	if err := g.pins.Save(shown.ID, verify.Pin{Seq: shown.Seq, Hash: shown.Hash()}); err != nil {
		return err
	}
	if err := g.drive.space.Accept(ctx, shown); err != nil {
		return fmt.Errorf("the remote's state was accepted, but the drive does not go on yet: %w", err)
	}
	f.add("accepted", "the drive goes on from what the remote shows; what was not at the remote yet is merged with it")
	folder := filesAt + "/kept-" + time.Now().UTC().Format("2006-01-02-150405")
	gone, err := g.drive.space.Keep(ctx, before, folder[len(filesAt):])
	switch {
	case err != nil:
		f.add("lost", "what this device had seen at the remote before can't be kept: %v", err)
		return nil
	case len(gone) > 0 && gone[0] == "/":
		f.add("lost", "what this device had seen at the remote before can't be kept: neither the remote nor this device has its folders any more")
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
