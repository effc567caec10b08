package disk

import (
	"os"

	"postern/remote/localfs"
)

// System is how a store makes durable what it wrote. Tests replace it: to record syncs, to fail, to act as another
// filesystem, or to simulate a power cut.
type System interface {
	// SyncFile makes the bytes of an open file durable.
	SyncFile(f *os.File) error
	// SyncFolder makes the names in an open folder durable.
	SyncFolder(d *os.File) error
	// LinkIn gives a file of a folder a second name in it, without replacing anything; as os.Root.Link.
	LinkIn(root *os.Root, from, to string) error
}

// local is the system that we run on.
type local struct{}

// SyncFile implements System.
func (local) SyncFile(f *os.File) error { return f.Sync() }

// SyncFolder implements System.
func (local) SyncFolder(d *os.File) error { return localfs.SyncFolder(d) }

// LinkIn implements System.
func (local) LinkIn(root *os.Root, from, to string) error { return root.Link(from, to) }
