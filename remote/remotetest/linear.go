package remotetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"

	"postern/crypto"
	"postern/remote"
)

// checkTime bounds the search for an order of the recorded calls. It normally takes milliseconds; a longer search is a
// bug of the check.
const checkTime = 30 * time.Second

// ask is one call on a pointer.
type ask struct {
	swap      bool // else a load
	old, next crypto.PointerHash
}

// outcome is how a swap ended.
type outcome int

const (
	done outcome = iota
	conflict
	unknown
)

// answer is the result of a call.
type answer struct {
	swap outcome
	load crypto.PointerHash
}

// register is the model of a pointer: all calls appear to happen one after the other, each between its beginning and
// its end. The state is the hash. A swap of unknown outcome may have happened at any time since, or never.
var register = porcupine.Model{
	Init: func() any { return none },
	Step: func(state, input, output any) (bool, any) {
		at, in, out := state.(crypto.PointerHash), input.(ask), output.(answer)
		switch {
		case !in.swap:
			return out.load == at, at
		case out.swap == conflict:
			return at != in.old, at
		case at == in.old:
			return true, in.next
		default:
			return out.swap == unknown, at
		}
	},
	DescribeOperation: func(input, output any) string {
		in, out := input.(ask), output.(answer)
		if in.swap {
			return fmt.Sprintf("swap %.8s to %.8s: %d", in.old, in.next, out.swap)
		}
		return fmt.Sprintf("load: %.8s", out.load)
	},
}

// recorder collects a history. Its time is a counter: only the order matters.
type recorder struct {
	now     atomic.Int64
	mu      sync.Mutex
	history []porcupine.Operation
}

// add records a call that began at start.
func (r *recorder) add(client int, start int64, in ask, out answer) {
	end := r.now.Add(1)
	if in.swap && out.swap == unknown {
		end = math.MaxInt64
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.history = append(r.history, porcupine.Operation{ClientId: client, Input: in, Call: start, Output: out, Return: end})
}

// load loads and records. It does not record a failed load.
func (r *recorder) load(ctx context.Context, s remote.Store, client int, id crypto.PointerID) (crypto.Pointer, error) {
	start := r.now.Add(1)
	p, err := s.Load(ctx, id)
	hash := none
	switch {
	case err == nil:
		hash = p.Hash()
	case !errors.Is(err, remote.ErrNotFound):
		return p, err
	}
	r.add(client, start, ask{}, answer{load: hash})
	return p, nil
}

// swap swaps and records.
func (r *recorder) swap(
	ctx context.Context, s remote.Store, client int, old crypto.PointerHash, next crypto.Pointer,
) error {
	start := r.now.Add(1)
	err := s.Swap(ctx, old, next)
	result := done
	switch {
	case errors.Is(err, remote.ErrConflict):
		result = conflict
	case errors.Is(err, remote.ErrUnavailable):
		result = unknown
	case err != nil:
		return err
	}
	r.add(client, start, ask{swap: true, old: old, next: next.Hash()}, answer{swap: result})
	return nil
}

// linearRounds is how often each client loads and swaps: enough for collisions, few enough for a search of
// milliseconds.
const linearRounds = 12

func linearizable(ctx context.Context, e *Env) error {
	stores, err := e.handles(4)
	if err != nil {
		return err
	}
	return Linearizable(ctx, stores, e.writer())
}

// Linearizable runs one client on each store. All clients load and swap the key's pointer at once; then it searches for
// a sequential order that explains their results. A call that fails as remote.ErrUnavailable may have taken effect or
// not; any other failure than a conflict ends the check. A store may be listed twice.
func Linearizable(ctx context.Context, stores []remote.Store, key crypto.WriterKey) error {
	var r recorder
	err := together(len(stores), func(client int) error {
		s := stores[client]
		var before crypto.PointerHash
		for round := range linearRounds {
			p, err := r.load(ctx, s, client, key.ID())
			if errors.Is(err, remote.ErrUnavailable) {
				continue
			} else if err != nil {
				return err
			}
			old := none
			if p.ID == key.ID() {
				old = p.Hash()
			}
			next := key.Sign(p.Seq+1, value(byte(client), byte(round)))
			if err := r.swap(ctx, s, client, old, next); err != nil {
				return err
			}
			if round%4 == 3 && before != old { // from a state that was certainly replaced
				if err := r.swap(ctx, s, client, before, key.Sign(p.Seq+2, value(byte(client), byte(round), 1))); err != nil {
					return err
				}
			}
			before = old
		}
		return nil
	})
	if err != nil {
		return err
	}
	switch porcupine.CheckOperationsTimeout(register, r.history, checkTime) {
	case porcupine.Illegal:
		return fmt.Errorf("no order of the %d calls explains what they returned: %s", len(r.history), describe(r.history))
	case porcupine.Unknown:
		return fmt.Errorf("no order of the %d calls was found within %v", len(r.history), checkTime)
	}
	return nil
}

// describe formats a history for the error.
func describe(history []porcupine.Operation) string {
	s := ""
	for _, op := range history {
		s += fmt.Sprintf("\n\tclient %d, %d to %d: %s", op.ClientId, op.Call, op.Return,
			register.DescribeOperation(op.Input, op.Output))
	}
	return s
}
