package content

import (
	"context"
	"errors"
	"testing"
)

// TestGiveUp checks that the MD5 is skipped when it alone slows a body down, and only if that is allowed.
func TestGiveUp(t *testing.T) {
	for _, c := range []struct {
		name             string
		late             bool
		full             bool
		md5, sha1, seals int
		gaveUp           bool
	}{
		{"holds up", true, true, 2, 1, 1, true},
		{"must be there", false, true, 2, 1, 1, false},
		{"nobody waits", true, false, 2, 1, 1, false},
		{"all are slow", true, true, 2, 1, 2, false},
	} {
		p := &pipe{tokens: make(chan struct{}, 2), late: c.late, failed: make(chan struct{})}
		for i, n := range []int{c.md5, c.sha1, c.seals} {
			p.lanes[i] = make(chan *block, 2)
			for range n {
				p.lanes[i] <- nil
			}
		}
		p.tokens <- struct{}{}
		if c.full {
			p.tokens <- struct{}{}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := p.wait(ctx); c.full && !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", c.name, err)
		}
		if p.gaveUp.Load() != c.gaveUp {
			t.Errorf("%s: gave up: %v", c.name, p.gaveUp.Load())
		}
	}
}
