package space

import (
	"slices"

	"postern/vfs/object"
)

// A home that is put back from a backup gives numbers again that the remote knows already, and two copies of one home give the same
// numbers to different changes. So numbers count under the run of the journal that gave them: a commit never says of a change that it
// holds it when it holds another one of that number. What it can't tell of is merged again, which at worst leaves a conflict copy.

// held returns up to which record of the journal a commit holds it, of which it surely holds those up to floor.
func (s *Space) held(c *object.Commit, floor uint64) uint64 {
	spans, _ := s.journal.Spans()
	for _, span := range slices.Backward(spans) {
		if seq := c.AppliedTo(s.device.ID.At(span.Run)); seq >= span.First {
			return max(floor, min(seq, span.Last))
		}
	}
	return floor
}

// applied is what a commit on top of another tells of all journals, when it holds ours up to seq.
func (s *Space) applied(on *object.Commit, seq uint64) []object.Applied {
	if seq == 0 {
		return on.Applied
	}
	spans, _ := s.journal.Spans()
	for _, span := range slices.Backward(spans) {
		if span.First <= seq && seq <= span.Last {
			return object.WithApplied(on.Applied, s.device.ID.At(span.Run), seq)
		}
	}
	return on.Applied // nothing of ours is new in it
}

// copied reports whether a commit that follows another holds what neither this journal has given nor the other held, though it was given
// under this device's name: there is, or was, another copy of this home.
func (s *Space) copied(was, theirs *object.Commit) bool {
	latest := theirs.Latest(s.device.ID)
	if latest == (object.Applied{}) || latest == was.Latest(s.device.ID) {
		return false
	}
	spans, next := s.journal.Spans()
	if latest.Device == s.device.ID.At(s.journal.Run()) {
		return latest.Seq >= next
	}
	for _, span := range spans {
		if latest.Device == s.device.ID.At(span.Run) {
			return latest.Seq > span.Last
		}
	}
	return true
}

// noteCopied tells the user, once.
func (c *committer) noteCopied() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stats.Copied.IsZero() {
		return
	}
	c.stats.Copied = c.s.now()
	c.s.log.Warn("this home was put back from an older copy, or is in use in another place too; nothing is lost, but on another machine use postern login "+
		"instead of a copy of the home", "home", c.s.dir)
}
