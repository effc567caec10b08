package main

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// tail is the number of operations in the report of a failure.
const tail = 400

// record is the shared knowledge of a run.
type record struct {
	mu       sync.Mutex
	begun    time.Time
	next     map[uint32]uint32 // by writer: the number of the next contents
	contents map[id]int        // sizes of all contents ever sent
	tags     map[string]id     // contents by entity tag
	lines    []string          // the log, the newest last

	counts counts
	pulse  pulse
}

// counts are the numbers of exercised events.
type counts struct {
	Operations, Answered, Refused, Unknown, Unavailable, Full atomic.Int64
	Kills, Stops, Checks, Conflicts, Held, Walks              atomic.Int64
	Whole                                                     atomic.Int64 // bodies read and found whole
	Faults, Commits, Collected                                atomic.Int64
	OfflineStartsRefused                                      atomic.Int64
	// Operations left out because too many states were possible.
	Unsure atomic.Int64
	Memory atomic.Int64 // peak bytes of all processes together
}

func newRecord() *record {
	return &record{begun: time.Now(), next: map[uint32]uint32{}, contents: map[id]int{}, tags: map[string]id{}}
}

// fresh returns new contents of a writer.
func (r *record) fresh(writer uint32, size int) (id, []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next[writer]++
	c := id{writer, r.next[writer]}
	r.contents[c] = max(size, headerSize)
	return c, bodyOf(c, size)
}

// read checks that a body is whole, was sent, and is the same as ever under its entity tag.
func (r *record) read(body []byte, etag string) (id, error) {
	c, err := readBody(body)
	if err != nil {
		return c, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if n, known := r.contents[c]; !known || n != len(body) {
		return c, fmt.Errorf("%v of %d bytes was never sent", c, len(body))
	}
	if was, known := r.tags[etag]; known && was != c {
		return c, fmt.Errorf("the entity tag %s stands for %v and for %v", etag, was, c)
	}
	r.tags[etag] = c
	r.counts.Whole.Add(1)
	return c, nil
}

// tagged returns the contents of an entity tag.
func (r *record) tagged(etag string) (id, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c, known := r.tags[etag]
	return c, known
}

// logf adds a line to the log.
func (r *record) logf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	line := fmt.Sprintf("%8.3f ", time.Since(r.begun).Seconds()) + fmt.Sprintf(format, args...)
	r.lines = append(r.lines, line)
	if len(r.lines) > 8*tail {
		r.lines = append(r.lines[:0:0], r.lines[len(r.lines)-4*tail:]...)
	}
}

// count counts the answer to an operation.
func (r *record) count(rep reply) {
	r.counts.Operations.Add(1)
	switch {
	case rep.unknown():
		r.counts.Unknown.Add(1)
	case rep.ok():
		r.counts.Answered.Add(1)
	case rep.code == 507:
		r.counts.Full.Add(1)
	case rep.away():
		r.counts.Unavailable.Add(1)
	default:
		r.counts.Refused.Add(1)
	}
}

// print writes the end of the log.
func (r *record) print(w io.Writer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, line := range r.lines[max(0, len(r.lines)-tail):] {
		_, _ = fmt.Fprintln(w, line)
	}
}

func (r *record) summary() string {
	c := &r.counts
	return fmt.Sprintf("%d operations (%d answered, %d refused, %d unavailable, %d full, %d of unknown end), %d kills, "+
		"%d stops, %d faults, "+
		"%d commits, %d bodies read whole, %d folders walked, %d checks, %d claims held, %d of them as conflicts, %d "+
		"starts without the remote refused, %d blobs collected, %d left out, %d MiB at most",
		c.Operations.Load(), c.Answered.Load(), c.Refused.Load(), c.Unavailable.Load(), c.Full.Load(), c.Unknown.Load(),
		c.Kills.Load(), c.Stops.Load(),
		c.Faults.Load(), c.Commits.Load(), c.Whole.Load(), c.Walks.Load(), c.Checks.Load(), c.Held.Load(), c.Conflicts.Load(),
		c.OfflineStartsRefused.Load(), c.Collected.Load(), c.Unsure.Load(),
		c.Memory.Load()>>20)
}
