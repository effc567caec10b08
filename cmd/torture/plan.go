package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"postern/vfs/layout"
)

// The folders that workers write to. Names are few, so that operations collide.
const (
	files      = layout.Files
	sharedRoot = files + "/both"
)

func ownRoot(gateway, worker int) string { return fmt.Sprintf("%s/own-%d-%d", files, gateway, worker) }

var (
	ownNames    = []string{"a", "b", "c.txt", "d é.odt"}
	sharedNames = []string{"x", "y", "1.txt", "2.odt", "3", "four.tar.gz", "5 & <6>", "sieben ü.txt", "8%20", "nine#?"}
)

// verb is what a task does.
type verb int

const (
	putFile verb = iota
	makeFolder
	removeIt
	moveIt
	copyIt
	setProp
	readFile
	lookAround // lists a whole tree
	bringIn    // moves or copies from the shared folder into one's own
	giveAway   // moves or copies from one's own folder into the shared one
	verbs
)

var verbNames = [verbs]string{"PUT", "MKCOL", "DELETE", "MOVE", "COPY", "PROPPATCH", "GET", "PROPFIND", "BRING IN",
	"GIVE AWAY"}

// weights are the frequencies of the verbs, in one's own folder and in the shared one.
var weights = [2][verbs]int{
	{34, 9, 6, 9, 8, 6, 12, 4, 4, 4},
	{46, 6, 4, 7, 6, 4, 14, 3, 0, 0},
}

// task is one operation of a worker. It depends only on the seed.
type task struct {
	verb    verb
	shared  bool
	path    string
	to      string
	size    int
	replace bool
	shallow bool
	moving  bool // of bringIn and giveAway
	value   string
}

