package localfs

import "io/fs"

const dirsCanSync = false

// A browser has no files; package localfs is compiled for it since packages that read drives there depend on it.
const (
	noFollow    = 0
	nonBlocking = 0
)

// alone reports whether a file has no other name.
func alone(fs.FileInfo) bool { return true }

func isFullHere(error) bool { return false }
