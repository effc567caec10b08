// Package localfs is the small part of the local filesystem that the staging area and the journal use. It is an
// interface so that tests can simulate a power loss, a full disk and a failing fsync: see package simfs.
//
// After a power loss, only the promises of POSIX hold: a file's bytes once Sync has returned, a directory's entries
// (made, renamed, removed) once SyncDir has returned. Everything else may be there or not, in any order and in parts.
package localfs

import "io"

// FS is a local filesystem. Paths are those of the operating system. Errors are those of package os, so errors.Is finds
// fs.ErrNotExist and fs.ErrExist; IsFull reports a full disk.
type FS interface {
	// Create makes a new empty file, open for reading and writing, that only the user may read; fs.ErrExist if the path
	// exists.
	Create(path string) (File, error)
	// Open opens a file for reading and writing.
	Open(path string) (File, error)
	// Rename gives a file another name, and replaces a file of that name.
	Rename(from, to string) error
	// Remove removes a file. Open handles go on working, or fail with fs.ErrClosed once they are closed.
	Remove(path string) error
	// List returns the plain files of a directory, sorted by name.
	List(dir string) ([]Entry, error)
	// MkdirAll makes a directory that only the user may enter, and its missing parents, durably.
	MkdirAll(dir string) error
	// SyncDir makes the entries of a directory durable.
	SyncDir(dir string) error
}

// File is an open file. It may be used by several goroutines at once.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Sync makes the file's bytes and size durable.
	Sync() error
	Truncate(size int64) error
	Size() (int64, error)
}

// Director is an FS that can make files whose large writes go to the disk past the page cache, which saves a copy and
// the memory. A write from a buffer of Aligned goes straight if its offset and length are multiples of Alignment; other
// writes work too, at the usual speed. No other process or handle may use the file before it is closed.
type Director interface {
	CreateDirect(path string) (File, error)
}

// Alignment is the number of bytes that the addresses, offsets and lengths of direct writes are multiples of. No disk
// requires more.
const Alignment = 4096

// Linker is an FS whose files can be given a second name.
type Linker interface {
	Link(from, to string) error
}

// Teller is an FS that reports how many bytes may still be written to the disk of a directory.
type Teller interface {
	Free(dir string) (int64, error)
}

// Entry is one plain file of a directory.
type Entry struct {
	Name string // within its directory
	Size int64  // bytes
}
