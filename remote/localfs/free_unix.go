//go:build linux || darwin || freebsd

package localfs

import "golang.org/x/sys/unix"

// Free is statfs(2)'s count of what users other than root may still write.
func (OS) Free(dir string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return int64(s.Bavail) * int64(s.Bsize), nil
}
