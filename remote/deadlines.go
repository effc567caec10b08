package remote

import (
	"reflect"
	"time"

	"postern/crypto"
)

// Deadlines is the one table of how long the program waits for a remote, or for storage that depends on one. The
// packages that wait take their values from it. A value that is zero is the one in Shipped, so that tests name only
// what they shorten.
//
// Not in it are the times of other matters: of HTTP connections, locks, the user interface, and how old something may
// become.
type Deadlines struct {
	// Look is how long a gateway that starts waits for its remote. A remote that takes longer is opened when it is
	// there.
	Look time.Duration
	// Open is how long a command waits for its remote to open, and how long a gateway waits that can't start without
	// it.
	Open time.Duration
	// Found is Open for a new remote, where the driver may try first whether the place can hold one.
	Found time.Duration
	// Begin is how long the remote may take to show its newest commit when another is at hand to begin with.
	Begin time.Duration

	// Reply is how long a call without bytes may take, and a listing until its next item. Below 0: no limit.
	Reply time.Duration
	// Rate is how many bytes a second a transfer moves at least: a call may take Reply, and the time for its bytes at
	// this rate.
	Rate int64

	// Stall is how long a connection may move no byte in the middle of a request.
	Stall time.Duration

	// Attempts is how often a call is tried.
	Attempts int
	// Pause comes after the first failed attempt, and doubles up to MaxPause. Each pause is varied by up to half in
	// either direction.
	Pause, MaxPause time.Duration
	// Again comes after the first failed attempt of work in the background (a commit, healing, fetching pins), and
	// doubles up to MaxAgain.
	Again, MaxAgain time.Duration

	// Work is how long one piece of work in the background may take that no request waits for: a look at what moved,
	// the loading of a space's state, a question to a mount, the wait of one space's commit for another's.
	Work time.Duration

	// PutBack is how long a space's commits wait for those of a failing space that something was moved to, while the
	// remote answers. Then what was moved is put back.
	PutBack time.Duration

	// Suspect is how long a call may be under way before the line probes whether the remote is reachable.
	Suspect time.Duration
	// Trial is how long the answer to that probe may take before the remote counts as away, unless it is known to be
	// slow.
	Trial time.Duration
	// Every is the time from one probe to the next while the remote is away.
	Every time.Duration

	// Member is how long a member of a mirror may take over a small read before the next member is read, plus a quarter
	// of that for each MiB. The last member may take all the remaining time. Below 0: no limit.
	Member time.Duration
	// Lag is how much longer than the mirror's leader another member may take for a write. Below 0: no longer than it.
	Lag time.Duration

	// Commit is how long a change waits for others that share its commit.
	Commit time.Duration
	// Poll is the time between two polls for commits of other devices.
	Poll time.Duration

	// Answer is how long a request waits for storage before its answer begins.
	Answer time.Duration
	// Mount is how long a listing waits for the mounts in it.
	Mount time.Duration
	// Room is how long a request waits for the remote to report its free space.
	Room time.Duration
	// Full is how long a write waits for room among the changes that wait for the remote. A setting of the user
	// overrides it.
	Full time.Duration
	// Status is how long a status waits for the list of the history, which may have to come from the remote.
	Status time.Duration
	// Check is how long a check waits for changes to reach the remote, and for a mirror to heal; then it checks what is
	// there.
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
	Found: 60 * time.Second, // trying a store takes some hundred requests, and 25 s at the slowest that was tried
	Begin: 5 * time.Second,  // a start may wait a little to show the newest state instead of the last one seen

	// Reply is longer than a reachable remote takes. A request to the drive has a bound of its own, Answer.
	Reply: 30 * time.Second,
	Rate:  50_000, // a thin mobile line; a full blob gets 105 seconds beyond Reply

	Stall: 20 * time.Second, // long for a store that thinks, and short of Reply, so that a fresh connection has a try

	// Six attempts span about ten seconds: long enough for a server that restarts or a network that changes, short
	// enough that a user who waits for a file gets an error in time. Background work retries by itself.
	Attempts: 6,
	Pause:    250 * time.Millisecond,
	MaxPause: 8 * time.Second,
	// Soon after a hiccup, then every half minute, so that a remote that comes back is noticed soon.
	Again:    500 * time.Millisecond,
	MaxAgain: 30 * time.Second,

	Work: 30 * time.Second, // as Reply; it is done again later

	PutBack: time.Hour, // putting back leaves two copies, and most failures pass sooner

	Suspect: 2 * time.Second, // nearly all calls take less, and no client has timed out by then
	Trial:   3 * time.Second, // enough for a small request on a line that is busy with other bytes
	Every:   3 * time.Second, // a small request costs little, and a remote that is back is noticed soon

	Member: 3 * time.Second, // as Trial; another member may be faster
	Lag:    2 * time.Second, // beyond that, healing it later is better than a slow commit

	// A second hardly matters at another device, and packs a thousand small files into a handful of blobs. It is the same
	// for a distant store: a commit takes longer there, and what changes meanwhile shares the next one. Over 50 ms, 2,000
	// small files took 55 commits of three requests each, and were at the store half a second after the last was written.
	Commit: time.Second,
	// Polling is one small request, and a change made elsewhere shows within seconds.
	Poll: 15 * time.Second,

	Answer: 8 * time.Second,        // Finder cancels a request after 10 s
	Mount:  500 * time.Millisecond, // longer than a store nearby needs, and no visible delay
	Room:   time.Second,            // Finder asks once a minute, and shows no folder before the answer
	Full:   20 * time.Second,       // most clients drop a silent server after 30 to 60 s
	Status: 500 * time.Millisecond, // everything else that a status shows is at hand
	Check:  10 * time.Second,       // a check takes long anyway, but a remote that is away must not hold it up

	Flush: 20 * time.Second, // as long as users wait for a program to end
	Close: 3 * time.Second,  // as long as a disk that spins up takes to close files
}

// OrShipped returns d with each zero replaced by the value in Shipped.
func (d Deadlines) OrShipped() Deadlines {
	own, shipped := reflect.ValueOf(&d).Elem(), reflect.ValueOf(Shipped)
	for i := range own.NumField() {
		if own.Field(i).IsZero() {
			own.Field(i).Set(shipped.Field(i))
		}
	}
	return d
}

// Limit returns how long a call that moves n bytes may take; below 0: no limit.
func (d Deadlines) Limit(n int64) time.Duration {
	if d.Reply < 0 {
		return d.Reply
	}
	return d.Reply + time.Duration(n)*time.Second/time.Duration(d.Rate)
}

// Blob returns how long moving a full blob may take; below 0: no limit.
func (d Deadlines) Blob() time.Duration { return d.Limit(crypto.MaxBlobSize) }
