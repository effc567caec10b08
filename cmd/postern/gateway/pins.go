package gateway

import (
	"context"
	"errors"
	"fmt"

	"postern/remote"
	"postern/remote/disk"
	"postern/vfs/layout"
	"postern/vfs/pin"
	"postern/vfs/tree"
)

// openPins puts the pinned blobs in front of the cache. They are fetched past it, since a folder of films would evict
// everything else.
func (d *drive) openPins(ctx context.Context, o driveOptions) error {
	local, err := disk.Open(o.home.Pinned(), disk.Options{Log: o.log})
	if err != nil {
		return fmt.Errorf("can't open the pinned blobs: %w", err)
	}
	kept, err := pin.NewStore(ctx, d.cache, local, pin.StoreOptions{From: o.store, Log: o.log})
	if err != nil {
		return errors.Join(err, local.Close())
	}
	d.kept = kept
	list := pin.File{Name: o.home.Pins(), Folder: layout.Files}
	d.pins, err = pin.New(pin.Options{Store: kept, Deadlines: o.waits, Paths: list, Log: o.log})
	return err
}

// keepable is a mounted space whose blobs can be kept for pinned paths, if its remote is a pin.Store.
type keepable interface {
	Store() remote.Store
	Committed(ctx context.Context) (files tree.Tree, whole bool, err error)
}

// remoteIsBack sends the waiting changes to the remote, and fetches missing pinned blobs.
func (d *drive) remoteIsBack() {
	d.space.Retry()
	if d.pins != nil {
		d.pins.Wake()
	}
}
