package vfs

import (
	"errors"
	"fmt"
	"io/fs"
)

// The kinds of failure. Callers test them with errors.Is.
var (
	ErrNotExist    = fs.ErrNotExist
	ErrExist       = fs.ErrExist
	ErrNotFolder   = errors.New("not a folder")
	ErrIsFolder    = errors.New("is a folder")
	ErrReadOnly    = errors.New("read-only")
	ErrName        = errors.New("not a valid name")
	ErrInvalid     = fs.ErrInvalid                            // an impossible request, such as a folder moved into itself
	ErrFull        = errors.New("no space left")              // staging or remote
	ErrTooDeep     = errors.New("nested too deeply")          // more than MaxDepth levels down
	ErrTooLarge    = errors.New("too large")                  // beyond what the format can hold
	ErrBroken      = errors.New("changes can't be kept")      // the journal failed; rejects changes until a restart
	ErrPending     = errors.New("not at the remote yet")      // the change is made and durable here only
	ErrUnavailable = errors.New("storage can't be reached")   // temporary: retry later
	ErrCorrupt     = errors.New("storage returned bad bytes") // the remote returned wrong bytes or lost something
)

// Reasons why a change across several spaces fails; they are the cause of an Error.
var (
	ErrMounted    = errors.New("another space is mounted in this folder")             // kind ErrReadOnly or ErrInvalid
	ErrOtherSpace = errors.New("it lies in another space; copy the contents instead") // kind ErrInvalid
)

// Error says which operation failed, on which path, how (Kind, one of the Err values) and why (Err, may be nil).
type Error struct {
	Op   string // "open", "move"
	Path string
	Kind error
	Err  error
}

// Error returns one sentence without a full stop.
func (e *Error) Error() string {
	s := fmt.Sprintf("%s %s: %v", e.Op, e.Path, e.Kind)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives errors.Is both the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}
