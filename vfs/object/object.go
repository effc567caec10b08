// Package object has the parts of the encrypted tree as plain values, and their one encoding: references, chunks,
// entries, pages, commits. It does no I/O. crypto/FORMAT.md is normative for every byte.
package object

import (
	"math"

	"postern/crypto"
	"postern/vfs"
)

// Ref refers to a sealed node (a folder page, a file's index, a commit) and has the key to open it.
type Ref struct {
	Blob crypto.BlobName
	Off  uint32 // bytes from the start of the blob
	Len  uint32 // sealed bytes
	Key  crypto.NodeKey
}

// Chunk refers to one sealed chunk of a file. Its plain size is crypto.ChunkSize, except for the last of a file.
type Chunk struct {
	Blob  crypto.BlobName
	Off   uint32
	Meta  crypto.MetaKey
	Bytes crypto.BytesKey
}

// Content refers to the bytes of a file: at level 0 by its chunks, above by index nodes, each of which has a Content of
// the level below with at most IndexFanout items. An empty file has no items.
type Content struct {
	Level  uint8
	Chunks []Chunk // level 0
	Nodes  []Ref   // levels above
}

const (
	// IndexFanout is the number of chunks or nodes in an index node; all but the last of a level are full.
	IndexFanout = 128
	// InlineItems is the largest number of chunks or nodes in an entry itself.
	InlineItems = 4
)

// Kind is the kind of an entry.
type Kind uint8

// The kinds of entries.
const (
	File Kind = iota + 1
	Folder
	Mount
)

// Entry is one line of a folder. The root of a space is an entry too: a folder without a name, in the commit.
type Entry struct {
	Name        string // as stored; pages are sorted by SortKey(Name)
	Kind        Kind
	Version     vfs.Version
	Modified    int64 // nanoseconds since 1970 UTC
	Created     int64
	Size        int64 // bytes; of a folder the Sum over everything below it
	Count       int64 // of folders: number of files and folders at any depth below, as a Sum
	ContentType string
	MD5         [16]byte       // of files
	SHA1        [20]byte       // of files
	Properties  []vfs.Property // sorted by name, each name once
	Content     Content        // of files
	Root        Ref            // of folders: the root page; zero when empty
	Target      *Target        // of mounts; never changed once set
}

// Target is the space that a mount refers to.
type Target struct {
	Capability crypto.Capability // to read it
	// Seed is the writer seed, sealed for the writers of the space that holds the mount; zero for none.
	Seed [crypto.SealedSeedSize]byte
	File bool // the mount stands for the space's only file, not for its folder
}

// Page is one node of a folder's B+tree. At level 0 it is a leaf and has Entries; above it has Children.
type Page struct {
	Level    uint8
	Entries  []Entry // strictly ascending by SortKey(Name)
	Children []Child // strictly ascending by First
}

// Child refers from an inner page to one of the level below.
type Child struct {
	First string // the lowest sort key below
	Count int64  // Entry.Count of a folder with only this page
	Size  int64  // Entry.Size of such a folder
	Page  Ref
}

// Sum adds sizes or counts, and returns the highest int64 instead of an overflow: copies by reference cost nothing, so
// a few requests can exceed any bound, and an accepted change must be committable.
func Sum(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// The bounds of encodings, in bytes. Anything beyond them is malformed.
const (
	// PageTarget is the size above which a page is split. A page has at least one entry, so it may be larger.
	PageTarget = 8 << 10
	// MaxNode is the largest plain node: several pages of entries with the largest properties.
	MaxNode = 256 << 10
	// MaxProperties bounds the dead properties of one entry: the sum of all names, languages and values.
	MaxProperties = 64 << 10
	// MaxContentType bounds the content type of a file.
	MaxContentType = 1 << 10
	// MaxDevice bounds the name of a device.
	MaxDevice = 255
	// MaxApplied bounds the number of devices in a commit's Applied.
	MaxApplied = 1024
	// MaxAuthors bounds the number of authors in a roster.
	MaxAuthors = 256
	// MaxPageLevel bounds the height of a folder's tree: with two children a page, a folder of 2^31 leaves.
	MaxPageLevel = 31
	// MaxContentLevel bounds the height of a file's index: InlineItems × IndexFanout^4 chunks are 5 PiB.
	MaxContentLevel = 4
)

// DeviceID is a random id of a device: the first half is drawn once, the second half at each start. Sequence numbers
// belong to an id, and a home that was copied or restored from a backup must not use a number twice.
type DeviceID [16]byte

// At returns the device's id in one of its runs. The zero run has the device's id itself.
func (d DeviceID) At(run [8]byte) DeviceID {
	if run != ([8]byte{}) {
		copy(d[8:], run[:])
	}
	return d
}

// authorTag is how many bytes of a device's id name its author in a space of several.
const authorTag = 5

// By returns the device's id in the commits of a space that others may write, too: its first bytes follow from the
// author, so that everybody can tell whose device it is, and the next ones from the device.
func (d DeviceID) By(author crypto.AuthorID) DeviceID {
	tag, rest := crypto.NameOf(author[:]), crypto.NameOf(d[:8])
	copy(d[:8], append(tag[:authorTag:authorTag], rest[:]...))
	return d
}

// IsBy reports whether By has returned the id for an author.
func (d DeviceID) IsBy(author crypto.AuthorID) bool {
	tag := crypto.NameOf(author[:])
	return [authorTag]byte(d[:]) == [authorTag]byte(tag[:])
}

// Same reports whether two ids belong to one device.
func (d DeviceID) Same(other DeviceID) bool { return [8]byte(d[:]) == [8]byte(other[:]) }

// Applied is the part of a device's journal that a commit contains: everything up to Seq.
type Applied struct {
	Device DeviceID
	Seq    uint64
}

// CommitHash is the BLAKE3-256 of a commit's plain encoding.
type CommitHash [32]byte

// Parent refers to the commit that another one follows. The zero value means that there is none.
type Parent struct {
	Commit Ref
	Hash   CommitHash
}

// Commit is one state of a space.
type Commit struct {
	Root      Entry // a folder with an empty name; its Size and Count are the totals of the space
	Parent    Parent
	Time      int64 // nanoseconds since 1970 UTC
	Author    crypto.AuthorID
	Device    string          // the name of the device that made it, for display
	Applied   []Applied       // strictly ascending by Device
	Roster    Ref             // the authors of a space with several of them; zero for none
	Front     crypto.BlobName // BLAKE3-256 of everything before the commit in its blob; see FORMAT.md, Commits
	Signature crypto.Signature
}
