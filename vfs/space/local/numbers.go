package local

import (
	"slices"

	"postern/vfs/object"
)

// A home that is put back from a backup gives numbers again that the remote knows already, and two copies of one home give the
// same numbers to different changes. So numbers count under the run of the journal that gave them: a commit never says of a
// change that it holds it when it holds another one of that number. A change that it can't judge is merged again, which at
// worst leaves a conflict copy. All spaces of a home share the numbers; a commit of a space speaks of that space's records.

// First returns the number before the oldest record that is in the journal.
func (h *Home) First() uint64 {
	spans, next := h.journal.Spans()
	if len(spans) > 0 {
		next = spans[0].First
	}
	return next - 1
}

// Held returns up to which record of the journal a commit holds its space's, which is at least floor.
func (h *Home) Held(c *object.Commit, floor uint64) uint64 {
	spans, _ := h.journal.Spans()
	for _, span := range slices.Backward(spans) {
		if seq := c.AppliedTo(h.Device.ID.At(span.Run)); seq >= span.First {
			return max(floor, min(seq, span.Last))
		}
	}
	return floor
}

// Applied returns what a commit on top of another says of all journals when it holds ours up to seq.
func (h *Home) Applied(on *object.Commit, seq uint64) []object.Applied {
	if seq == 0 {
		return on.Applied
	}
	spans, _ := h.journal.Spans()
	for _, span := range slices.Backward(spans) {
		if span.First <= seq && seq <= span.Last {
			return object.WithApplied(on.Applied, h.Device.ID.At(span.Run), seq)
		}
	}
	return on.Applied // nothing of ours is new in it
}

// Copied reports whether a commit that follows another holds a record which neither this journal has given nor the other held,
// though it was given under this device's name: there is, or was, another copy of this home.
func (h *Home) Copied(was, theirs *object.Commit) bool {
	latest := theirs.Latest(h.Device.ID)
	if latest == (object.Applied{}) || latest == was.Latest(h.Device.ID) {
		return false
	}
	spans, next := h.journal.Spans()
	if latest.Device == h.Device.ID.At(h.journal.Run()) {
		return latest.Seq >= next
	}
	for _, span := range spans {
		if latest.Device == h.Device.ID.At(span.Run) {
			return latest.Seq > span.Last
		}
	}
	return true
}
