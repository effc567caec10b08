// Package lock keeps WebDAV's write locks (RFC 4918, 6 and 7): exclusive and shared, on one resource or on all beneath
// it, with random tokens, a bounded life, and a memory that outlasts the process.
//
// golang.org/x/net/webdav gives the words (LockDetails, the errors). Its own lock system is not used: it has neither
// shared locks nor random tokens, forgets all on a restart, leaves locks behind on what was deleted, lets a folder be
// removed from under a locked member, and guards each request by a lock of its own, so that two innocent writers refuse
// each other.
package lock

import (
	"errors"
	"path"
	"strings"
	"time"

	"golang.org/x/net/webdav"
	"golang.org/x/text/unicode/norm"
)

// Lock is one granted lock. It is a value: what a Manager gave out does not change any more.
type Lock struct {
	// LockDetails: Root is the path as it was locked, Duration the time it was granted for, OwnerXML the inner XML of
	// DAV:owner with all namespaces declared within.
	webdav.LockDetails
	Token     string    // an absolute URI, urn:uuid:…
	Fence     Fence     // greater than that of any lock granted before
	Shared    bool      // else exclusive
	Principal string    // the user who took it; only he may use the token. Empty: anybody
	Expires   time.Time // when it goes away unless refreshed
}

// Left is the time the lock still has, at least a second: clients take 0 for a lock that never holds and refresh in a
// storm.
func (l Lock) Left(now time.Time) time.Duration {
	return max(l.Expires.Sub(now), time.Second)
}

// covers reports whether the lock protects what is at a key.
func (l Lock) covers(key string) bool {
	root := Key(l.Root)
	return root == key || !l.ZeroDepth && beneath(key, root)
}

// ErrTooMany says that no further lock is granted before others have gone.
var ErrTooMany = errors.New("too many locks")

// Locked is the error of a change, or of a new lock, that others' locks are in the way of.
type Locked struct {
	Locks   []Lock // those in the way
	Beneath bool   // all of them are on members of a folder, none on what the request names
}

// Error returns one sentence without a full stop.
func (e *Locked) Error() string {
	if len(e.Locks) == 0 {
		return "locked"
	}
	return e.Locks[0].Root + " is locked"
}

// Is makes it a webdav.ErrLocked.
func (e *Locked) Is(target error) bool { return target == webdav.ErrLocked }

// Key is what paths are compared by: two that differ only in Unicode normalisation are one.
func Key(p string) string { return norm.NFC.String(path.Clean("/" + p)) }

// beneath reports whether a key lies somewhere under another.
func beneath(key, root string) bool {
	if root == "/" {
		return key != "/"
	}
	return len(key) > len(root) && key[len(root)] == '/' && strings.HasPrefix(key, root)
}

// overlap reports whether two subtrees (or single places, when not deep) have something in common.
func overlap(a string, aDeep bool, b string, bDeep bool) bool {
	return a == b || aDeep && beneath(b, a) || bDeep && beneath(a, b)
}