func (t task) String() string {
	return fmt.Sprintf("%s %s %s size=%d replace=%v shallow=%v moving=%v", verbNames[t.verb], t.path, t.to, t.size,
		t.replace, t.shallow, t.moving)
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// pathIn returns a random path. The first two names are mostly those of folders, the others those of files; sometimes
// the other way round.
func pathIn(r *rand.Rand, root string, names []string, depth int) string {
	parts := []string{root}
	folders := min(2, len(names))
	for n := 1 + r.IntN(depth); n > 0; n-- {
		from := names[:folders]
		if n == 1 && len(names) > folders && r.IntN(4) > 0 {
			from = names[folders:]
		} else if r.IntN(12) == 0 {
			from = names
		}
		parts = append(parts, pick(r, from))
	}
	return strings.Join(parts, "/")
}

// foldersOf returns the folders that a worker has at the start of each phase: with few folders few operations are
// possible.
func foldersOf(gateway, worker int) []string {
	root := ownRoot(gateway, worker)
	return []string{sharedRoot + "/" + sharedNames[worker%2], root + "/" + ownNames[0], root + "/" + ownNames[1]}
}

// sizeOf returns a random size: mostly small, sometimes too large for the journal, rarely of several chunks.
func sizeOf(r *rand.Rand) int {
	switch n := r.IntN(100); {
	case n < 60:
		return r.IntN(3000)
	case n < 84:
		return r.IntN(70_000)
	case n < 94:
		return 400_000 + r.IntN(250_000)
	case n < 99:
		return r.IntN(2 << 20)
	}
	return r.IntN(12 << 20)
}

// draw returns the next task of a worker.
func draw(r *rand.Rand, p phase, gateway, worker int) task {
	t := task{shared: r.Float64() < p.sharing}
	zone, root, names, depth := 0, ownRoot(gateway, worker), ownNames, 3
	if t.shared {
		zone, root, names, depth = 1, sharedRoot, sharedNames[:p.names], 2
	}
	n := 0
	for _, w := range weights[zone] {
		n += w
	}
	n = r.IntN(n)
	for n >= weights[zone][t.verb] {
		n -= weights[zone][t.verb]
		t.verb++
	}
	t.path, t.to = pathIn(r, root, names, depth), pathIn(r, root, names, depth)
	t.size, t.replace, t.shallow, t.moving = sizeOf(r), r.IntN(4) > 0, r.IntN(4) == 0, r.IntN(2) == 0
	t.value = fmt.Sprint(r.IntN(1000))
	if p.large && t.verb == putFile {
		t.size = 600_000 + r.IntN(4<<20)
	}
	if other := pathIn(r, sharedRoot, sharedNames, 2); t.verb == bringIn {
		t.path = other
	} else if t.verb == giveAway {
		t.to = other
	}
	return t
}

// event happens to a gateway after it has answered a number of operations of a phase.
type event struct {
	after int // operations
	wait  time.Duration
	kind  string // kill, stop, hurry, collect or clock
	down  time.Duration
	clock time.Duration
}

// phase is a part of a run with one kind of fault.
type phase struct {
	name    string
	ops     int     // of each worker
	sharing float64 // fraction of operations in the shared folder
	names   int     // number of names in the shared folder
	large   bool
	faults  [gateways]faults
	limit   [gateways]int64
	events  [gateways][]event
	check   bool // converge and check everything at the end
}

// gateways is the number of gateways in a run.
const gateways = 2

// collects reports whether a run collects garbage. Its clocks are right: the grace period covers only small differences
// between the clocks of two gateways.
func collects(seed uint64) bool { return seed%2 == 0 }

// through reports whether the gateways of a run answer changes only when they are at the remote.
func through(seed uint64) bool { return seed%10 == 9 }

// phaseOf returns the n-th phase of a run.
func phaseOf(seed uint64, n, workers int) phase {
	r := rand.New(rand.NewPCG(seed, uint64(n)<<32|0xfa5e))
	p := phase{ops: 15 + r.IntN(50), sharing: pick(r, []float64{0.2, 0.5, 0.9}), names: 3 + r.IntN(len(sharedNames)-2),
		check: n%6 == 5}
	some := func() faults {
		return faults{Fail: r.Float64() * 0.15, Lose: r.Float64() * 0.15, Cut: r.Float64() * 0.1, Delay: r.Float64() * 0.2,
			Busy: r.Float64() * 0.1, Lag: r.Float64() * 0.5, Sleep: 20 * time.Millisecond}
	}
	for g := range gateways {
		if r.IntN(3) > 0 {
			p.faults[g] = some()
		}
	}
	switch r.IntN(16) {
	case 0, 7:
		p.name = "one away"
		p.faults[r.IntN(gateways)].Away = true
	case 1, 2, 8, 9:
		p.name = "both away"
		for g := range gateways {
			p.faults[g].Away = true
		}
		p.sharing = 0.8
	case 3:
		p.name = "black hole"
		p.faults[r.IntN(gateways)] = faults{Away: true, Hole: true}
		p.ops = 6
	case 4:
		p.name = "remote full"
		p.faults[r.IntN(gateways)].Full = 0.3 + 0.6*r.Float64()
	case 5, 10, 11:
		p.name = "replies lost"
		for g := range gateways {
			p.faults[g].Lose = 0.4
		}
	case 6:
		p.name = "staging full"
		p.ops, p.large = 3, true
		g := r.IntN(gateways)
		p.limit[g], p.faults[g].Full = 12<<20, 0.9
	default:
		p.name = "calm"
		p.faults = [gateways]faults{}
	}
	kinds := []string{"kill", "kill", "kill", "stop", "hurry", "clock"}
	if collects(seed) {
		kinds[5] = "collect"
	}
	clock := func() time.Duration {
		if d := time.Duration(r.Int64N(int64(96*time.Hour))) - 48*time.Hour; !collects(seed) {
			return d
		}
		return 0
	}
	for g := range gateways {
		p.faults[g].Seed = r.Uint64()
		if r.IntN(3) == 0 {
			p.faults[g].Clock = clock()
		}
		for range r.IntN(4) {
			e := event{after: 1 + r.IntN(p.ops*workers), wait: time.Duration(r.IntN(3000)) * time.Microsecond,
				kind: pick(r, kinds), down: time.Duration(r.IntN(60)) * time.Millisecond, clock: clock()}
			p.events[g] = append(p.events[g], e)
		}
		if collects(seed) {
			p.events[g] = append(p.events[g], event{after: 1 + r.IntN(p.ops*workers), kind: "collect"})
		}
		if p.limit[g] > 0 {
			// A limit takes effect at a start.
			p.events[g] = append(p.events[g], event{after: 1, kind: "kill"})
		}
	}
	return p
}

func (p phase) String() string {
	return fmt.Sprintf("%s: %d operations, %g shared of %d names, large %v, faults %+v, limits %v, events %+v", p.name,
		p.ops, p.sharing, p.names, p.large,
		p.faults, p.limit, p.events)
}
