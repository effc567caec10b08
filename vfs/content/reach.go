package content

import (
	"time"

	"postern/crypto"
	"postern/remote"
)

const (
	// unitSize is how much of a near file is fetched at once at most. 256 KiB stay in a core's own cache from the disk to
	// the socket, which makes a local drive half again as fast as units of a quarter chunk.
	unitSize = 4 * crypto.SegmentSize
	// farUnit is how much of a distant file is fetched at once at most. A store takes some milliseconds of work for a
	// request and charges for it, and one that closes each connection takes two round trips.
	farUnit = 16 * crypto.SegmentSize
	// firstUnit is the size of a long read's first fetch, so that its first bytes come soon.
	firstUnit = 4 * crypto.SegmentSize

	// DefaultAhead is how far a reader reads ahead in a near file, in bytes: a chunk and a half, as thirty requests.
	DefaultAhead = 30 * unitSize
	// farAhead is the same for a distant file. It fills a line of 50 ms with 300 MiB a second.
	farAhead = 16 * farUnit
	// leastAhead is enough for the pauses of a distant reader itself.
	leastAhead = 2 * farUnit
	// firstAhead is the read-ahead at a distance that is not measured yet. More would delay the first bytes.
	firstAhead = farUnit

	// farFrom is the round trip from which on a remote is distant. Disks and servers nearby answer sooner.
	farFrom = 3 * time.Millisecond
)

// reach is how far and in which steps to read ahead.
type reach struct {
	unit  int   // most bytes of a unit
	first int64 // bytes to read ahead at the beginning of a long read
	most  int64 // bytes to read ahead at most
}

// measure returns the reach at the present pace of the remote. Twice what arrives during a round trip keeps the line
// full, and lets the measured rate grow as long as the line has more to give. On a thin line it is little, so that
// other reads need not wait long.
func (a *ahead) measure() reach {
	var p remote.Pace
	if a.pace != nil {
		p = a.pace()
	}
	r := reach{unit: unitSize, first: DefaultAhead, most: DefaultAhead}
	switch {
	case p.RoundTrip < farFrom:
	case p.Down == 0:
		r = reach{unit: farUnit, first: firstAhead, most: farAhead}
	default:
		enough := int64(2 * p.Down * p.RoundTrip.Seconds())
		enough = min(max(enough, leastAhead), farAhead)
		r = reach{unit: farUnit, first: enough, most: enough}
	}
	if a.most != 0 {
		allowed := max(a.most, 0)
		r.first, r.most = min(r.first, allowed), min(r.most, allowed)
	}
	// The unit in use is not ahead.
	r.first++
	r.most++
	return r
}
