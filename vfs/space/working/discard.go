package working

import "postern/vfs/space/base"

// Discard makes on the newest state, without the pending changes, and returns the number of the newest of them. They
// must be rejected already (Block). Only the committer calls it; Forget releases what they needed.
func (c *Copy) Discard(on base.State) (seq uint64, err error) {
	for {
		from, err := c.DurableHead()
		if err != nil {
			return 0, err
		}
		c.changing.Lock()
		done := c.replaceHead(from, &Head{Tree: on.Files, Private: from.Private, Seq: from.Seq})
		if done {
			c.unrecorded = nil
		}
		c.changing.Unlock()
		if done {
			return from.Seq, nil
		}
	}
}
