package base

import (
	"time"

	"postern/vfs/gc"
)

// Grace is how long garbage stays, by this machine's clock.
type Grace struct {
	Period time.Duration
	Now    func() time.Time
}

// Doubtful reports whether part of what the pending changes refer to may have been collected. The state that they were made to
// was needed when the remote last showed it as the newest, at the time sure by the clock here. No collection deletes a blob
// that it has not seen unneeded for a grace period, so before that has passed all is there. Half of it is left for a clock that
// was set meanwhile. A machine that is suspended counts as away, and so does one whose clock shows less than it did.
func (g Grace) Doubtful(sure time.Time) bool {
	now := g.Now()
	return now.Round(0).Before(sure.Round(0)) || gc.Apart(now, sure) > g.Period/2
}
