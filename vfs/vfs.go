// Package vfs is the drive as ordinary programs see it: folders, files, times, properties. This package holds the
// contract; the packages below implement it: object (encodings), tree (the immutable encrypted tree), content (files as
// sealed chunks), staging and journal (data not yet at the remote), space (one tree with its commits), namespace (all
// spaces as one drive), layout (the folders at its top), versions (earlier versions of a path). Package vfstest is the
// contract as code.
//
// Paths are absolute and slash-separated, "/" is the root, "/files/a b.txt" a file; they are never escaped and never
// end in a slash. Names are valid UTF-8 of 1 to MaxName bytes, without '/' or NUL, and neither "." nor "..". Two names
// that differ only in Unicode normalisation are the same name; the form that was stored first is kept. A client's name
// that is not valid UTF-8 is stored as the characters that NameFromRaw returns for its bytes.
package vfs

import (
	"context"
	"encoding/hex"
	"io"
	"iter"
	"time"
)

// MaxName is the maximum length of a file or folder name in bytes.
const MaxName = 1024

// MaxDepth is the maximum number of levels below the root of a space, for writing. A space of another program, or of an
// earlier version, may be deeper: deeper items can be read, moved up and removed.
const MaxDepth = 1024

// FS is a whole drive.
type FS interface {
	Reader
	Writer
	// Usage returns how many bytes files take (before sealing) in the part of the drive that contains path, such as a
	// space, and the free room; -1 if unknown. Nothing need exist at path. The answer may be some seconds old, unless it
	// lacks the room for want bytes: it is then refreshed before a write is rejected.
	Usage(ctx context.Context, path string, want int64) (Usage, error)
}

// Stater looks up one path. Errors: ErrNotExist, ErrNotFolder (a parent is a file), ErrUnavailable, ErrCorrupt.
type Stater interface {
	Stat(ctx context.Context, path string) (Info, error)
}

// Reader reads the drive. Each call sees one state of a space from begin to end, regardless of concurrent writes.
type Reader interface {
	Stater
	// List yields the entries of a folder, sorted by normalised name, a page at a time: a million entries stream in
	// bounded memory. On a file it yields ErrNotFolder. After an error it yields nothing more.
	List(ctx context.Context, path string) iter.Seq2[Info, error]
	// Open opens a file for reading; on a folder it returns ErrIsFolder. ctx applies to every read of the file.
	Open(ctx context.Context, path string) (File, error)
}

// File is an open file. It stays at one version, even if the file is overwritten. Not safe for concurrent use.
type File interface {
	io.ReadSeekCloser
	Info() Info
	// WriteNTo copies the next n bytes (fewer at the end of the file) directly to w. It serves the ranges of a GET.
	WriteNTo(w io.Writer, n int64) (int64, error)
}

// Writer changes the drive. A change that returned nil is durable and visible to every later call; one that returned an
// error changed nothing. cond, if not nil, runs against the state that the change applies to, and its error is returned
// unchanged.
type Writer interface {
	// Create stages a new file's bytes; nothing is visible before Commit. Errors: ErrNotExist (no such parent),
	// ErrNotFolder, ErrReadOnly, ErrName.
	Create(ctx context.Context, path string) (Upload, error)
	// Mkdir makes one folder. Errors: ErrExist, ErrNotExist (no such parent), ErrNotFolder, ErrReadOnly, ErrName, ErrFull.
	Mkdir(ctx context.Context, path string, cond Cond) error
	// Remove removes a file, or a folder with all its contents.
	Remove(ctx context.Context, path string, cond Cond) error
	// Move renames in one step; with Replace it may replace an existing item. From one Unicode form of a name to another
	// it only changes the form. Nothing can be moved onto itself, into itself, or over a folder that contains it:
	// ErrInvalid. replaced reports whether an item was replaced.
	Move(ctx context.Context, from, to string, o CopyOptions) (replaced bool, err error)
	// Copy copies by reference, a folder with all its contents. A copy of a folder into itself has the state before the
	// copy; otherwise ErrInvalid as for Move.
	Copy(ctx context.Context, from, to string, o CopyOptions) (replaced bool, err error)
	// Patch changes times and dead properties, all or nothing.
	Patch(ctx context.Context, path string, p Patch, cond Cond) error
}

// Cond is a precondition. at shows the state that the change would apply to.
type Cond func(ctx context.Context, at Stater) error

// Upload is a file being uploaded. Exactly one of Commit and Abort ends it; Abort after Commit does nothing, so it can
// be deferred. Write and ReadFrom seal the bytes as they arrive. Not safe for concurrent use.
type Upload interface {
	io.Writer
	// ReadFrom reads directly into the memory where the bytes are sealed, so that io.Copy needs no buffer. It returns an
	// error of the reader unchanged.
	io.ReaderFrom
	// Sums returns the size and hashes of the bytes written so far, and ends the writing: only Commit or Abort may follow.
	// The MD5 is zero when it comes late, which only happens if Create's context allows it (LateMD5).
	Sums() (Sums, error)
	// Commit puts the file in its place, replacing a file there (never a folder: ErrIsFolder). It returns when the change
	// is durable, with the new state, and reports whether a file was replaced. Errors: ErrFull and those of Create; with
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

// CommitOptions are the attributes of a new file. The zero value is right for most.
type CommitOptions struct {
	Modified    time.Time // zero: now, or up to 2 s later so that the second differs from that of the replaced file
	ContentType string    // empty: that of the replaced file, else by extension
	Cond        Cond
}

// CopyOptions go with Move and Copy.
type CopyOptions struct {
	Replace  bool      // otherwise ErrExist when the destination exists
	Shallow  bool      // for Copy: a folder without its contents
	Modified time.Time // zero: that of the source
	Cond     Cond
}

// TransferOptions go with a move or copy from one file system to another. Cond gets the state of each, with its own
// paths, that the change applies to.
type TransferOptions struct {
	Replace  bool      // otherwise ErrExist when the destination exists
	Shallow  bool      // for a copy: a folder without its contents
	Modified time.Time // zero: that of the source
	Cond     func(ctx context.Context, from, to Stater) error
}

// Part is what a copy of a folder has in the place of a mount in that folder: what lies at From in another file system.
type Part struct {
	Path string // below the folder, "/m"
	FS   FS
	From string
}

// Patch is a change of the attributes of a file or folder. Zero times leave the attribute unchanged.
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

// Version identifies a file's contents: new contents get a new version; a copy keeps its version. A folder keeps the
// version from its creation.
type Version [16]byte

// Info is the information about a file or folder that is available without opening it.
type Info struct {
	Name        string // the last element of the path, in the stored form; "" for the root
	Folder      bool
	Mounted     bool  // another space is mounted here; in the listing of the outer folder, a mounted folder has no size
	ReadOnly    bool  // the item and its children can't be created, changed or removed
	Size        int64 // bytes; for a folder of all files below it
	Modified    time.Time
	Created     time.Time
	ContentType string // empty for folders
	Version     Version
	MD5         [16]byte // of files; zero: not known yet, see NeedMD5
	SHA1        [20]byte // of files
	Properties  []Property
}

// ETag returns the strong entity tag (RFC 9110, 8.8.3) with its quotes.
func (i Info) ETag() string { return `"` + hex.EncodeToString(i.Version[:]) + `"` }

// Usage is in bytes; -1 if unknown.
type Usage struct {
	Used, Available int64
}
