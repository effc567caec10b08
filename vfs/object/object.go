// Package object is what the encrypted tree is made of, as plain values, and their one encoding: references, chunks,
// entries, pages, commits. It does no I/O. crypto/FORMAT.md is normative for every byte.
package object

import (
	"math"

	"postern/crypto"
	"postern/vfs"
)

// Ref leads to a sealed node (a folder page, a file's index, a commit) and opens it.
type Ref struct {
	Blob crypto.BlobName
	Off  uint32 // bytes from the start of the blob
	Len  uint32 // sealed bytes
	Key  crypto.NodeKey
}

// Chunk leads to one sealed chunk of a file. Its plain size is crypto.ChunkSize, but for the last of a file.
type Chunk struct {
	Blob  crypto.BlobName
	Off   uint32
	Meta  crypto.MetaKey
	Bytes crypto.BytesKey
}

// Content leads to the bytes of a file: at level 0 by its chunks, above by index nodes, each of which holds a Content
// of the level below with at most IndexFanout items. An empty file has no items.
type Content struct {
	Level  uint8
	Chunks []Chunk // level 0
	Nodes  []Ref   // levels above
}

const (
	// IndexFanout is how many chunks or nodes an index node holds; all but the last of a level are full.
	IndexFanout = 128
	// InlineItems is how many chunks or nodes an entry holds itself.
	InlineItems = 4
)

// Kind tells what an entry is.
type Kind uint8

// The kinds of entries.
const (
	File Kind = iota + 1
	Folder
	Mount
)

// Entry is one line of a folder. The root of a space is an entry too: a folder without a name, held by the commit.
type Entry struct {
	Name        string // as stored; pages are sorted by SortKey(Name)
	Kind        Kind
	Version     vfs.Version
	Modified    int64 // nanoseconds since 1970 UTC
	Created     int64
	Size        int64 // bytes; of a folder the Sum of all that lies below it
	Count       int64 // of folders: how many files and folders lie below, however deep, as a Sum
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
	File bool // the mount stands for the one file that the space holds, not for its folder
}

// Page is one node of a folder's B+tree. At level 0 it is a leaf and has Entries, above it has Children.
type Page struct {
	Level    uint8
	Entries  []Entry // strictly ascending by SortKey(Name)
	Children []Child // strictly ascending by First
}

// Child leads from an inner page to one of the level below.
type Child struct {
	First string // the lowest sort key below
	Count int64  // what Entry.Count of a folder would be that held just this
	Size  int64  // what Entry.Size would be
	Page  Ref
}

// Sum adds sizes or counts. Beyond the highest int64 it stays there: copies by reference cost nothing, so sums beyond
// all bounds are a few requests away, and what was once accepted must be able to be committed.
func Sum(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// The bounds of what is encoded, in bytes. What is beyond them is malformed.
const (
	// PageTarget is what a page is split above. A page holds at least one entry, so it may be larger.
	PageTarget = 8 << 10
	// MaxNode is the largest plain node: some pages' worth of entries with as many properties as there may be.
	MaxNode = 256 << 10
	// MaxProperties bounds the dead properties of one entry: the sum of all names, languages and values.
	MaxProperties = 64 << 10
	// MaxContentType bounds the content type of a file.
	MaxContentType = 1 << 10
	// MaxDevice bounds the name of a device.
	MaxDevice = 255
	// MaxApplied bounds how many devices' journals a commit tells of.
	MaxApplied = 1024
	// MaxAuthors bounds how many authors a roster names.
	MaxAuthors = 256
	// MaxPageLevel bounds the height of a folder's tree: with two children a page, a folder of 2^31 leaves.
	MaxPageLevel = 31
	// MaxContentLevel bounds the height of a file's index: InlineItems × IndexFanout^4 chunks are 5 PiB.
	MaxContentLevel = 4
)

// DeviceID is a random name, of which a device takes the first half once and the second half each time that it starts:
// sequence numbers count under it, and a home that was copied or put back from a backup must not give one twice.
type DeviceID [16]byte

// At is the device's id in one of its runs. The zero run has the device's id itself.
func (d DeviceID) At(run [8]byte) DeviceID {
	if run != ([8]byte{}) {
		copy(d[8:], run[:])
	}
	return d
}

// Same reports whether two ids are of one device.
func (d DeviceID) Same(other DeviceID) bool { return [8]byte(d[:]) == [8]byte(other[:]) }

// Applied tells how much of a device's journal a commit contains: all up to Seq.
type Applied struct {
	Device DeviceID
	Seq    uint64
}

// CommitHash is the BLAKE3-256 of a commit's plain encoding.
type CommitHash [32]byte

// Parent leads to the commit that another one follows. The zero value says that there is none.
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
	Device    string          // the name of the device that made it, for people
	Applied   []Applied       // strictly ascending by Device
	Roster    Ref             // who may write, of a space with several authors; zero for none
	Front     crypto.BlobName // BLAKE3-256 of all that lies before the commit in its blob; see FORMAT.md, Commits
	Signature crypto.Signature
}
