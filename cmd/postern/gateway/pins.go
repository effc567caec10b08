package gateway

import (
	"context"
	"errors"
	"fmt"

	"postern/remote/disk"
	"postern/vfs/pin"
)

// openPins puts the pinned blobs in front of the cache. They are fetched past it, or a folder of films would sweep it clean.
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
	d.pins, err = pin.New(pin.Options{Store: kept, Deadlines: o.waits, Paths: pin.File(o.home.Pins()), Log: o.log})
	return err
}

// remoteIsBack brings there what has waited, and fetches what is missing here.
func (d *drive) remoteIsBack() {
	d.space.Retry()
	if d.pins != nil {
		d.pins.Wake()
	}
}
