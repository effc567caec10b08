package remotetest

import (
	"context"

	"postern/crypto"
	"postern/remote"
)

var handleChecks = []Check{
	{Name: "handles/see each other", Promise: "the changes of one handle are visible to all others at once", Handles: true,
		Do: seeEachOther},
	{Name: "handles/outlive", Promise: "stored data outlives the handle that stored it", Handles: true, Do: outlive},
}

func seeEachOther(ctx context.Context, e *Env) error {
	other, err := e.Another()
	if err != nil {
		return err
	}
	name, data, err := e.stored(ctx, 50_000)
	if err != nil {
		return err
	}
	key := e.writer()
	one, two := key.Sign(1, value(1)), key.Sign(2, value(2))
	listed := e.writer().SignListed(1, value(1))
	cursor, err := reports(ctx, e.Store, "")
	if err := first(err, other.Swap(ctx, none, listed)); err != nil {
		return err
	}
	if _, err := reports(ctx, e.Store, cursor, listed); err != nil {
		return err
	}
	return first(
		holds(ctx, other, name, data),
		e.Store.Delete(ctx, name),
		lacks(ctx, other, name),
		other.Put(ctx, name, remote.BytesBody(data)),
		holds(ctx, e.Store, name, data),
		other.Delete(ctx, name),
		lacks(ctx, e.Store, name),
		e.Store.Swap(ctx, none, one),
		points(ctx, other, one),
		other.Swap(ctx, one.Hash(), two),
		points(ctx, e.Store, two),
		want("a swap from the state before", e.Store.Swap(ctx, one.Hash(), key.Sign(3, value(3))), remote.ErrConflict),
	)
}

func outlive(ctx context.Context, e *Env) error {
	name, data, err := e.stored(ctx, 50_000)
	if err != nil {
		return err
	}
	p, moved := e.writer().Sign(7, value(7)), e.writer().SignListed(7, value(7))
	id, idErr := e.Store.ID(ctx)
	cursor, err := reports(ctx, e.Store, "")
	if err := first(idErr, err, e.Store.Swap(ctx, none, p), e.Store.Swap(ctx, none, moved), e.Store.Close()); err != nil {
		return err
	}
	other, err := e.Another()
	if err != nil {
		return err
	}
	got, err := listed(ctx, other)
	if err != nil {
		return err
	}
	if err := lists(got, map[crypto.BlobName]int64{name: int64(len(data))}); err != nil {
		return err
	}
	_, err = reports(ctx, other, cursor, moved)
	return first(err, holds(ctx, other, name, data), points(ctx, other, p), identified(ctx, other, id))
}
