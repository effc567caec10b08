package remote

import "time"

// Pace is how fast a remote has answered lately, as measured while the program works. A field that is 0 is not known.
type Pace struct {
	RoundTrip time.Duration // of a small request, with the remote's own time for it
	Up, Down  float64       // bytes a second while bytes flow, of all transfers together
}

// farFrom is the round trip from which on a remote is distant. Disks and servers nearby answer sooner.
const farFrom = 3 * time.Millisecond

// Far reports whether the remote is known to be distant.
func (p Pace) Far() bool { return p.RoundTrip >= farFrom }
