package gateway

import (
	"context"
	"fmt"
	"strings"
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
	at, err := pinnable(path)
	if err != nil {
		return pin.Status{}, err
	}
	if _, err := g.drive.fs.Stat(ctx, at); err != nil {
		return pin.Status{}, fmt.Errorf("can't pin %s: %w", path, err)
	}
	if err := g.drive.pins.Pin(at); err != nil {
		return pin.Status{}, err
	}
	g.drive.spans.find(ctx)
	end := inBackground(ctx, func(ctx context.Context) { g.tellPinned(ctx, at, tell) })
	err = g.drive.pins.WaitFor(ctx, at)
	end()
	if err != nil {
		return pin.Status{}, fmt.Errorf("%s is pinned, but not all of it is here yet: %w", path, err)
	}
	return g.Pinned(ctx)
}

// tellPinned reports regularly how much of a path is here, until ctx ends.
func (g *gateway) tellPinned(ctx context.Context, path string, tell control.Tell) {
	tick := time.NewTicker(pinTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, at := range g.drive.pins.Status().Paths {
			if at.Path == path {
				tell(control.Progress{What: "blobs here", Items: int64(at.Blobs), TotalItems: int64(at.Blobs + at.Missing),
					Bytes: at.Bytes})
			}
		}
	}
}

// Unpin implements control.Pins.
func (g *gateway) Unpin(ctx context.Context, path string) (pin.Status, error) {
	at, err := pinnable(path)
	if err != nil {
		return pin.Status{}, err
	}
	if err := g.drive.pins.Remove(at); err != nil {
		return pin.Status{}, say.Advisef("%s is not pinned: postern pin --list shows all pins", path)
	}
	return g.Pinned(ctx)
}

// Pinned implements control.Pins.
func (g *gateway) Pinned(context.Context) (pin.Status, error) {
	return g.drive.pins.Status(), nil
}

// pinnable returns the path in the form in which it is pinned.
func pinnable(path string) (string, error) {
	at := layout.Clean(path)
	for _, folder := range []string{layout.Files, layout.Shared, layout.Chats} {
		if rest, ok := strings.CutPrefix(at, folder); ok && (rest == "" || rest[0] == '/') {
			return at, nil
		}
	}
	return "", say.Advisef("%s can't be pinned: what can lies below %s, %s or %s", path, layout.Files, layout.Shared,
		layout.Chats)
}
