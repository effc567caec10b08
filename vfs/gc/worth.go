package gc

import "time"

// Figures are figures that need no request.
type Figures struct {
	Last Last
	Now  time.Time
	// Put is the bytes that this gateway's commits have put since the last run.
	Put int64
	// Removed is the bytes of files that this gateway has removed or replaced since the last run; the history still keeps
	// them for some time.
	Removed int64
}

const (
	// leastPause is the minimum time between two runs. A run walks the whole tree, and a deletion saves nothing before the
	// grace period has passed.
	leastPause = 20 * time.Hour
	// mostPause is when a run is due regardless of the figures, since other devices may have deleted files.
	mostPause = 30 * 24 * time.Hour
	// leastDue is how many bytes must be ready to be deleted: a thousandth of a small plan of 64 GB.
	leastDue = 64 << 20
	// leastChurn is the part of the drive that must have changed.
	leastChurn = 0.1
)

// Worth reports whether a run is worth its requests now: a few for each thousand files.
func Worth(f Figures) bool {
	pause := f.Now.Sub(time.Unix(0, f.Last.At))
	switch {
	case f.Last.At == 0:
		return f.Put+f.Removed >= leastDue
	case pause < 0: // the clock was set back; the next run corrects that
		return true
	case pause < leastPause:
		return false
	case pause >= mostPause:
		return true
	case f.Last.Candidates >= leastDue && !f.Now.Before(f.Last.Due):
		return true
	}
	churn := f.Put + f.Removed
	return churn >= leastDue && float64(churn) >= leastChurn*float64(f.Last.Needed)
}
