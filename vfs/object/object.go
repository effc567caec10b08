// Package object is what the encrypted tree is made of, as plain values, and their one encoding: references, chunks, entries,
// pages, commits. It does no I/O. crypto/FORMAT.md is normative for every byte.
package object

import (
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

// Content leads to the bytes of a file: at level 0 by its chunks, above by index nodes, each of which holds a Content of
// the level below with at most IndexFanout items. An empty file has no items.
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

// The kinds of entries. Mounts come with sharing.
const (
	File Kind = iota + 1
	Folder
)

// Entry is one line of a folder.
type Entry struct {
	Name        string // as stored; pages are sorted by SortKey(Name)
	Kind        Kind
	Version     vfs.Version
	Modified    int64 // nanoseconds since 1970 UTC
	Created     int64
	Size        int64 // bytes; of a folder all that lies below it
	ContentType string
	MD5         [16]byte // of files
	SHA1        [20]byte // of files
	Properties  []vfs.Property
	Content     Content // of files
	Root        Ref     // of folders: the root page; zero when empty
}
