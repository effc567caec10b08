package base

import (
	"time"

	"postern/vfs/gc"
)

// Grace is how long garbage stays, by the local clock.
type Grace struct {
	Period time.Duration
	Now    func() time.Time
}

// Doubtful reports whether something that the pending changes refer to may have been collected. The base state of those
// changes was still needed at the time sure, when the remote last showed it as the newest. A collection deletes only
// blobs that it has seen unneeded for a whole grace period, so nothing can be missing before that. Half of the period
// is a margin for a local clock that was set in between. Time in suspend counts as away, and so does a clock that went
// backwards.
//
// A longer grace period than that of the format is not relied on: as soon as anybody shares a folder of the drive, all
// collections use the format's, and a gateway that is away does not know that.
func (g Grace) Doubtful(sure time.Time) bool {
	now, period := g.Now(), min(g.Period, gc.DefaultGrace)
	return now.Round(0).Before(sure.Round(0)) || gc.Apart(now, sure) > period/2
}
