package gateway

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"postern/cmd/postern/control"
	"postern/cmd/postern/say"
	"postern/vfs/layout"
	"postern/vfs/pin"
)

// pinTick is the time between two progress reports of a pin.
const pinTick = 200 * time.Millisecond

// Pin implements control.Pins.
func (g *gateway) Pin(ctx context.Context, path string, tell control.Tell) (pin.Status, error) {
	within, err := pinnable(path)
	if err != nil {
		return pin.Status{}, err
	}
	if _, err := g.drive.space.Stat(ctx, within); err != nil {
		return pin.Status{}, fmt.Errorf("can't pin %s: %w", path, err)
	}
	if err := g.drive.pins.Pin(within); err != nil {
		return pin.Status{}, err
	}
	end := inBackground(ctx, func(ctx context.Context) { g.tellPinned(ctx, within, tell) })
	err = g.drive.pins.Wait(ctx)
	end()
	if err != nil {
		return pin.Status{}, fmt.Errorf("%s is pinned, but not all of it is here yet: %w", path, err)
	}
	return g.Pinned(ctx)
}

// tellPinned reports regularly how much of a path is here, until ctx ends.
func (g *gateway) tellPinned(ctx context.Context, within string, tell control.Tell) {
	tick := time.NewTicker(pinTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, at := range g.drive.pins.Status().Paths {
			if at.Path == within {
				tell(control.Progress{What: "blobs here", Items: int64(at.Blobs), TotalItems: int64(at.Blobs + at.Missing),
					Bytes: at.Bytes})
			}
		}
	}
}

// Unpin implements control.Pins.
func (g *gateway) Unpin(ctx context.Context, path string) (pin.Status, error) {
	within, err := pinnable(path)
	if err != nil {
		return pin.Status{}, err
	}
	if err := g.drive.pins.Remove(within); err != nil {
		return pin.Status{}, say.Advisef("%s is not pinned: postern pin --list tells what is", path)
	}
	return g.Pinned(ctx)
}

// Pinned implements control.Pins.
func (g *gateway) Pinned(context.Context) (pin.Status, error) {
	status := g.drive.pins.Status()
	for i := range status.Paths {
		status.Paths[i].Path = layout.Clean(layout.Files + status.Paths[i].Path)
	}
	return status, nil
}

// pinnable returns the path within the space for a path of the drive.
func pinnable(path string) (string, error) {
	within, ok := layout.CutFiles(layout.Clean(path))
	if !ok {
		return "", say.Advisef("%s can't be pinned: what can lies below %s", path, layout.Files)
	}
	return cmp.Or(within, "/"), nil
}
