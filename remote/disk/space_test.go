//go:build linux || darwin || freebsd

package disk

import "testing"

func TestOverflow(t *testing.T) {
	for _, c := range []struct {
		blocks, size uint64
		want         int64
	}{{0, 0, 0}, {10, 4096, 40960}, {1 << 60, 4096, 1<<63 - 1}, {1<<64 - 1, 1<<64 - 1, 1<<63 - 1},
		{1<<63 - 1, 1, 1<<63 - 1}} {
		if got := bytesOf(c.blocks, c.size); got != c.want {
			t.Errorf("%d blocks of %d bytes are %d", c.blocks, c.size, got)
		}
	}
}
