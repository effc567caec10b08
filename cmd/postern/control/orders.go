package control

import (
	"context"
	"io"
	"time"

	"postern/remote/transfer"
	"postern/vfs/fsck"
	"postern/vfs/gc"
	"postern/vfs/pin"
)

// Keeper keeps the drive in order.
type Keeper interface {
	// Collect deletes unneeded blobs. An error comes with the report of the work done until then.
	Collect(ctx context.Context, o CollectOrder, tell Tell) (gc.Report, error)
	// Check checks the whole drive, and repairs it if o says so. An error comes with the report of the work done until
	// then.
	Check(ctx context.Context, o CheckOrder, tell Tell) (fsck.Report, error)
	// Fork compares the pointer at the remote with the newest one this device has seen. With accept, the drive goes on
	// from the one at the remote.
	Fork(ctx context.Context, accept bool) (Fork, error)
}

// CollectOrder says how to collect.
type CollectOrder struct {
	DryRun bool
	Grace  time.Duration // as of gc.Options
}

// CheckOrder says how to check.
type CheckOrder struct {
	ReadData, Repair bool
	Limit            string // of the bandwidth, as in the settings; empty: none besides those
}

// Fork compares the drive's pointer at the remote with the newest one seen.
type Fork struct {
	Facts    []Fact `json:"facts"`
	Trouble  bool   `json:"trouble"`  // the two can't be of one history
	Accepted bool   `json:"accepted"` // the drive goes on from the remote's pointer
}

// Historian looks back.
type Historian interface {
	// Versions returns the states of the history, the newest first: all of them, or those in which the file or folder
	// at a path differs from the next state.
	Versions(ctx context.Context, path string) ([]Version, error)
	// Restore copies from the history to another path of the drive, by reference; with replace also over what is there.
	Restore(ctx context.Context, from, to string, replace bool) error
	// Read writes a file's bytes.
	Read(ctx context.Context, path string, w io.Writer) error
	// List returns the entries of a folder of the drive, or a file alone.
	List(ctx context.Context, path string) ([]Version, error)
}

// Version is a file or folder as it is or was.
type Version struct {
	Path     string    `json:"path"`
	Folder   bool      `json:"folder"`
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
}

// Locksmith manages the locks that programs hold.
type Locksmith interface {
	Locks(ctx context.Context) ([]Lock, error)
	// Break ends the lock of a token, or all locks on a path, and returns them.
	Break(ctx context.Context, what string) ([]Lock, error)
}

// Lock is a lock that a program holds.
type Lock struct {
	Path    string    `json:"path"`
	Token   string    `json:"token"`
	Owner   string    `json:"owner"` // as the program calls itself
	Shared  bool      `json:"shared"`
	Beneath bool      `json:"beneath"` // the entries of the folder are locked, too
	Expires time.Time `json:"expires"`
}

// Pins manages the paths that stay readable offline.
type Pins interface {
	// Pin keeps a file or folder of the drive on this machine, and returns when all of it is there.
	Pin(ctx context.Context, path string, tell Tell) (pin.Status, error)
	// Unpin ends keeping it.
	Unpin(ctx context.Context, path string) (pin.Status, error)
	// Pinned returns what is kept.
	Pinned(ctx context.Context) (pin.Status, error)
}

// Carrier takes the drive elsewhere.
type Carrier interface {
	// Export writes a bundle.
	Export(ctx context.Context, o ExportOrder, tell Tell) (transfer.Progress, error)
	// Import takes a bundle to the remote.
	Import(ctx context.Context, file string, tell Tell) (transfer.Progress, error)
}

// ExportOrder says what to export. Paths are absolute.
type ExportOrder struct {
	File  string
	Base  []byte // a pointer, marshalled, whose state the bundle takes for granted; empty: nothing
	Since string // the bundle that brings Base; empty: it is not at hand
	Limit string // as of CheckOrder
	Login []byte // a login record that goes with it, marshalled; empty: none
}
