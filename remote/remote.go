// Package remote defines what Postern needs from storage that it does not trust: it keeps sealed blobs under the hash
// of their bytes, and small signed pointers that move by compare-and-swap.
//
// A remote may lose, withhold, roll back, fork, corrupt and list what it keeps; it must never learn names, contents,
// structure or exact sizes. CONTRACT.md beside this file states what each call promises, and package remotetest is that
// contract as code: every driver and every wrapper passes it.
//
// Login records need no interface of their own: a login record is a pointer whose id is derived from user name and
// passphrase, so nobody else can find it, it moves by compare-and-swap like any other, and a remote can't distinguish
// accounts from spaces. A store may also offer inboxes, names and watching: see Roles.
package remote

import (
	"context"
	"io"
	"iter"

	"postern/crypto"
)

// Blobs keeps immutable padded ciphertext, named by the hash of its bytes.
type Blobs interface {
	// Put stores the body under its name and returns once it is durable. Putting a blob that is there already
	// succeeds and changes nothing. A failed Put leaves either nothing or the whole blob, never a part.
	// Errors: ErrFull, ErrUnavailable, ErrRefused (more than crypto.MaxBlobSize bytes), ErrCorrupt (the body has more
	// or fewer bytes than its Size, or is not what the name says; only package verify looks at the name).
	Put(ctx context.Context, name crypto.BlobName, body Body) error

	// Get returns a whole blob, at most crypto.MaxBlobSize bytes. Errors: ErrNotFound, ErrUnavailable, ErrCorrupt.
	Get(ctx context.Context, name crypto.BlobName) ([]byte, error)

	// GetRange fills p with the bytes from off on: all of p, or an error, after which the bytes of p are undefined. A
	// range that ends past the blob is ErrCorrupt: the caller knows the size, so the blob must have been cut short. An
	// empty range within the blob succeeds. See UpTo for ranges that may end with the blob.
	GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error

	// Stat returns the size of a blob in bytes. Errors: ErrNotFound, ErrUnavailable.
	Stat(ctx context.Context, name crypto.BlobName) (int64, error)

	// List yields every blob once, in no order. Blobs put or deleted meanwhile may or may not appear.
	// After an error it yields nothing more.
	List(ctx context.Context) iter.Seq2[BlobInfo, error]

	// Delete forgets a blob. Deleting what is not there succeeds.
	Delete(ctx context.Context, name crypto.BlobName) error
}

// Pointers keeps the newest signed state of each pointer.
type Pointers interface {
	// Load returns the newest pointer. Errors: ErrNotFound, ErrUnavailable; a verifying wrapper adds ErrCorrupt,
	// ErrRollback and ErrFork.
	Load(ctx context.Context, id crypto.PointerID) (crypto.Pointer, error)

	// Swap replaces the pointer whose hash is old (the zero hash: there is none yet) by next, atomically and durably.
	// ErrConflict says that another state is there and nothing was changed. next must verify and have a greater
	// sequence than what it replaces (the first may have any), else ErrRefused. Repeating the same swap is ErrConflict,
	// or succeeds if the store sees that next is there. After ErrUnavailable the outcome is unknown: load and compare.
	// next must be listed if and only if what it replaces is, else ErrRefused.
	Swap(ctx context.Context, old crypto.PointerHash, next crypto.Pointer) error

	// Changed returns a page of the listed pointers of all accounts that moved since a cursor; with the empty cursor,
	// of all listed pointers. See Changes. Errors: ErrUnavailable.
	Changed(ctx context.Context, since Cursor) (Changes, error)
}

// Store is one remote, whole. All methods may be called at once from many goroutines. A call whose context has ended
// fails with ErrUnavailable and the context's error, see Alive; a call on a closed handle with ErrClosed. Closing twice
// is no error.
type Store interface {
	Blobs
	Pointers

	// ID returns the id that the store was given when it was founded. It stays the same, under whatever URL, and no
	// other store has it. An account takes the id of the store where it begins for its capabilities. Errors:
	// ErrUnavailable, ErrCorrupt.
	ID(ctx context.Context) (crypto.StoreID, error)

	// Space returns the room at the store. Unknown figures are -1; that is no error.
	Space(ctx context.Context) (Space, error)

	// Roles returns what else the store offers. It makes no request.
	Roles() Roles

	io.Closer
}

// Cursor is a place in a store's changes: at most MaxCursor bytes, which mean something to that store only. The empty
// cursor is the beginning. A store that does not recognise a cursor (any more) starts from the beginning, so that a
// caller may keep a cursor for as long as it likes and loses no change.
type Cursor string

const (
	// MaxCursor bounds a Cursor, in bytes.
	MaxCursor = 128
	// MaxChanges bounds the pointers of one page of Changes: 368 KiB.
	MaxChanges = 1024
)

// Changes is a page of pointers that moved. Each is listed once, in its newest state; pointers that have not moved may
// be listed, too. After the last page a caller has seen every listed pointer in the state that it had when the caller
// asked for the cursor it began with, or in a newer one.
type Changes struct {
	Pointers []crypto.Pointer // at most MaxChanges, all listed
	Next     Cursor           // where to go on
	More     bool             // there is another page at once

	// Suspect are pointers whose state was not handed out because it is forged or contradicts what was seen before.
	// Load returns the error. Drivers leave it empty; package verify fills it, so that one lie does not hide all other
	// changes.
	Suspect []crypto.PointerID
}

// BlobInfo is one blob of a listing.
type BlobInfo struct {
	Name crypto.BlobName
	Size int64 // bytes
}

// Space is the room at a remote, in bytes; -1 where it is unknown. Used counts everything on the volume, not only our
// blobs, where the remote can't separate the two.
type Space struct {
	Used, Free int64
}

type freshKey struct{}

// PastCaches marks ctx so that caches on the way go to the remote itself and replace what they hold. A reader does so
// once after authentication failed, before it blames the remote.
func PastCaches(ctx context.Context) context.Context {
	return context.WithValue(ctx, freshKey{}, true)
}

// IsPastCaches reports whether ctx was marked by PastCaches.
func IsPastCaches(ctx context.Context) bool {
	fresh, _ := ctx.Value(freshKey{}).(bool)
	return fresh
}
