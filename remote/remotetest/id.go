package remotetest

import (
	"context"
	"errors"
	"fmt"

	"postern/crypto"
	"postern/remote"
)

var idChecks = []Check{
	{Name: "id", Promise: "a store has one id for all handles, also for concurrent calls", Do: id},
}

func id(ctx context.Context, e *Env) error {
	stores, err := e.handles(4)
	if err != nil {
		return err
	}
	var ids [8]crypto.StoreID
	err = together(len(ids), func(i int) (err error) {
		ids[i], err = stores[i%len(stores)].ID(ctx)
		return err
	})
	if err != nil {
		return err
	}
	if ids[0].IsZero() {
		return errors.New("the id is all zeros")
	}
	for _, id := range ids {
		if id != ids[0] {
			return fmt.Errorf("one handle says %v, another %v", ids[0], id)
		}
	}
	return nil
}

// identified returns an error unless a store has that id.
func identified(ctx context.Context, s remote.Store, wanted crypto.StoreID) error {
	got, err := s.ID(ctx)
	if err == nil && got != wanted {
		err = fmt.Errorf("the id was %v and is %v", wanted, got)
	}
	return err
}
