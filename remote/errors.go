package remote

import (
	"context"
	"errors"
	"fmt"
)

// The kinds of failure. Callers ask with errors.Is.
var (
	ErrNotFound    = errors.New("not found")                          // no such blob or pointer
	ErrConflict    = errors.New("another state is there")             // a lost compare-and-swap
	ErrRefused     = errors.New("refused")                            // the remote won't do it, now or later
	ErrFull        = errors.New("no space left")                      // quota or disk
	ErrUnavailable = errors.New("not reachable")                      // passing; retry later
	ErrCorrupt     = errors.New("damaged or not what was stored")     // bytes that do not fit their name or signature
	ErrRollback    = errors.New("older than what was seen before")    // an old pointer
	ErrFork        = errors.New("differs from what was seen before")  // another pointer of a sequence number seen before
	ErrForeign     = errors.New("does not belong to a Postern store") // it is of another program, or of a newer Postern
	ErrClosed      = errors.New("closed")                             // the handle was closed before
)

// kinds is the order in which KindOf looks: an error may wrap one of another kind as its cause.
var kinds = []error{
	ErrNotFound, ErrConflict, ErrRefused, ErrFull, ErrUnavailable, ErrCorrupt, ErrRollback, ErrFork, ErrForeign, ErrClosed,
}

// The names of operations in errors, the same in every driver, so that logs can be searched.
const (
	OpPut      = "put blob"
	OpGet      = "get blob"
	OpGetRange = "get range of blob"
	OpStat     = "stat blob"
	OpList     = "list blobs of"
	OpDelete   = "delete blob"
	OpLoad     = "load pointer"
	OpSwap     = "swap pointer"
	OpChanged  = "list changed pointers of"
	OpID       = "ask for the id of"
	OpDrop     = "drop letter into inbox"
	OpLetters  = "list letters of inbox"
	OpFetch    = "fetch letter"
	OpForget   = "delete letter"
	OpClaim    = "claim name"
	OpLookUp   = "look up name"
	OpReplace  = "replace record of name"
	OpWatch    = "watch"
	OpSpace    = "ask for the space of"
)

// Error says which operation failed, on what, how (Kind, one of the Err values) and why (Err, may be nil).
type Error struct {
	Op   string // one of the Op constants, or what was tried instead: "open"
	On   string // the blob's or pointer's name, or the remote's URL without secrets
	Kind error
	Err  error
}

// Error returns one sentence without a full stop.
func (e *Error) Error() string {
	s := fmt.Sprintf("%s %s: %v", e.Op, e.On, e.Kind)
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

// Fail makes an *Error; cause may be nil. A driver calls it once, where it knows what failed on what.
func Fail(op string, on fmt.Stringer, kind, cause error) error {
	return &Error{Op: op, On: on.String(), Kind: kind, Err: cause}
}

// Alive returns nil while ctx lasts, else the error of a call whose context has ended: of kind ErrUnavailable, since
// the outcome is unknown and a retry may succeed, with the context's own error as its cause.
func Alive(ctx context.Context, op string, on fmt.Stringer) error {
	if err := ctx.Err(); err != nil {
		return Fail(op, on, ErrUnavailable, err)
	}
	return nil
}

// KindOf returns the Err value that err is of, or nil for an error of no kind. The outermost *Error decides, since
// its cause may well be of another kind.
func KindOf(err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		err = e.Kind
	}
	for _, kind := range kinds {
		if errors.Is(err, kind) {
			return kind
		}
	}
	return nil
}
