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
	// Collect deletes what nobody needs any more. The report is as far as it came, also with an error.
	Collect(ctx context.Context, o CollectOrder, tell Tell) (gc.Report, error)
	// Check checks everything, and repairs if it is told to. The report is as far as it came, also with an error.
	Check(ctx context.Context, o CheckOrder, tell Tell) (fsck.Report, error)
	// Fork returns what the remote shows beside what this device has seen of it, and with accept takes it for the truth.
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
}

// Fork is what the remote shows of the drive's pointer, and what was seen of it.
type Fork struct {
	Facts    []Fact `json:"facts"`
	Trouble  bool   `json:"trouble"`  // the two can't be of one history
	Accepted bool   `json:"accepted"` // it was, and is the truth from now on
}

// Historian looks back.
type Historian interface {
	// Versions tells the states of the history, the newest first: all of them, or those in which what lies at a path of
	// the drive differs from what it became.
	Versions(ctx context.Context, path string) ([]Version, error)
	// Restore copies from the history to another path of the drive, by reference; with replace also over what is there.
	Restore(ctx context.Context, from, to string, replace bool) error
	// Read writes a file's bytes.
	Read(ctx context.Context, path string, w io.Writer) error
	// List returns what lies in a folder of the drive; of a file it tells that alone.
	List(ctx context.Context, path string) ([]Version, error)
}

// Version is a file or folder as it is or was.
type Version struct {
	Path     string    `json:"path"`
	Folder   bool      `json:"folder"`
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
}

// Locksmith looks after what programs have locked.
type Locksmith interface {
	Locks(ctx context.Context) ([]Lock, error)
	// Break ends the lock of a token, or all locks on a path, whoever took them, and tells which.
	Break(ctx context.Context, what string) ([]Lock, error)
}

// Lock is a lock that a program holds.
type Lock struct {
	Path    string    `json:"path"`
	Token   string    `json:"token"`
	Owner   string    `json:"owner"` // as the program calls itself
	Shared  bool      `json:"shared"`
	Beneath bool      `json:"beneath"` // what lies in the folder is locked, too
	Expires time.Time `json:"expires"`
}

// Pins looks after what stays readable offline.
type Pins interface {
	// Pin keeps a file or folder of the drive at hand, and returns when all of it is.
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
	Login []byte // a login record that goes with it, marshalled; empty: none
}
