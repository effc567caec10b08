// Package vfs is the drive as ordinary programs see it: folders, files, times, properties. This root holds the
// contract; what keeps it lies beneath: object (what is encoded), tree (the immutable encrypted tree), content (files as
// sealed chunks), staging and journal (what is not yet at the remote), space (one tree with its commits), namespace (all
// spaces as one drive), layout (the folders at its top), versions (a path as it was earlier). Package vfstest is the contract
// as code.
//
// Paths are absolute and slash-separated, "/" is the root, "/files/a b.txt" a file; they are never escaped and never end in a
// slash. Names are valid UTF-8 of 1 to MaxName bytes, without '/' or NUL, and neither "." nor "..". Two names that differ only in
// Unicode normalisation are the same name; the form that was stored first is kept. A client's name that is not valid UTF-8 is
// stored by the characters that NameFromRaw gives its bytes.
package vfs

import (
	"context"
	"encoding/hex"
	"io"
	"iter"
	"time"
)

// MaxName is the longest name of a file or folder in bytes.
const MaxName = 1024

// MaxDepth is how many levels below the root of a space something may lie, when it is written. A space of another program, or
// of an earlier version, may hold deeper ones: they can be read, moved up and removed.
const MaxDepth = 1024

// FS is a whole drive.
type FS interface {
	Reader
	Writer
	// Usage returns how many bytes files take (before sealing) in what path lies in, a space for instance, and how many there is
	// room for; -1 where unknown. Nothing need be at path. The answer may be some seconds old, unless it lacks the room for want
	// bytes: that is looked up again before a write is refused for it.
	Usage(ctx context.Context, path string, want int64) (Usage, error)
}

// Stater looks up one path. Errors: ErrNotExist, ErrNotFolder (something above the path is a file), ErrUnavailable, ErrCorrupt.
type Stater interface {
	Stat(ctx context.Context, path string) (Info, error)
}

// Reader reads the drive. Each call sees one state of a space from begin to end, whatever is written meanwhile.
type Reader interface {
	Stater
	// List yields what lies in a folder, sorted by normalised name, a page at a time: a million entries stream in bounded memory.
	// On a file: ErrNotFolder. After an error it yields nothing more.
	List(ctx context.Context, path string) iter.Seq2[Info, error]
	// Open opens a file for reading; on a folder ErrIsFolder. ctx bounds every read of the file.
	Open(ctx context.Context, path string) (File, error)
}

// File is an open file: one version, whatever is written over it meanwhile. Not safe for concurrent use.
type File interface {
	io.ReadSeekCloser
	Info() Info
	// WriteNTo copies the next n bytes (fewer at the end of the file) to w without a detour; it is what a range of a GET is
	// served by.
	WriteNTo(w io.Writer, n int64) (int64, error)
}

// Writer changes the drive. A change that returned nil is durable and visible to every later call; one that returned an
// error changed nothing. cond, where not nil, runs against the very state that the change is made to, and its error is
// returned as it is.
type Writer interface {
	// Create stages a new file's bytes; nothing is visible before Commit. Errors: ErrNotExist (no such parent),
	// ErrNotFolder, ErrReadOnly, ErrName.
	Create(ctx context.Context, path string) (Upload, error)
	// Mkdir makes one folder. Errors: ErrExist, ErrNotExist (no such parent), ErrNotFolder, ErrReadOnly, ErrName, ErrFull.
	Mkdir(ctx context.Context, path string, cond Cond) error
	// Remove removes a file, or a folder with all that is in it.
	Remove(ctx context.Context, path string, cond Cond) error
	// Move renames, also over what is there (with Replace), in one step. From one Unicode form of a name to another it only
	// changes the form. Nothing can be moved onto itself, into itself, or over a folder that it lies in: ErrInvalid. It tells
	// whether something was replaced.
	Move(ctx context.Context, from, to string, o CopyOptions) (replaced bool, err error)
	// Copy copies by reference, a folder with all that is in it. A copy into itself is of the state before; ErrInvalid as of
	// Move else.
	Copy(ctx context.Context, from, to string, o CopyOptions) (replaced bool, err error)
	// Patch changes times and dead properties, all or nothing.
	Patch(ctx context.Context, path string, p Patch, cond Cond) error
}

