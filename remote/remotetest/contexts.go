package remotetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"postern/crypto"
	"postern/remote"
)

var contextChecks = []Check{
	{Name: "context/ended", Promise: "a call whose context has ended does nothing", Do: contextEnded},
	{Name: "context/ends during put", Promise: "a put whose context ends leaves nothing or the whole blob",
		Do: contextEnds},
}

var closeChecks = []Check{
	{Name: "close", Promise: "a closed handle does nothing, and can be closed again", Do: closedStore},
}

// calls makes each call of a store once and returns the error of each.
func calls(ctx context.Context, s remote.Store, e *Env) map[string]error {
	name, data := e.blob(1000)
	key := e.writer()
	errs := map[string]error{}
	errs["put"] = s.Put(ctx, name, remote.BytesBody(data))
	_, errs["get"] = s.Get(ctx, name)
	errs["get range"] = s.GetRange(ctx, name, 0, make([]byte, 10))
	_, errs["stat"] = s.Stat(ctx, name)
	errs["delete"] = s.Delete(ctx, name)
	_, errs["list"] = listed(ctx, s)
	_, errs["load"] = s.Load(ctx, key.ID())
	errs["swap"] = s.Swap(ctx, none, key.Sign(1, value(1)))
	_, errs["changed"] = s.Changed(ctx, "")
	_, errs["id"] = s.ID(ctx)
	roles := s.Roles()
	if i := roles.Inbox; i != nil {
		of, letter := e.inbox(), stamped(0)
		errs["drop"] = i.Drop(ctx, of, letter)
		_, errs["letters"] = i.Letters(ctx, of)
		_, errs["fetch"] = i.Fetch(ctx, of, letter.Name())
		errs["forget"] = i.Forget(ctx, of, letter.Name())
	}
	if n := roles.Names; n != nil {
		username := e.fresh()
		nameID, record := crypto.NameIDOf(username), e.record(e.claimant(), username, 1)
		errs["claim"] = n.Claim(ctx, nameID, record)
		_, errs["look up"] = n.LookUp(ctx, nameID)
		errs["replace"] = n.Replace(ctx, nameID, record)
	}
	if w := roles.Watch; w != nil {
		_, errs["watch"] = w.Watch(ctx, nil)
	}
	_, errs["space"] = s.Space(ctx)
	return errs
}

func contextEnded(ctx context.Context, e *Env) error {
	ended, end := context.WithCancel(ctx)
	end()
	kept, keptData, err := e.stored(ctx, 1000)
	if err != nil {
		return err
	}
	for what, err := range calls(ended, e.Store, e) {
		if wrong := want(what, err, remote.ErrUnavailable); wrong != nil {
			return wrong
		}
		if !errors.Is(err, context.Canceled) {
			return fmt.Errorf("%s does not say that its context had ended: %w", what, err)
		}
	}
	name, data := e.blob(1000)
	key := e.writer()
	_ = e.Store.Put(ended, name, remote.BytesBody(data))
	_ = e.Store.Delete(ended, kept)
	_ = e.Store.Swap(ended, none, key.Sign(1, value(1)))
	return first(lacks(ctx, e.Store, name), holds(ctx, e.Store, kept, keptData), nowhere(ctx, e.Store, key.ID()))
}

func contextEnds(ctx context.Context, e *Env) error {
	const size = 900_000
	for _, after := range []int{0, size / 2, size} {
		name, data := e.blob(size)
		during, end := context.WithCancel(ctx)
		b := &body{size: size, open: func() (io.Reader, error) {
			cancel := readerFunc(func([]byte) (int, error) {
				end()
				return 0, io.EOF
			})
			return io.MultiReader(bytes.NewReader(data[:after]), cancel, bytes.NewReader(data[after:])), nil
		}}
		putErr := e.Store.Put(during, name, b)
		end()
		got, err := e.Store.Get(ctx, name)
		switch {
		case err == nil && !bytes.Equal(got, data):
			return fmt.Errorf("a put that ended at byte %d left %d wrong bytes", after, len(got))
		case err != nil && remote.KindOf(err) != remote.ErrNotFound:
			return err
		case err != nil && putErr == nil:
			return fmt.Errorf("a put succeeded and left nothing: %w", err)
		case putErr != nil && !errors.Is(putErr, context.Canceled):
			return fmt.Errorf("a put does not say that its context had ended: %w", putErr)
		}
		if err := first(e.Store.Put(ctx, name, remote.BytesBody(data)), holds(ctx, e.Store, name, data)); err != nil {
			return fmt.Errorf("put again: %w", err)
		}
	}
	return nil
}

func closedStore(ctx context.Context, e *Env) error {
	for range 2 {
		if err := e.Store.Close(); err != nil {
			return fmt.Errorf("close: %w", err)
		}
	}
	for what, err := range calls(ctx, e.Store, e) {
		if wrong := want(what+" on a closed handle", err, remote.ErrClosed); wrong != nil {
			return wrong
		}
	}
	return nil
}
