package local

import (
	"context"
	"sync"
	"time"

	"postern/remote"
)

// The bounds of a lane, in blobs.
const (
	// nearLane is how many blobs go to a near store at once, and the most while a distant one is not known well.
	nearLane = 4
	// firstLane is how many go to a distant store at first. On a thin line, more would keep other requests waiting, and
	// each other until their deadlines.
	firstLane = 2
	// maxLane fills a line of 50 ms with 1 GiB a second. Stores that are slow for each connection need it on slower ones.
	// It is also the memory for uploads, about 60 MiB, and leaves most of a store's connections to readers.
	maxLane = 12

	// quick is a blob's share of the line's time below which two always go at once: the second fills the line while the
	// store confirms the first, and delays others by less than a second. On a line whose round trip is long, such as a
	// satellite's, they also do when one alone would leave more than a third of it empty: when a blob's share is below
	// tripsOfQuick round trips.
	quick        = 600 * time.Millisecond
	tripsOfQuick = 2

	// maxQueue is how much longer than on an idle line a small request may take beside the uploads.
	maxQueue = 500 * time.Millisecond
	// firstCalm and maxCalm bound how long answers come in time before a lane that was too wide becomes wider again. The
	// time doubles whenever that was wrong. A blob that failed counts for failedCalm.
	firstCalm, failedCalm, maxCalm = 20 * time.Second, 5 * time.Minute, 10 * time.Minute
)

// Lane bounds the blobs that are on their way to one store, so that uploads fill the line to it and leave it to others.
// What others need of a line is that a small request, which begins each read, is soon through. So the answers to small
// requests beside the uploads set the width of a lane: as long as they come soon, it becomes wider with each blob; once
// they come late, the blobs queue up somewhere on the way, and the lane becomes narrower. No other figure tells a full
// line from a store that takes long for each blob, where more blobs at once carry more.
type Lane struct {
	pace func() remote.Pace // nil: the store is near
	now  func() time.Time

	mu    sync.Mutex
	width int           // how many may be
	least int           // how many may be at any rate
	idle  time.Duration // what a small request takes on an idle line; 0: not known
	late  bool          // answers came late once
	calm  time.Duration // how long the width stays once late is set
	since time.Time     // of the present width
	blind int           // answers to come that still tell of the width before
	turns remote.Turns  // of blobs on their way
}

// NewLane returns a lane to a store whose pace is known by a function; nil: the store is near.
func NewLane(pace func() remote.Pace) *Lane {
	l := &Lane{pace: pace, now: time.Now, width: firstLane, least: 1, calm: firstCalm}
	l.turns = remote.Turns{Lock: &l.mu, Bound: l.most}
	return l
}

// Far reports whether the store is distant.
func (l *Lane) Far() bool { return l.pace != nil && l.pace().Far() }

// roundTrip returns how long the line to the store is; 0: unknown, or near.
func (l *Lane) roundTrip() time.Duration {
	if l.pace == nil {
		return 0
	}
	return l.pace().RoundTrip
}

// most returns how many blobs may be on their way. The caller holds mu.
func (l *Lane) most() int {
	if !l.Far() {
		return nearLane
	}
	return max(l.width, l.least)
}

// Enter returns when a blob may go. The caller calls Leave once it has arrived, or failed. The error is the context's.
func (l *Lane) Enter(ctx context.Context) error { return l.turns.Enter(ctx) }

// Leave ends what Enter began. took is the time of a large blob that has arrived; 0: unknown.
func (l *Lane) Leave(took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if took > 0 {
		l.least = 1
		trip := l.roundTrip()
		if (took-trip)/time.Duration(l.turns.In()) < max(quick, tripsOfQuick*trip) {
			l.least = 2
		}
	}
	l.turns.Leave()
}

// Failed ends what Enter began for a blob that did not get to the store. Perhaps too many shared a thin line until
// their deadlines.
func (l *Lane) Failed() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.least = 1
	l.narrow(1, failedCalm)
	l.turns.Leave()
}

// Answered takes the time of a small request that was made right after a blob had arrived.
func (l *Lane) Answered(took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.idle == 0 || took < l.idle {
		l.idle = took
	} else {
		l.idle += (took - l.idle) / 256 // so that a line that has become longer is noticed
	}
	full := l.turns.Waiting() > 0 || l.turns.In() >= l.most() // else the answer says nothing about a wider lane
	switch {
	case l.blind > 0:
		l.blind--
	case took > l.idle+maxQueue:
		l.narrow(l.width-1, firstCalm)
	case full && l.width < maxLane && (!l.late || l.now().Sub(l.since) >= l.calm):
		l.width++
		l.since = l.now()
		l.turns.Admit()
	}
}

// narrow makes the lane narrower, and wider again no sooner than after calm. The caller holds mu.
func (l *Lane) narrow(width int, calm time.Duration) {
	if l.late && l.width > 1 {
		calm = max(calm, 2*l.calm)
	}
	l.late, l.calm = true, min(max(calm, l.calm), maxCalm)
	l.width, l.since, l.blind = max(width, 1), l.now(), l.turns.In()
}
