//go:build !unix

package disk

import (
	"io/fs"
	"os"
)

// syncFolder does nothing: folders can't be synced here, the filesystem's own journal has to do.
func (local) syncFolder(string) error { return nil }

// openPlain opens a regular file for reading and nothing else.
func openPlain(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return plain(f)
}

// named says yes: a file that is open can't lose its name here.
func named(fs.FileInfo) bool { return true }
