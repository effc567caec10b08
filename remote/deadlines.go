package remote

import (
	"reflect"
	"time"

	"postern/crypto"
)

// Deadlines is the one table of how long anybody waits for a remote, or for storage that depends on one. The packages that wait take
// their values from it. A value that is zero is the one in Shipped, so that tests name only what they shorten.
//
// Not in it are the times of other matters: of HTTP connections, locks, the user interface, and how old something may become.
type Deadlines struct {
	// Look is how long a gateway that starts waits for its remote. A remote that takes longer is opened when it is there.
	Look time.Duration
	// Open is how long a command waits for its remote to open, and a gateway that can't do without.
	Open time.Duration
	// Begin is how long the remote may take to show its newest commit when another is at hand to begin with.
	Begin time.Duration

	// Reply is how long a call without bytes may take, and a listing until its next item. Below 0: no limit.
	Reply time.Duration
	// Rate is how many bytes a second a transfer moves at least: a call with bytes may take Reply and the time for those.
	Rate int64

	// Attempts is how often a call is tried.
	Attempts int
	// Pause comes after the first failed attempt, and doubles up to MaxPause. Each is varied by half to either side.
	Pause, MaxPause time.Duration
	// Again comes after the first failed attempt of work in the background (a commit, healing, fetching pins), and doubles up to
	// MaxAgain.
	Again, MaxAgain time.Duration

	// Suspect is how long a call may be under way before the line looks whether the remote is there.
	Suspect time.Duration
	// Trial is how long the answer to that look may take before the remote counts as away, unless it is known to be slow.
	Trial time.Duration
	// Every is the time from one look to the next while the remote is away.
	Every time.Duration

	// Member is how long a member of a mirror may take over a small read before the next is asked, and a quarter of it more for each
	// MiB. The last that is left has all the time there is. Below 0: no limit.
	Member time.Duration
	// Lag is how much longer than the mirror's leader another member may take over a write. Below 0: no longer.
	Lag time.Duration

	// Commit is how long a change waits for others to travel with it.
	Commit time.Duration
	// Poll is the time between two looks for commits of other devices.
	Poll time.Duration

	// Answer is how long a request waits for storage before its answer begins.
	Answer time.Duration
	// Mount is how long a listing waits for the mounts in it.
	Mount time.Duration
	// Room is how long a request waits for the remote to say how much room there is.
	Room time.Duration
	// Full is how long a write waits for room among the changes that wait for the remote. A setting of the user goes before it.
	Full time.Duration
	// Status is how long a status waits for the list of the history, which may have to come from the remote.
	Status time.Duration
	// Check is how long a check waits for changes to reach the remote, and for a mirror to heal; then it checks what is there.
	Check time.Duration

	// Flush is how long a gateway that stops waits for its changes to reach the remote. The rest stays in the journal.
	Flush time.Duration
	// Close is how long closing waits for a remote whose calls no context ends.
	Close time.Duration
}

// Shipped are the deadlines of the program.
var Shipped = Deadlines{
	Look:  2 * time.Second,  // a disk that is awake opens at once, and a start must not seem to hang
	Open:  15 * time.Second, // a disk that spins up takes ten
	Begin: 5 * time.Second,  // a start may wait a little to show the newest state instead of the last one seen

	// Reply is longer than a remote takes that is there. A request to the drive has a bound of its own, Answer.
	Reply: 30 * time.Second,
	Rate:  50_000, // a thin mobile line; a full blob gets 105 seconds beyond Reply

	// Six attempts span about ten seconds: long enough for a server that restarts or a network that changes, short enough that
	// somebody who waits for a file is told. Work in the background, which has time, tries again by itself.
	Attempts: 6,
	Pause:    250 * time.Millisecond,
	MaxPause: 8 * time.Second,
	// Soon after a hiccup, then every half minute, so that a remote that comes back is noticed before its user wonders.
	Again:    500 * time.Millisecond,
	MaxAgain: 30 * time.Second,

	Suspect: 2 * time.Second, // nearly all calls take less, and no reader has lost patience by then
	Trial:   3 * time.Second, // leaves a small question room on a line that is full of other bytes
	Every:   3 * time.Second, // one small question costs nobody anything, and a remote that is back is noticed soon

	Member: 3 * time.Second, // as Trial; another member may be faster
	Lag:    2 * time.Second, // beyond that it is better to heal it later than to make the committer wait

	// A second is little to somebody at another device, and makes a handful of blobs of a thousand small files.
	Commit: time.Second,
	// Polling is one small request, and a change made elsewhere is seen while its author is still on the telephone.
	Poll: 15 * time.Second,

	Answer: 8 * time.Second,        // Finder gives up on a request after 10 s
	Mount:  500 * time.Millisecond, // longer than a store nearby needs, and no person takes the drive for dead
	Room:   time.Second,            // Finder asks once a minute, and shows no folder until it is answered
	Full:   20 * time.Second,       // most clients give up on a silent server after 30 to 60 s
	Status: 500 * time.Millisecond, // everything else that a status shows is at hand
	Check:  10 * time.Second,       // a check takes long anyway, but a remote that is away must not hold it up

	Flush: 20 * time.Second, // what a user waits for a program to end
	Close: 3 * time.Second,  // what a disk that spins up takes to give files back
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

// Limit returns how long a call may take that moves n bytes; below 0: for ever.
func (d Deadlines) Limit(n int64) time.Duration {
	if d.Reply < 0 {
		return d.Reply
	}
	return d.Reply + time.Duration(n)*time.Second/time.Duration(d.Rate)
}

// Blob returns how long it may take to move a full blob; below 0: for ever.
func (d Deadlines) Blob() time.Duration { return d.Limit(crypto.MaxBlobSize) }
