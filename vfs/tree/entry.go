package tree

import (
	"sync/atomic"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/object"
)

// Entry is a file or folder of a tree. The zero value means none.
type Entry struct{ e *entry }

// IsZero reports whether the Entry is the zero value.
func (e Entry) IsZero() bool { return e.e == nil }

// IsFolder reports whether the entry is a folder.
func (e Entry) IsFolder() bool { return e.e.o.Kind == object.Folder }

// Info returns the metadata of the entry. Its properties are shared and must not be modified.
func (e Entry) Info() vfs.Info { return e.e.o.Info() }

// Count returns the number of files and folders at any depth below a folder; 0 for a file.
func (e Entry) Count() int64 { return e.e.o.Count }

// Content returns the reference to a file's bytes, valid also after a commit moves them; nil for a folder.
func (e Entry) Content() *Content {
	switch {
	case e.e.o.Kind != object.File:
		return nil
	case e.e.content != nil:
		return e.e.content
	}
	return newContent(e.e.o.Content, crypto.BlobName{})
}

// Mount returns the target of a mount; nil for files and folders.
func (e Entry) Mount() *object.Target { return e.e.o.Target }

// enter returns nil if the entry is a folder of this tree, so that a path may lead into it.
func (e *entry) enter() error {
	switch e.o.Kind {
	case object.Folder:
		return nil
	case object.Mount:
		return errMounted
	}
	return vfs.ErrNotFolder
}

// overwritable returns nil if a file may be put in the place of the entry.
func (e *entry) overwritable() error {
	switch {
	case e.o.IsFolder():
		return vfs.ErrIsFolder
	case e.o.Kind == object.Mount:
		return errMounted
	}
	return nil
}

// Object returns the entry as it would be encoded now, and its pending piece, if any. The Root of a folder in memory is
// zero.
func (e Entry) Object() (o object.Entry, piece crypto.BlobName) {
	o = e.e.o
	o.Root = e.e.root.sealed()
	if e.e.content != nil {
		o.Content, piece = e.e.content.Load()
	}
	return o, piece
}

// Content refers to a file's bytes. The sealed chunk of a small file, its piece, is in the journal until a commit packs
// it with others: then the reference changes, for all trees at once, and still means the same bytes.
type Content struct{ state atomic.Pointer[contentState] }

type contentState struct {
	content object.Content
	piece   crypto.BlobName
}

func newContent(c object.Content, piece crypto.BlobName) *Content {
	h := new(Content)
	h.state.Store(&contentState{c, piece})
	return h
}

// Load returns the current place of the bytes. If piece is not zero, it is the name of the one sealed chunk, which is
// in the journal; the chunk in c then has its keys, but no place. A caller that finds the piece gone from the journal
// calls Load again.
func (c *Content) Load() (content object.Content, piece crypto.BlobName) {
	s := c.state.Load()
	return s.content, s.piece
}

// entry is one line of a folder in memory. It is immutable once it is in a page.
type entry struct {
	o       object.Entry // without Root, and without Content where that is pending
	key     string       // the sort key of the name
	content *Content     // of a file whose piece was pending at first, else nil
	root    target       // of a folder
}

// newEntry returns an entry for o.
func newEntry(o object.Entry) *entry {
	e := &entry{}
	e.set(o)
	return e
}

func (e *entry) set(o object.Entry) {
	e.o, e.key, e.root = o, object.SortKey(o.Name), target{ref: o.Root}
	e.o.Root = object.Ref{}
}

// renamed returns the entry with another name.
func (e *entry) renamed(name string) *entry {
	c := *e
	c.o.Name, c.key = name, object.SortKey(name)
	return &c
}

// size bounds the encoded size of an entry with the contents that its piece will have.
func (e *entry) size() int {
	if e.content != nil {
		return size(&e.o) + chunkSize
	}
	return size(&e.o)
}

// The parts of the bound of size.
const (
	fixedSize    = 112 // heads, kind, version, times, sizes, hashes
	refSize      = 1 + 34 + 5 + 5 + 34
	chunkSize    = 1 + 34 + 5 + 34 + 34
	propertySize = 1 + 4*5
	targetSize   = 2 + crypto.ReadCapabilitySize + 2 + crypto.SealedSeedSize + 1
)

// size bounds the encoded size of an entry. It must not depend on places, so that a tree has the same pages whether it
// was sealed meanwhile or not.
func size(o *object.Entry) int {
	n := fixedSize + len(o.Name) + len(o.ContentType)
	for i := range o.Properties {
		n += propertySize + object.PropertySize(o.Properties[i])
	}
	switch o.Kind {
	case object.Folder:
		return n + refSize
	case object.Mount:
		return n + targetSize
	}
	return n + len(o.Content.Chunks)*chunkSize + len(o.Content.Nodes)*refSize
}
