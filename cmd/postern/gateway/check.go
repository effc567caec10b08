package gateway

import (
	"context"
	"time"

	"postern/cmd/postern/control"
	"postern/cmd/postern/say"
	"postern/remote/mirror"
	"postern/vfs/fsck"
	"postern/vfs/layout"
)

// Check implements control.Keeper.
func (g *gateway) Check(ctx context.Context, o control.CheckOrder, tell control.Tell) (fsck.Report, error) {
	if !g.keeping.TryLock() {
		return fsck.Report{}, say.Advisef("the drive is being collected or checked already: wait until that is done")
	}
	defer g.keeping.Unlock()
	ctx, err := limitedBy(ctx, o.Limit)
	if err != nil {
		return fsck.Report{}, err
	}
	g.flushFor(ctx, g.waits.Check)
	copies, err := g.to.mirror.scrub(ctx,
		mirror.Scrubbing{Read: o.ReadData, Heal: o.Repair, Progress: func(blobs, bytes int64) {
			tell(control.Progress{What: "blobs of the copies read", Items: blobs, Bytes: bytes})
		}})
	if err != nil {
		return fsck.Report{}, err
	}
	report, err := g.drive.space.Keeper().Fsck(ctx, fsck.Options{
		Store: g.drive.checked, ReadData: o.ReadData, Repair: o.Repair, Sources: g.drive.copies(),
		Progress: func(c fsck.Counts) {
			at := control.Progress{What: "parts checked", Items: c.Nodes + c.Chunks, Bytes: c.Bytes}
			if c.Bytes <= c.Total { // later blobs belong only to the history, whose size is unknown
				at.TotalBytes = c.Total
			}
			tell(at)
		},
	})
	report.Copies = copies
	for i := range report.Damage {
		if moved := &report.Damage[i].Moved; *moved != "" {
			*moved = layout.Files + *moved // the path as users of the drive see it
		}
	}
	if err == nil && o.Repair {
		g.flushFor(ctx, g.waits.Check)
		g.to.mirror.settle(ctx, g.waits.Check)
	}
	return report, err
}

// flushFor waits up to d for pending changes to reach the remote.
func (g *gateway) flushFor(ctx context.Context, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	if err := g.drive.space.Flush(ctx); err != nil {
		g.log.Warn("not everything is at the remote yet", "err", err)
	}
}

// copies returns places that may have blobs that the remote has lost.
func (d *drive) copies() []fsck.Source {
	if d.kept != nil {
		return []fsck.Source{d.kept, d.cache}
	}
	return []fsck.Source{d.cache}
}
