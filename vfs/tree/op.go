package tree

import (
	"context"
	"fmt"
	"time"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/object"
)

// Op is a change of a tree: Put, Mkdir, Remove, Move, Copy, Patch, Graft or Mount. It contains every random value and
// every time that it needs, so that the same op on the same tree has the same result at the time of the request and in
// a replay of the journal. Times are kept to the nanosecond; a zero time changes nothing.
type Op interface {
	// apply makes the change. The errors are bare kinds; place is the path that they concern.
	apply(ctx context.Context, t Tree) (next Tree, r Result, place string, err error)
	name() string // for messages: "put"
	kind() opKind
}

// Put puts a file at a path, new or over another file: then the stored form of the name, Created and the properties
// stay, and so does ContentType if the new one is empty.
type Put struct {
	Path string
	// Entry is the file. Its name is taken from Path.
	Entry object.Entry
	// Piece is the name (BLAKE3) of the sealed chunk if that is in the journal: then the one chunk of Entry.Content has
	// keys but no place. Else it is zero.
	Piece crypto.BlobName
	// Chosen means that Entry.Modified is the clock's time and not the client's: then it is moved to another second than
	// that of the replaced file (savedAt), so that Last-Modified, which has seconds only, changes with each version.
	Chosen bool
}

// Mkdir makes an empty folder.
type Mkdir struct {
	Path    string
	Version vfs.Version
	Time    time.Time
}

// Remove removes a file, or a folder with everything in it.
type Remove struct {
	Path string
}

// Move renames a file or folder with everything in it. With Replace it replaces an existing entry, even a whole folder,
// and keeps the stored form of its name. A move from one Unicode form of a name to another only changes the form.
type Move struct {
	From, To string
	Replace  bool
	Modified time.Time
}

// Copy copies a file or folder by reference, sealed or not. A folder may be copied into itself: the copy is of its
// earlier state.
type Copy struct {
	From, To string
	Replace  bool
	Shallow  bool // a folder without its members
	Modified time.Time
}

// Patch changes times and dead properties. Remove applies before Set.
type Patch struct {
	Path              string
	Modified, Created time.Time
	Set               []vfs.Property
	Remove            []vfs.PropertyName
}

// Result is the result of an op.
type Result struct {
	// Entry is the new entry at the path (of a Move or Copy: at To). Zero after Remove.
	Entry Entry
	// Before is the entry that the op replaced, removed or patched; zero if there was none.
	Before Entry
}

// Replaced reports whether a Put, Move or Copy replaced an entry.
func (r Result) Replaced() bool { return !r.Before.IsZero() }

// Apply applies op and returns the new tree; t does not change. It is a pure function: the same tree and op have the
// same result. After an error nothing has changed. Errors are of type *vfs.Error: vfs.ErrNotExist, vfs.ErrExist,
// vfs.ErrNotFolder, vfs.ErrIsFolder, vfs.ErrName, vfs.ErrInvalid, vfs.ErrTooLarge as in package vfs, and
// vfs.ErrUnavailable and vfs.ErrCorrupt if pages had to be loaded.
func Apply(ctx context.Context, t Tree, op Op) (Tree, Result, error) {
	next, r, place, err := op.apply(ctx, t)
	if err != nil {
		return t, Result{}, fail(op.name(), place, err)
	}
	return next, r, nil
}

func fail(op, path string, kind error) error { return &vfs.Error{Op: op, Path: path, Kind: kind} }

type opKind uint8

const (
	opPut opKind = iota + 1
	opMkdir
	opRemove
	opMove
	opCopy
	opPatch
)

func (Put) kind() opKind    { return opPut }
func (Mkdir) kind() opKind  { return opMkdir }
func (Remove) kind() opKind { return opRemove }
func (Move) kind() opKind   { return opMove }
func (Copy) kind() opKind   { return opCopy }
func (Patch) kind() opKind  { return opPatch }

func (Put) name() string    { return "put" }
func (Mkdir) name() string  { return "make folder" }
func (Remove) name() string { return "remove" }
func (Move) name() string   { return "move" }
func (Copy) name() string   { return "copy" }
func (Patch) name() string  { return "change" }

// EncodeOp returns the canonical encoding of an op, for the journal. It fails for an op that DecodeOp would reject: one
// that can never be applied, or one beyond all bounds.
func EncodeOp(op Op) ([]byte, error) {
	wire, err := toWire(op)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op.name(), err)
	}
	body, err := crypto.Encode(wire)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op.name(), err)
	}
	b, err := crypto.Encode(opEnvelope{Kind: op.kind(), Body: body})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op.name(), err)
	}
	// An unreadable record would lose an acknowledged change, so this is checked now.
	if _, err := DecodeOp(b); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", vfs.ErrInvalid, op.name(), err)
	}
	return b, nil
}

// DecodeOp decodes the bytes of EncodeOp. The error is crypto.ErrFormat.
func DecodeOp(b []byte) (Op, error) {
	var e opEnvelope
	if err := crypto.Decode(b, &e); err != nil {
		return nil, fmt.Errorf("operation: %w", err)
	}
	return fromWire(e)
}
