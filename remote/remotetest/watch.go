package remotetest

import (
	"context"
	"errors"
	"fmt"

	"postern/crypto"
	"postern/remote"
)

var watchChecks = []Check{
	{Name: "watch/hints", Promise: "a watch hints when a listed pointer moves, or one that the call named",
		Do: watchHints},
	{Name: "watch/ends", Promise: "a watch ends with its context", Do: watchEnds},
}

// hinted waits for a hint.
func hinted(ctx context.Context, what string, hints <-chan struct{}) error {
	select {
	case _, ok := <-hints:
		if !ok {
			return fmt.Errorf("the watch ended before %s", what)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("no hint came of %s: %w", what, ctx.Err())
	}
}

// watchSwaps moves a pointer, state by state, and waits for a hint after each move. The hint may be of an earlier move.
func watchSwaps(
	ctx context.Context, s remote.Store, hints <-chan struct{}, sign func(uint64, crypto.PointerValue) crypto.Pointer,
) error {
	old := none
	for seq := uint64(1); seq <= 3; seq++ {
		next := sign(seq, value(byte(seq)))
		if err := s.Swap(ctx, old, next); err != nil {
			return err
		}
		if err := hinted(ctx, fmt.Sprintf("a move to sequence %d", seq), hints); err != nil {
			return err
		}
		old = next.Hash()
	}
	return nil
}

func watchHints(ctx context.Context, e *Env) error {
	watch, own := e.Store.Roles().Watch, e.writer()
	if watch == nil {
		return nil
	}
	ctx, end := context.WithCancel(ctx)
	defer end()
	hints, err := watch.Watch(ctx, []crypto.PointerID{own.ID()})
	if err != nil {
		return err
	}
	return first(watchSwaps(ctx, e.Store, hints, own.Sign), watchSwaps(ctx, e.Store, hints, e.writer().SignListed))
}

func watchEnds(ctx context.Context, e *Env) error {
	watch := e.Store.Roles().Watch
	if watch == nil {
		return nil
	}
	if _, err := watch.Watch(ctx, make([]crypto.PointerID, remote.MaxWatched+1)); err == nil {
		return errors.New("more pointers are watched than may be")
	} else if err := want("a watch of too many pointers", err, remote.ErrRefused); err != nil {
		return err
	}
	watching, end := context.WithCancel(ctx)
	hints, err := watch.Watch(watching, nil)
	end()
	if err != nil {
		return err
	}
	for {
		select {
		case _, ok := <-hints:
			if !ok {
				return nil
			}
		case <-ctx.Done():
			return errors.New("the watch goes on after its context has ended")
		}
	}
}
