package gc_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pgregory.net/rapid"

	"postern/crypto"
	"postern/remote"
	"postern/vfs/gc"
	"postern/vfs/gc/gctest"
	"postern/vfs/object"
	"postern/vfs/tree"
)

// watched is a remote that tracks which blobs the newest state leads to, and when it last led to each. It records every
// deletion that comes too early.
type watched struct {
	remote.Store
	now   func() time.Time // true time
	reach func() map[crypto.BlobName]bool
	live  map[crypto.BlobName]bool
	last  map[crypto.BlobName]time.Time // when a blob was last live
	early []string
}

func (w *watched) Swap(ctx context.Context, old crypto.PointerHash, next crypto.Pointer) error {
	err := w.Store.Swap(ctx, old, next)
	if err != nil || w.reach == nil {
		return err
	}
	for name := range w.live {
		w.last[name] = w.now()
	}
	w.live = w.reach()
	return nil
}

func (w *watched) Delete(ctx context.Context, name crypto.BlobName) error {
	last, known := w.last[name]
	switch after := w.now().Sub(last); {
	case w.live[name]:
		w.early = append(w.early, fmt.Sprintf("%.8v… is needed", name))
	case known && after < gc.DefaultGrace:
		w.early = append(w.early, fmt.Sprintf("%.8v… was needed %v ago", name, after))
	}
	return w.Store.Delete(ctx, name)
}

// device is a device in a random schedule: its clock, its ledger, and the entry that it carries while it is away.
type device struct {
	skew   time.Duration // of its clock
	ledger gc.Memory

	carried object.Entry // from the newest state when it left; no kind: it is not away
	left    time.Time
}

// drawSkew sets the clock. If another one is behind at times, it is right: beside a clock that is ahead, nothing shows
// that another was behind; see FORMAT.md.
func (d *device) drawSkew(rt *rapid.T, wandering bool) {
	days := rapid.IntRange(-20, 20).Draw(rt, "skew")
	if wandering {
		days = 0
	}
	d.skew = time.Duration(days) * day
}

// setBack sets the clock back, or for a clock that wanders, sets it anew.
func (d *device) setBack(rt *rapid.T, wanders bool) {
	if wanders {
		d.skew = -time.Duration(rapid.SampledFrom([]int{0, 0, 1, 10, 100, 20_000}).Draw(rt, "behind")) * day
		return
	}
	d.skew -= time.Duration(rapid.IntRange(0, 10).Draw(rt, "set back")) * day
}

// travel makes the device leave with an entry of a space, or come back and commit what it carries to the space:
// unchanged after a short time, and after a long one only if everything is still there.
func (d *device) travel(ctx context.Context, rt *rapid.T, at remote.Blobs, space *gctest.Drive, now time.Time) error {
	if d.carried.Kind == 0 {
		return d.leave(ctx, rt, space, now)
	}
	e := d.carried
	d.carried = object.Entry{}
	if now.Sub(d.left) > gc.DefaultGrace/2 {
		for _, c := range e.Content.Chunks {
			if _, err := at.Stat(ctx, c.Blob); errors.Is(err, remote.ErrNotFound) {
				return nil
			} else if err != nil {
				return err
			}
		}
	}
	return space.Do(ctx, tree.Graft{Path: "/back", Entry: e, Replace: true})
}

func (d *device) leave(ctx context.Context, rt *rapid.T, space *gctest.Drive, now time.Time) error {
	paths, err := pathsOf(ctx, space)
	if err != nil || len(paths) == 0 {
		return err
	}
	e, err := space.Tree().Lookup(ctx, "/files"+rapid.SampledFrom(paths).Draw(rt, "path"))
	if err != nil {
		return err
	}
	d.carried, _ = e.Object()
	d.left = now
	return nil
}

// pathsOf returns the paths of the files and folders at the top of a space.
func pathsOf(ctx context.Context, d *gctest.Drive) (paths []string, err error) {
	for e, err := range d.Tree().List(ctx, "/files") {
		if err != nil {
			return nil, err
		}
		if e.Mount() == nil {
			paths = append(paths, "/"+e.Info().Name)
		}
	}
	return paths, nil
}
