// Package faulty makes a remote fail on purpose: calls that don't arrive, replies that are lost, listings that break
// off, a full disk, slow answers, swaps that arrive late. It never lies; package evil does.
//
// A plan, a function of the call, chooses the faults. A plan made by Random depends on its seed and on how often the
// same call was made before, not on the order of goroutines, so a failing test fails again.
package faulty

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"postern/crypto"
	"postern/remote"
)

// Op is a call of a remote.
type Op int

// The methods that can fail. Close always works.
const (
	Put Op = iota
	Get
	GetRange
	Stat
	List
	Delete
	Load
	Swap
	Changed
	ID
	Drop
	Letters
	Fetch
	Forget
	Claim
	LookUp
	Replace
	Watch
	Space
)

// names are the operations in errors.
var names = [...]string{
	remote.OpPut, remote.OpGet, remote.OpGetRange, remote.OpStat, remote.OpList, remote.OpDelete,
	remote.OpLoad, remote.OpSwap, remote.OpChanged, remote.OpID, remote.OpDrop, remote.OpLetters,
	remote.OpFetch, remote.OpForget, remote.OpClaim, remote.OpLookUp, remote.OpReplace, remote.OpWatch, remote.OpSpace,
}

// String returns the operation as errors name it.
func (o Op) String() string {
	if o < 0 || int(o) >= len(names) {
		return fmt.Sprintf("faulty.Op(%d)", int(o))
	}
	return names[o]
}

// opOf returns the Op of an operation as errors name it.
func opOf(name string) Op { return Op(slices.Index(names[:], name)) }

// Call is one call of a store.
type Call struct {
	Op    Op
	On    string // the blob or pointer; "faulty:" for calls about the whole remote
	Again int    // how often Op was called on On before
}

// Fault is what happens to a call.
type Fault int

// The faults.
const (
	Fine     Fault = iota
	Fail           // the call doesn't arrive: ErrUnavailable, nothing was done
	Lose           // the call is done but its reply is lost: ErrUnavailable
	Cut            // the connection breaks amid the bytes: like Fail, but a Put reads half the body, a List yields a part
	Full           // writes fail with ErrFull; anything else is Fine
	Delay          // the call takes Options.Delay longer
	Hang           // the call is not answered until its context ends
	Late           // a Swap fails with ErrUnavailable and happens later, see Options.Held; anything else is a Fail
	Throttle       // the remote asks for fewer requests: ErrUnavailable with remote.Throttled, nothing was done
	Lag            // List yields what the last listing did that did not lag, Changed nothing; anything else is Fine
	faults         // their number
)

// Plan decides what happens to a call. It is called from many goroutines.
type Plan func(Call) Fault

// Options are the choices of New. The zero value is right for faults without delays.
type Options struct {
	Delay time.Duration                                    // of a Delay
	Held  int                                              // calls until a Late swap happens; 0: when Land is called
	Sleep func(ctx context.Context, d time.Duration) error // waits; nil: waits on the system's clock
}

// Store is a remote that fails by plan.
type Store struct {
	remote.Store // every call of which may fail
	inner        remote.Store
	o            Options

	mu    sync.Mutex
	plan  Plan
	calls map[Call]int      // by Op and On; Again is 0
	held  []held            // Late swaps that have not happened yet, in the order in which they will
	shown []remote.BlobInfo // by the last listing that did not lag
}

var _ remote.Store = (*Store)(nil)

// New returns inner with faults. A nil plan has none.
func New(inner remote.Store, plan Plan, o Options) *Store {
	if o.Sleep == nil {
		o.Sleep = remote.Sleep
	}
	s := &Store{inner: inner, o: o, plan: plan, calls: map[Call]int{}}
	s.Store = remote.Wrap(inner, s.around)
	return s
}

// SetPlan changes the plan for the calls that begin from now on; nil: no more faults.
func (s *Store) SetPlan(plan Plan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plan = plan
}

// errFault is the cause in errors that were made on purpose.
var errFault = errors.New("made to fail")

// errCut ends a listing.
var errCut = errors.New("the listing was made to break off")

