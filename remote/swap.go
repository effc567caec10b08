package remote

import (
	"errors"
	"fmt"

	"postern/crypto"
)

// CheckSwap is the one implementation of the rules of Swap, for every driver that sees the current pointer while it
// holds the lock that makes the swap atomic: nil if next may replace current (there false: there is none yet), else the
// error that Swap returns. The order matters: an invalid pointer is ErrRefused, whatever the current one is.
func CheckSwap(current crypto.Pointer, there bool, old crypto.PointerHash, next crypto.Pointer) error {
	if err := next.Verify(); err != nil {
		return Fail(OpSwap, next.ID, ErrRefused, err)
	}
	if !there {
		if old != (crypto.PointerHash{}) {
			return Fail(OpSwap, next.ID, ErrConflict, errors.New("there is no pointer yet"))
		}
		return nil
	}
	if current.Hash() != old {
		return Fail(OpSwap, next.ID, ErrConflict, fmt.Errorf("sequence %d is there", current.Seq))
	}
	if next.Listed != current.Listed {
		return Fail(OpSwap, next.ID, ErrRefused, errors.New("a pointer stays listed or unlisted for ever"))
	}
	if next.Seq <= current.Seq {
		return Fail(OpSwap, next.ID, ErrRefused, fmt.Errorf("sequence %d would follow %d", next.Seq, current.Seq))
	}
	return nil
}
