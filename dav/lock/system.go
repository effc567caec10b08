package lock

import (
	"context"
	"errors"
	"time"
)

// ErrUnavailable says that the locks can't be reached. Nothing was granted or ended, and nobody knows which locks there
// are: a change that a lock might forbid must not be made.
var ErrUnavailable = errors.New("the locks can't be reached")

// System grants the locks of a drive and knows them. Manager is the one of a single process; package locktest is the
// contract as code. Behind a System there may be a network: a call waits for it no longer than ctx lasts, and then
// fails with ErrUnavailable or the context's error. Paths are compared by Key. It is safe for concurrent use.
type System interface {
	// Create grants a lock or says which locks are in the way (*Locked). It waits for changes that are being made
	// within the lock's scope (Hold), so that no change lands after Create that was allowed before it. Token, Fence and
	// Expires are the system's, and Duration as far as it is too long. Errors: *Locked, ErrTooMany, ErrUnavailable, the
	// context's.
	Create(ctx context.Context, want Lock) (Lock, error)
	// Refresh gives a lock that covers path new time. Errors: webdav.ErrNoSuchLock, webdav.ErrForbidden (another's),
	// ErrUnavailable.
	Refresh(ctx context.Context, token, path, principal string, d time.Duration) (Lock, error)
	// Unlock ends a lock that covers path. Errors: as of Refresh.
	Unlock(ctx context.Context, token, path, principal string) error
	// View returns the locks that cover path as they are now; if deep, those beneath it as well. One call is enough for
	// a listing of any length.
	View(ctx context.Context, path string, deep bool) (View, error)

	Guard
	Ender
}

// Guard keeps changes and locks apart.
type Guard interface {
	// Hold keeps new locks away from these places until release is called. Holds do not exclude each other, and
	// existing locks do not matter to them: any number of requests may change one place at a time, as far as locks go.
	// It is meant for the short time of a commit, with Confirm inside.
	Hold(ctx context.Context, touches ...Touch) (release func(), err error)
	// Confirm reports whether a request that touches these places has submitted the tokens it needs, or which locks are
	// in the way (*Locked). Where several locks protect one place they are shared ones, and one of them is enough (RFC
	// 4918, 7). It is called at the moment of the change, in its vfs.Cond, and so refuses a lock that has expired or
	// was taken over since the request began.
	//
	// The fence is the greatest of the locks that were submitted and cover a place, zero when there is none. Once a
	// lock has been granted, no lock of a lower fence that excludes it is confirmed any more.
	Confirm(ctx context.Context, s Submitted, touches ...Touch) (Fence, error)
}

// Ender ends locks of any user.
type Ender interface {
	// Drop ends all locks rooted beneath path, and those on path itself unless keep, since the thing they protected is
	// gone. A lock that can't be ended now expires; that is reported.
	Drop(ctx context.Context, path string, keep bool) error
	// Break ends one lock, for an operator. Errors: webdav.ErrNoSuchLock, ErrUnavailable.
	Break(ctx context.Context, token string) error
}

// Fence is a number that grows with each lock that a system grants. The change that a lock protects carries it, so that
// a holder whose lock expired unnoticed can't change anything after the next holder. A system behind a network takes it
// from the sequence number of the drive's pointer, since the counter of a server may go back when the server fails
// over.
type Fence uint64
