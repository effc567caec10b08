package local

import (
	"slices"

	"postern/vfs/object"
)

// A home restored from a backup reuses numbers that the remote already knows, and two copies of one home give the same
// numbers to different changes. So numbers count under the run of the journal that gave them, and a commit never claims
// a change because it holds another one with the same number. Changes that can't be judged are merged again, which at
// worst leaves a conflict copy. All spaces of a home share the numbers; a commit of a space covers only that space's
// records.

// First returns the number before the oldest record in the journal.
func (h *Home) First() uint64 {
	spans, next := h.journal.Spans()
	if len(spans) > 0 {
		next = spans[0].First
	}
	return next - 1
}

// Numbers are the numbers of the journal in the commits of one space.
type Numbers struct {
	home   *Home
	Device object.DeviceID // this device, as the commits of the space name it
}

// Numbers returns the numbers in the commits of a space that names this device so.
func (h *Home) Numbers(device object.DeviceID) Numbers { return Numbers{h, device} }

// Held returns the number of the newest record of the journal up to which a commit holds the records of its space. It
// is at least floor.
func (n Numbers) Held(c *object.Commit, floor uint64) uint64 {
	spans, _ := n.home.journal.Spans()
	for _, span := range slices.Backward(spans) {
		if seq := c.AppliedTo(n.Device.At(span.Run)); seq >= span.First {
			return max(floor, min(seq, span.Last))
		}
	}
	return floor
}

// Applied returns what a commit on top of another records about all journals if it holds ours up to seq.
func (n Numbers) Applied(on *object.Commit, seq uint64) []object.Applied {
	if seq == 0 {
		return on.Applied
	}
	spans, _ := n.home.journal.Spans()
	for _, span := range slices.Backward(spans) {
		if span.First <= seq && seq <= span.Last {
			return object.WithApplied(on.Applied, n.Device.At(span.Run), seq)
		}
	}
	return on.Applied // it holds nothing new of ours
}

// Copied reports whether another copy of this home exists or existed. It does if a commit that follows another holds a
// record under this device's name that is new and that this journal did not give.
func (n Numbers) Copied(was, theirs *object.Commit) bool {
	latest := theirs.Latest(n.Device)
	if latest == (object.Applied{}) || latest == was.Latest(n.Device) {
		return false
	}
	spans, next := n.home.journal.Spans()
	if latest.Device == n.Device.At(n.home.journal.Run()) {
		return latest.Seq >= next
	}
	for _, span := range spans {
		if latest.Device == n.Device.At(span.Run) {
			return latest.Seq > span.Last
		}
	}
	return true
}