// Cond is a precondition. at shows the state that the change would be made to.
type Cond func(ctx context.Context, at Stater) error

// Upload is a file on its way in. Exactly one of Commit and Abort ends it; Abort after Commit does nothing, so it can be
// deferred. Write and ReadFrom seal as the bytes arrive. Not safe for concurrent use.
type Upload interface {
	io.Writer
	// ReadFrom takes bytes straight into the memory that they are sealed in, so that io.Copy needs no buffer. An error of the
	// reader is returned as it is.
	io.ReaderFrom
	// Sums are the size and hashes of what was written so far; hashing ends the writing: only Commit or Abort may
	// follow. The MD5 is zero when it comes late, which only happens where Create's context allows it (LateMD5).
	Sums() (Sums, error)
	// Commit puts the file in its place, replacing a file there (never a folder: ErrIsFolder). It returns when the change is
	// durable, with the new state, and reports whether a file was replaced. Errors: ErrFull and those of Create; with
	// ErrPending the file is in its place.
	Commit(ctx context.Context, o CommitOptions) (info Info, replaced bool, err error)
	Abort()
}

// Sums are the size in bytes and the hashes of a file's contents.
type Sums struct {
	Size int64
	MD5  [16]byte
	SHA1 [20]byte
}

// CommitOptions are what goes with a file's bytes. The zero value is right for most.
type CommitOptions struct {
	Modified    time.Time // zero: now, or up to 2 s later to be in another second than the file it replaces
	ContentType string    // empty: kept from the replaced file, else by extension
	Cond        Cond
}

// CopyOptions go with Move and Copy.
type CopyOptions struct {
	Replace  bool      // else ErrExist when the destination is there
	Shallow  bool      // Copy of a folder without what is in it
	Modified time.Time // zero: as the source
	Cond     Cond
}

// TransferOptions go with a move or copy from one file system to another. The paths of Cond are those of each; both are shown
// in the state that the change is made to.
type TransferOptions struct {
	Replace  bool      // else ErrExist when the destination is there
	Shallow  bool      // copy of a folder without what is in it
	Modified time.Time // zero: as the source
	Cond     func(ctx context.Context, from, to Stater) error
}

// Patch is a change of what goes with a file or folder. Zero times stay as they are.
type Patch struct {
	Modified, Created time.Time
	Set               []Property
	Remove            []PropertyName
}

// PropertyName is the XML name of a dead property.
type PropertyName struct {
	Space, Local string
}

// Property is a dead property (RFC 4918, 4.3): XML that clients store and the drive does not understand.
type Property struct {
	Name  PropertyName
	Lang  string // xml:lang, may be empty
	Value string // the inner XML, namespaces declared within
}

// Version names a file's contents: new contents, new version; a copy keeps its version. A folder has one from its making on.
type Version [16]byte

// Info is what is known of a file or folder without opening it.
type Info struct {
	Name        string // the last element of the path, in the stored form; "" for the root
	Folder      bool
	ReadOnly    bool  // nothing can be created, changed or removed in or at it
	Size        int64 // bytes; for a folder of all files below it
	Modified    time.Time
	Created     time.Time
	ContentType string // empty for folders
	Version     Version
	MD5         [16]byte // of files; zero: not known yet, see NeedMD5
	SHA1        [20]byte // of files
	Properties  []Property
}

// ETag is the strong entity tag (RFC 9110, 8.8.3) with its quotes.
func (i Info) ETag() string { return `"` + hex.EncodeToString(i.Version[:]) + `"` }

// Usage are bytes; -1 where unknown.
type Usage struct {
	Used, Available int64
}