// errLag ends a call that is answered from an earlier state.
var errLag = errors.New("the reply was made to lag behind")

// errBusy is the cause of a Throttle.
var errBusy = errors.New("fewer requests are asked for, on purpose")

// errLost is the cause of a Lose.
var errLost = errors.New("the reply was made to get lost")

// begin chooses the fault of a call, and carries out faults that come before the call. An error ends the call.
func (s *Store) begin(ctx context.Context, op Op, on fmt.Stringer) (Fault, error) {
	s.mu.Lock()
	key := Call{Op: op, On: on.String()}
	call := key
	call.Again = s.calls[key]
	s.calls[key]++
	plan, due := s.plan, s.due()
	s.mu.Unlock()
	for _, swap := range due {
		_ = swap() // nobody hears of it
	}
	if plan == nil {
		return Fine, nil
	}
	fault := plan(call)
	switch fault {
	case Late:
		if op != Swap {
			return fault, remote.Fail(op.String(), on, remote.ErrUnavailable, errFault)
		}
	case Fail:
		return fault, remote.Fail(op.String(), on, remote.ErrUnavailable, errFault)
	case Full:
		if op == Put || op == Swap || op == Drop || op == Claim || op == Replace {
			return fault, remote.Fail(op.String(), on, remote.ErrFull, errFault)
		}
	case Throttle:
		return fault, remote.Fail(op.String(), on, remote.ErrUnavailable, &remote.Throttled{Err: errBusy})
	case Lag:
		if op == List || op == Changed {
			return fault, errLag
		}
	case Delay:
		if err := s.o.Sleep(ctx, s.o.Delay); err != nil {
			return fault, remote.Fail(op.String(), on, remote.ErrUnavailable, err)
		}
	case Hang:
		<-ctx.Done()
		return fault, remote.Alive(ctx, op.String(), on)
	}
	return fault, nil
}

// end returns the error that the caller of a call gets.
func end(fault Fault, op Op, on fmt.Stringer, err error) error {
	if (fault == Lose || fault == Cut) && err == nil {
		return remote.Fail(op.String(), on, remote.ErrUnavailable, errLost)
	}
	return err
}

// Put implements remote.Blobs.
func (s *Store) Put(ctx context.Context, name crypto.BlobName, body remote.Body) error {
	fault, err := s.begin(ctx, Put, name)
	if err != nil {
		return err
	}
	if fault == Cut {
		body = half{body}
	}
	err = s.inner.Put(ctx, name, body)
	if fault == Cut && errors.Is(err, errFault) {
		return remote.Fail(remote.OpPut, name, remote.ErrUnavailable, errFault)
	}
	return end(fault, Put, name, err)
}

// GetRange implements remote.Blobs. After a Cut the first half of p is filled, as the contract allows.
func (s *Store) GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	fault, err := s.begin(ctx, GetRange, name)
	if err != nil {
		return err
	}
	if fault == Cut {
		p = p[:len(p)/2]
	}
	return end(fault, GetRange, name, s.inner.GetRange(ctx, name, off, p))
}

// around runs a call with its fault. A lost reply hides a conflict as well. A Lose ends a listing before its end, a Cut
// after its first item.
func (s *Store) around(ctx context.Context, c *remote.Call, do func(context.Context) error) error {
	op, on := opOf(c.Op), c.On
	if on == (remote.Place{}) {
		on = s
	}
	fault, err := s.begin(ctx, op, on)
	if err != nil {
		return err
	}
	if fault == Cut && c.Stream != nil {
		c.Stream.Next = func() error { return errCut }
	}
	if fault == Late {
		s.hold(func() error { return do(context.WithoutCancel(ctx)) })
		return remote.Fail(op.String(), on, remote.ErrUnavailable, errLost)
	}
	err = do(ctx)
	if errors.Is(err, errCut) || op == Swap && (fault == Lose || fault == Cut) {
		err = nil
	}
	return end(fault, op, on, err)
}

// String names the store in errors.
func (s *Store) String() string { return "faulty:" }
