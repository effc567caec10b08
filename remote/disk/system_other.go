//go:build !unix

package disk

import "io/fs"

// This system has no such flags, and no pipes among the files of a folder.
const (
	nonBlocking = 0
	onlyFolder  = 0
)

// named returns true: a file that is open can't lose its name here.
func named(fs.FileInfo) bool { return true }
