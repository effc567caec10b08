package tree

import (
	"context"
	"fmt"
	"time"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/object"
)

// Op is a change of a tree: Put, Mkdir, Remove, Move, Copy, Patch or Graft. All that is random or told by a clock is in
// the op, so that the same op makes the same tree of the same tree, at the time of the request and when a journal is
// replayed. Times are kept to the nanosecond; a zero time changes nothing.
type Op interface {
	// apply makes the change. The errors are bare kinds; place names the path they are about.
	apply(ctx context.Context, t Tree) (next Tree, r Result, place string, err error)
	name() string // for people: "put"
	kind() opKind
}

// Put puts a file in its place, a new one or over another file: then the stored form of the name, Created and the
// properties stay as they are, and ContentType if the new one is empty.
type Put struct {
	Path string
	// Entry is the file. Its name is taken from Path.
	Entry object.Entry
	// Piece is the name (BLAKE3) of the sealed chunk, if that lies in the journal: then the one chunk of Entry.Content has
	// keys but no place. Else zero.
	Piece crypto.BlobName
	// Chosen says that Entry.Modified is the clock's time and not the client's: then it is moved to another second than
	// that of the file replaced (savedAt), so that Last-Modified, which counts in seconds, changes with each version.
	Chosen bool
}

// Mkdir makes an empty folder.
type Mkdir struct {
	Path    string
	Version vfs.Version
	Time    time.Time
}

// Remove removes a file, or a folder with all that is in it.
type Remove struct {
	Path string
}

// Move renames a file or folder, with all that goes with it. With Replace it takes the place of what is there, a whole
// folder even, and keeps the stored form of its name. From one Unicode form of a name to another it only changes the
// form.
type Move struct {
	From, To string
	Replace  bool
	Modified time.Time
}

// Copy copies a file or folder by reference, dirty or not. A folder may be copied into itself: the copy is of what it
// was.
type Copy struct {
	From, To string
	Replace  bool
	Shallow  bool // a folder without what is in it
	Modified time.Time
}

// Patch changes times and dead properties. What is in Remove goes before what is in Set comes.
type Patch struct {
	Path              string
	Modified, Created time.Time
	Set               []vfs.Property
	Remove            []vfs.PropertyName
}

// Result tells what an op did.
type Result struct {
	// Entry is what lies at the path now (of a Move or Copy: at To). Zero after Remove.
	Entry Entry
	// Before is what the op replaced, removed or patched; zero when there was nothing.
	Before Entry
}

// Replaced reports whether a Put, Move or Copy took the place of something.
func (r Result) Replaced() bool { return !r.Before.IsZero() }

// Apply makes the change that op is and gives the tree after it; t stays as it is. It is a pure function: of the same
// tree and op it makes the same tree. After an error nothing has changed. Errors are of type *vfs.Error:
// vfs.ErrNotExist, vfs.ErrExist, vfs.ErrNotFolder, vfs.ErrIsFolder, vfs.ErrName, vfs.ErrInvalid, vfs.ErrTooLarge as
// package vfs says, and vfs.ErrUnavailable and vfs.ErrCorrupt when pages had to be loaded.
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

// EncodeOp is the canonical encoding of an op, for the journal. It fails for what DecodeOp would not read back: an op
// that was never to be applied, or one beyond all bounds.
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
	// A record that can't be replayed would be a change lost after it was promised, so this is found out now.
	if _, err := DecodeOp(b); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", vfs.ErrInvalid, op.name(), err)
	}
	return b, nil
}

// DecodeOp reads what EncodeOp wrote. The error is crypto.ErrFormat.
func DecodeOp(b []byte) (Op, error) {
	var e opEnvelope
	if err := crypto.Decode(b, &e); err != nil {
		return nil, fmt.Errorf("operation: %w", err)
	}
	return fromWire(e)
}
