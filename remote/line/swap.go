package line

import (
	"context"
	"errors"
	"fmt"

	"github.com/cenkalti/backoff/v5"

	"postern/crypto"
	"postern/remote"
)

// swap tries a Swap. When the reply is lost, the pointer shows whether next arrived:
//
//   - it is next: the swap succeeded;
//   - it is still old: the swap is retried. The first swap may yet arrive late and make the second a conflict, so a
//     conflict after a lost reply is examined in the same way;
//   - its sequence is not above that of next: another writer was faster, and next was never there: ErrConflict;
//   - its sequence is above: next may have been there and been replaced, or not. Only the history could show it, so
//     this stays ErrUnavailable, outcome unknown.
func (r *retrier) swap(ctx context.Context, c *remote.Call, do func(context.Context) error) error {
	lost := false // a try was made whose outcome isn't known
	return r.run(ctx, c, func(ctx context.Context) error {
		if lost {
			again, err := r.settled(ctx, c.Old, *c.Next)
			if !again {
				return err
			}
		}
		err := do(ctx)
		switch remote.KindOf(err) {
		case nil, remote.ErrUnavailable:
			lost = lost || err != nil
		case remote.ErrConflict:
			if !lost {
				return err
			}
			again, settleErr := r.settled(ctx, c.Old, *c.Next)
			if !again {
				return settleErr
			}
			return remote.Fail(c.Op, c.On, remote.ErrUnavailable, err) // it moved meanwhile: load it once more
		}
		return err
	})
}

// settled loads the pointer to see whether next is there. again: it is not, and a swap may still succeed.
func (r *retrier) settled(ctx context.Context, old crypto.PointerHash, next crypto.Pointer) (again bool, err error) {
	p, err := r.inner.Load(ctx, next.ID)
	if errors.Is(err, remote.ErrNotFound) {
		if old == (crypto.PointerHash{}) {
			return true, nil
		}
		return false, remote.Fail(remote.OpSwap, next.ID, remote.ErrConflict, errors.New("there is no pointer any more"))
	}
	switch {
	case err != nil:
		return false, err
	case p.Hash() == old: // first, since a next that equals old is refused, not found in place
		return true, nil
	case p.Hash() == next.Hash():
		return false, nil
	case p.Seq <= next.Seq:
		return false, remote.Fail(remote.OpSwap, next.ID, remote.ErrConflict, fmt.Errorf("sequence %d is there", p.Seq))
	}
	return false, backoff.Permanent(remote.Fail(remote.OpSwap, next.ID, remote.ErrUnavailable,
		fmt.Errorf("the reply was lost and sequence %d is there by now: load to see whether it builds on %d", p.Seq,
			next.Seq)))
}
