package content

import (
	"postern/crypto"
	"postern/remote"
)

const (
	// unitSize is how much of a near file is fetched at once at most. 256 KiB stay in a core's own cache from the disk to
	// the socket, which makes a local drive half again as fast as units of a quarter chunk.
	unitSize = 4 * crypto.SegmentSize
	// farUnit is how much of a distant file is fetched at once at most: a whole chunk. A store takes some milliseconds of
	// work for each request, charges for it, and takes two round trips if it closes each connection.
	farUnit = crypto.ChunkSize
	// fewUnits is how many units the read-ahead of a distant file is made of. More of them would be smaller.
	fewUnits = 6
	// firstUnit is the size of a long read's first fetch, so that its first bytes come soon.
	firstUnit = 4 * crypto.SegmentSize

	// DefaultAhead is how far a reader reads ahead in a near file, in bytes: a chunk and a half, as thirty requests.
	DefaultAhead = 30 * unitSize
	// farAhead is the same for a distant file. It fills a line of 50 ms with 600 MiB a second.
	farAhead = fewUnits * farUnit
	// leastAhead is enough for the pauses of a distant reader itself.
	leastAhead = 2 << 20
	// firstAhead is the read-ahead at a distance that is not measured yet. More would delay the first bytes.
	firstAhead = 1 << 20
)

// reach is how far and in which steps to read ahead.
type reach struct {
	unit  int   // most bytes of a unit
	first int64 // bytes to read ahead at the beginning of a long read
	most  int64 // bytes to read ahead at most
}

// measure returns the reach at the present pace of the remote. Three times what arrives during a round trip keeps the
// line full while the store works for the next requests, and lets the measured rate grow as long as the line has more
// to give. On a thin line it is little, so that other reads need not wait long.
func (a *ahead) measure() reach {
	var p remote.Pace
	if a.pace != nil {
		p = a.pace()
	}
	r := reach{unit: unitSize, first: DefaultAhead, most: DefaultAhead}
	switch {
	case !p.Far():
	case p.Down == 0:
		r = reach{unit: firstAhead, first: firstAhead, most: farAhead}
	default:
		enough := min(max(int64(3*p.Down*p.RoundTrip.Seconds()), leastAhead), farAhead)
		r = reach{unit: int(enough/fewUnits) / crypto.SegmentSize * crypto.SegmentSize, first: enough, most: enough}
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
