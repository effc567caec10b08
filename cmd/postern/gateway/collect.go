package gateway

import (
	"context"
	"time"

	"postern/cmd/postern/control"
	"postern/cmd/postern/say"
	"postern/vfs/gc"
)

// Collect implements control.Keeper.
func (g *gateway) Collect(ctx context.Context, o control.CollectOrder, tell control.Tell) (gc.Report, error) {
	if !g.keeping.TryLock() {
		return gc.Report{}, say.Advisef("the drive is being collected or checked already: wait until that is done")
	}
	defer g.keeping.Unlock()
	report, err := g.drive.space.Keeper().Collect(ctx,
		gc.Options{DryRun: o.DryRun, Grace: o.Grace, Progress: func(at gc.Progress) {
			if at.ToDelete > 0 {
				tell(control.Progress{What: "blobs deleted", Items: at.Deleted, TotalItems: at.ToDelete})
				return
			}
			control.Seeking(tell)(at.Seen)
		}})
	g.garbage.Store(nil)
	return report, err
}

// When a gateway with automatic collection checks whether a collection is worthwhile: not while it starts, and then
// once a day.
const (
	firstCollection = 10 * time.Minute
	eachCollection  = 24 * time.Hour
)

// collectNowAndThen runs a collection whenever it is worthwhile, until ctx ends.
func (g *gateway) collectNowAndThen(ctx context.Context, first, each time.Duration) {
	timer := time.NewTimer(first)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if g.drive.space.Keeper().WorthCollecting() {
			report, err := g.Collect(ctx, control.CollectOrder{}, control.Quiet)
			switch {
			case ctx.Err() != nil:
				return
			case err != nil:
				g.log.Warn("garbage could not be deleted; this is tried again", "err", err)
			case len(report.Damaged) > 0:
				g.log.Warn("the drive is damaged, so some garbage stays", "damaged", len(report.Damaged), "held_back_bytes",
					report.HeldBack.Bytes)
			default:
				g.log.Info("collected garbage", "deleted_bytes", report.Deleted.Bytes, "waiting_bytes",
					report.Candidates.Bytes)
			}
		}
		timer.Reset(each)
	}
}
