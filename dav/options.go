package dav

import (
	"cmp"
	"crypto/rand"
	"io"
	"log/slog"
	"time"

	"postern/dav/lock"
	"postern/dav/page"
)

// The defaults of Options.
const (
	DefaultMaxXML = 1 << 20 // bytes; the longest real body seen, a PROPPATCH of Office, has 4 KiB
	// A client that dies blocks a file no longer than this; LibreOffice and Finder refresh every few minutes.
	DefaultLockTimeout = time.Hour
	DefaultIdleTimeout = 2 * time.Minute  // a body times out when nothing arrives for so long
	DefaultGuard       = 10 * time.Second // rclone deletes about 1 s after a failed upload, later when it is busy
)

// Options are the choices of a Handler. The zero value works.
type Options struct {
	Log         *slog.Logger     // nil: no log
	System      lock.System      // the locks; nil: the handler's own, stored in Locks
	Locks       lock.Store       // stores locks across restarts; nil: in memory only
	Uploads     Uploads          // records uploads for the guard after a crash; nil: none
	Clock       func() time.Time // nil: time.Now
	Rand        io.Reader        // for lock tokens and the nonces of pages; nil: crypto/rand
	MaxXML      int64            // bytes of an XML body; 0: DefaultMaxXML
	LockTimeout time.Duration    // longest and default time of a lock; 0: DefaultLockTimeout
	IdleTimeout time.Duration    // longest pause in a request's body; 0: DefaultIdleTimeout, < 0: unlimited
	// Patience is how long a request waits for storage before its answer begins; 0: not at all.
	Patience time.Duration
	// Guard is how long a failed PUT protects the old version from a DELETE; 0: DefaultGuard, < 0: not at all.
	Guard time.Duration
	// Status returns the state of the drive for the line on its pages, without waiting. nil: no such line.
	Status func() Status
	// Sharing returns what the user shares, without waiting. nil: nobody can share.
	Sharing func() Sharing
	// People shows and changes what the user shares, for the pages. nil: nobody can share.
	People page.People
}

// Status is the state of the drive towards its storage.
type Status = page.Status

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	o.MaxXML = cmp.Or(max(o.MaxXML, 0), DefaultMaxXML)
	o.LockTimeout = cmp.Or(max(o.LockTimeout, 0), DefaultLockTimeout)
	o.IdleTimeout = cmp.Or(o.IdleTimeout, DefaultIdleTimeout)
	o.Guard = cmp.Or(o.Guard, DefaultGuard)
	return o
}
