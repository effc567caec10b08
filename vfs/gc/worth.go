package gc

import "time"

// Figures are what is known without asking anybody.
type Figures struct {
	Last Last
	Now  time.Time
	// Put are the bytes that this gateway's commits have put since the last run.
	Put int64
	// Removed are the bytes of files that it has removed or replaced meanwhile; the history keeps them for some time yet.
	Removed int64
}

const (
	// leastPause is the time between two runs: one walks the whole tree, and the first use of a deletion comes after the grace
	// period anyway.
	leastPause = 20 * time.Hour
	// mostPause is when a run is due whatever was seen here, for others may have deleted.
	mostPause = 30 * 24 * time.Hour
	// leastDue is how much must be ready to be deleted: a thousandth of a small plan of 64 GB.
	leastDue = 64 << 20
	// leastChurn is the part of the drive that must have changed.
	leastChurn = 0.1
)

// Worth reports whether a run is worth its requests now: some for each thousand files.
func Worth(f Figures) bool {
	pause := f.Now.Sub(time.Unix(0, f.Last.At))
	switch {
	case f.Last.At == 0:
		return f.Put+f.Removed >= leastDue
	case pause < 0: // the clock was set back: the next run puts that right
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
