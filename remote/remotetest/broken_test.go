package remotetest_test

import (
	"context"
	"iter"

	"postern/crypto"
	"postern/remote"
)

// broken is a store with some methods replaced.
type broken struct {
	remote.Store
	put      func(context.Context, crypto.BlobName, remote.Body) error
	get      func(context.Context, crypto.BlobName) ([]byte, error)
	getRange func(context.Context, crypto.BlobName, int64, []byte) error
	stat     func(context.Context, crypto.BlobName) (int64, error)
	list     func(context.Context) iter.Seq2[remote.BlobInfo, error]
	del      func(context.Context, crypto.BlobName) error
	load     func(context.Context, crypto.PointerID) (crypto.Pointer, error)
	swap     func(context.Context, crypto.PointerHash, crypto.Pointer) error
	changed  func(context.Context, remote.Cursor) (remote.Changes, error)
	id       func(context.Context) (crypto.StoreID, error)
	space    func(context.Context) (remote.Space, error)
	roles    remote.Roles // replace the store's, if set
	closing  func() error
}

func (b *broken) Roles() remote.Roles {
	r := b.Store.Roles()
	if b.roles.Inbox != nil {
		r.Inbox = b.roles.Inbox
	}
	if b.roles.Names != nil {
		r.Names = b.roles.Names
	}
	if b.roles.Watch != nil {
		r.Watch = b.roles.Watch
	}
	return r
}

func (b *broken) Put(ctx context.Context, name crypto.BlobName, body remote.Body) error {
	if b.put != nil {
		return b.put(ctx, name, body)
	}
	return b.Store.Put(ctx, name, body)
}

func (b *broken) Get(ctx context.Context, name crypto.BlobName) ([]byte, error) {
	if b.get != nil {
		return b.get(ctx, name)
	}
	return b.Store.Get(ctx, name)
}

func (b *broken) GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	if b.getRange != nil {
		return b.getRange(ctx, name, off, p)
	}
	return b.Store.GetRange(ctx, name, off, p)
}

func (b *broken) Stat(ctx context.Context, name crypto.BlobName) (int64, error) {
	if b.stat != nil {
		return b.stat(ctx, name)
	}
	return b.Store.Stat(ctx, name)
}

func (b *broken) List(ctx context.Context) iter.Seq2[remote.BlobInfo, error] {
	if b.list != nil {
		return b.list(ctx)
	}
	return b.Store.List(ctx)
}

func (b *broken) Delete(ctx context.Context, name crypto.BlobName) error {
	if b.del != nil {
		return b.del(ctx, name)
	}
	return b.Store.Delete(ctx, name)
}

func (b *broken) Load(ctx context.Context, id crypto.PointerID) (crypto.Pointer, error) {
	if b.load != nil {
		return b.load(ctx, id)
	}
	return b.Store.Load(ctx, id)
}

func (b *broken) Swap(ctx context.Context, old crypto.PointerHash, next crypto.Pointer) error {
	if b.swap != nil {
		return b.swap(ctx, old, next)
	}
	return b.Store.Swap(ctx, old, next)
}

func (b *broken) Changed(ctx context.Context, since remote.Cursor) (remote.Changes, error) {
	if b.changed != nil {
		return b.changed(ctx, since)
	}
	return b.Store.Changed(ctx, since)
}

func (b *broken) ID(ctx context.Context) (crypto.StoreID, error) {
	if b.id != nil {
		return b.id(ctx)
	}
	return b.Store.ID(ctx)
}

func (b *broken) Space(ctx context.Context) (remote.Space, error) {
	if b.space != nil {
		return b.space(ctx)
	}
	return b.Store.Space(ctx)
}

func (b *broken) Close() error {
	if b.closing != nil {
		return b.closing()
	}
	return b.Store.Close()
}
