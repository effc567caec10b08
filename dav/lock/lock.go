// Package lock implements WebDAV's write locks (RFC 4918, 6 and 7): exclusive and shared, on one resource or a whole
// subtree, with random tokens, a limited duration, and a store that outlives the process.
//
// Terms (LockDetails, the errors) are those of golang.org/x/net/webdav. Its own lock system is not used: it has neither
// shared locks nor random tokens, forgets all locks on a restart, leaves locks on deleted files, allows a folder to be
// removed although a member is locked, and guards each request by a lock of its own, so that two unrelated writers
// refuse each other.
package lock

import (
	"errors"
	"path"
	"strings"
	"time"

	"golang.org/x/net/webdav"
	"golang.org/x/text/unicode/norm"
)

// Lock is one granted lock. It is an immutable value.
type Lock struct {
	// LockDetails: Root is the path as locked, Duration the granted time, OwnerXML the inner XML of DAV:owner with all
	// namespaces declared within.
	webdav.LockDetails
	Token     string    // an absolute URI, urn:uuid:…
	Fence     Fence     // greater than that of any lock granted before
	Shared    bool      // else exclusive
	Principal string    // the user, who alone may use the token; empty: anybody
	Expires   time.Time // time of expiry unless refreshed
}

// Left returns the remaining time of the lock, at least a second: clients treat 0 as a lock that never holds, and
// refresh continuously.
func (l Lock) Left(now time.Time) time.Duration {
	return max(l.Expires.Sub(now), time.Second)
}

// covers reports whether the lock protects the resource at a key.
func (l Lock) covers(key string) bool {
	root := Key(l.Root)
	return root == key || !l.ZeroDepth && beneath(key, root)
}

// ErrTooMany means that no further lock is granted before others end.
var ErrTooMany = errors.New("too many locks")

// Locked is the error of a change, or of a new lock, that conflicts with others' locks.
type Locked struct {
	Locks   []Lock // the conflicting locks
	Beneath bool   // all of them are on members of a folder, none on the named resource
}

// Error returns one sentence without a full stop.
func (e *Locked) Error() string {
	if len(e.Locks) == 0 {
		return "locked"
	}
	return e.Locks[0].Root + " is locked"
}

// Is implements errors.Is: it is a webdav.ErrLocked.
func (e *Locked) Is(target error) bool { return target == webdav.ErrLocked }

// Key returns the key by which paths are compared: paths that differ only in Unicode normalisation are equal.
func Key(p string) string { return norm.NFC.String(path.Clean("/" + p)) }

// beneath reports whether a key is below another, at any depth.
func beneath(key, root string) bool {
	if root == "/" {
		return key != "/"
	}
	return len(key) > len(root) && key[len(root)] == '/' && strings.HasPrefix(key, root)
}

// overlap reports whether two subtrees (or single places, if not deep) share a place.
func overlap(a string, aDeep bool, b string, bDeep bool) bool {
	return a == b || aDeep && beneath(b, a) || bDeep && beneath(a, b)
}
