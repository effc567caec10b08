//go:build linux || darwin || freebsd

package disk

import (
	"math"
	"syscall"

	"postern/remote"
)

// room returns the figures of the filesystem. Free is what an ordinary user may still take.
func room(path string) (remote.Space, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(path, &st); err != nil {
		return remote.Space{}, err
	}
	return remote.Space{
		Used: bytesOf(uint64(st.Blocks-st.Bfree), uint64(st.Bsize)),
		Free: bytesOf(uint64(max(st.Bavail, 0)), uint64(st.Bsize)),
	}, nil
}

// bytesOf multiplies without overflow: some network filesystems report endless room.
func bytesOf(blocks, size uint64) int64 {
	if size != 0 && blocks > math.MaxInt64/size {
		return math.MaxInt64
	}
	return int64(blocks * size)
}
