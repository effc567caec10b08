package localfs

import (
	"os"

	"golang.org/x/sys/unix"
)

// startSync queues the dirty pages of the range for writing and returns (sync_file_range(2), SYNC_FILE_RANGE_WRITE). It gives no
// promise, so an error is nothing to report.
func startSync(f *os.File, off, n int64) {
	_ = unix.SyncFileRange(int(f.Fd()), off, n, unix.SYNC_FILE_RANGE_WRITE)
}
