package line

import (
	"reflect"
	"time"

	"postern/remote"
)

// Deadlines is the one table of how long anybody waits for a remote. A value that is zero is the one in Shipped, so
// that tests name only what they shorten.
type Deadlines struct {
	// Look is how long a gateway that starts waits for its remote. A remote that takes longer is opened when it is
	// there.
	Look time.Duration
	// Open is how long a command waits for its remote to open, and a gateway that can't do without.
	Open time.Duration

	// Reply is how long a call without bytes may take, and a listing until its next item. Below 0: no limit.
	Reply time.Duration
	// Rate is how many bytes a second a transfer moves at the least: a call with bytes may take Reply and the time for
	// those.
	Rate int64

	// Attempts is how often a call is tried.
	Attempts int
	// Pause comes after the first failed attempt, and doubles up to MaxPause. Each is varied by half to either side.
	Pause, MaxPause time.Duration

	// Suspect is how long a call may be under way before the line looks whether the remote is there.
	Suspect time.Duration
	// Trial is how long the answer to that look may take before the remote counts as away, unless it is known to be
	// slow.
	Trial time.Duration
	// Every is the time from one look to the next while the remote is away.
	Every time.Duration

	// Close is how long closing waits for a remote whose calls no context ends.
	Close time.Duration

	// Commit is how long a change waits for others to travel with it.
	Commit time.Duration
	// Poll is the time between two looks for commits of other devices.
	Poll time.Duration
	// Answer is how long a request waits for storage before its answer begins.
	Answer time.Duration
	// Flush is how long a gateway that stops waits for its changes to reach the remote. The rest stays in the journal.
	Flush time.Duration
}

// Shipped are the values of the program.
var Shipped = Deadlines{
	Look: 2 * time.Second,  // a disk that is awake opens at once, and a start must not seem to hang
	Open: 15 * time.Second, // a disk that spins up takes ten

	Reply: 30 * time.Second, // longer than any remote takes that is there; a request to the drive has its own bound, Answer
	Rate:  50_000,           // a thin mobile line; a full blob gets 105 seconds beyond Reply

	// Six attempts span about ten seconds: long enough for a server that restarts or a network that changes, short
	// enough that somebody who waits for a file is told. The committer, which has time, tries again by itself.
	Attempts: 6,
	Pause:    250 * time.Millisecond,
	MaxPause: 8 * time.Second,

	Suspect: 2 * time.Second, // nearly all calls take less, and no reader has lost patience by then
	Trial:   3 * time.Second, // leaves a small question room on a line that is full of other bytes
	Every:   3 * time.Second, // one small question costs nobody anything, and a remote that is back is noticed soon

	Close: 3 * time.Second, // what a disk that spins up takes to give files back

	Commit: time.Second,      // little to somebody at another device; makes a handful of blobs of a thousand small files
	Poll:   15 * time.Second, // one small request; a change made elsewhere is seen while its author is still on the telephone
	Answer: 8 * time.Second,  // Finder gives up on a request after 10 s
	Flush:  20 * time.Second, // what a user waits for a program to end
}

// OrShipped returns d with the shipped value wherever d has zero.
func (d Deadlines) OrShipped() Deadlines {
	own, shipped := reflect.ValueOf(&d).Elem(), reflect.ValueOf(Shipped)
	for i := range own.NumField() {
		if own.Field(i).IsZero() {
			own.Field(i).Set(shipped.Field(i))
		}
	}
	return d
}

// limit returns how long a call may take; below 0: for ever.
func (d Deadlines) limit(c *remote.Call) time.Duration {
	if d.Reply < 0 {
		return unlimited
	}
	return d.Reply + time.Duration(c.Send+c.Receive)*time.Second/time.Duration(d.Rate)
}

// unlimited is the limit of a call that has none.
const unlimited = -1
