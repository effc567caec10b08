package s3

import (
	"context"
	"errors"
	"fmt"

	"postern/crypto"
	"postern/remote"
)

// pointersFolder is where pointers lie.
const pointersFolder = "pointers"

// state is a pointer and the ETag of its object.
type state struct {
	pointer crypto.Pointer
	etag    string
}

// pointerRegister returns the register of a pointer.
func (s *Store) pointerRegister(op string, id crypto.PointerID) register {
	return register{op: op, on: id, key: s.place.key(pointersFolder, id.String()), max: crypto.PointerSize}
}

// parsePointer reads the object of a pointer. The caller checks its signature.
func (r register) parsePointer(v value, id crypto.PointerID) (crypto.Pointer, error) {
	p, err := crypto.ParsePointer(v.b)
	if err == nil && p.ID != id {
		err = fmt.Errorf("it holds pointer %v", p.ID)
	}
	if err != nil {
		return p, remote.Fail(r.op, r.on, remote.ErrCorrupt, fmt.Errorf("its object is damaged: %w", err))
	}
	return p, nil
}

// Load implements remote.Pointers.
func (s *Store) Load(ctx context.Context, id crypto.PointerID) (crypto.Pointer, error) {
	done, err := s.begin(ctx, remote.OpLoad, id)
	if err != nil {
		return crypto.Pointer{}, err
	}
	defer done()
	now, err := s.loadPointer(ctx, remote.OpLoad, id)
	return now.pointer, err
}

// loadPointer reads a pointer and remembers it.
func (s *Store) loadPointer(ctx context.Context, op string, id crypto.PointerID) (now state, err error) {
	r := s.pointerRegister(op, id)
	v, err := s.load(ctx, r)
	if err != nil {
		return now, err
	}
	if v.b == nil {
		return now, remote.Fail(op, id, remote.ErrNotFound, nil)
	}
	if now.pointer, err = r.parsePointer(v, id); err != nil {
		return now, err
	}
	now.etag = v.etag
	s.known.Add(id, now)
	return now, nil
}

// Swap implements remote.Pointers. From a state that this handle has seen, it is one request.
func (s *Store) Swap(ctx context.Context, old crypto.PointerHash, next crypto.Pointer) error {
	done, err := s.begin(ctx, remote.OpSwap, next.ID)
	if err != nil {
		return err
	}
	defer done()
	r := s.pointerRegister(remote.OpSwap, next.ID)
	tried := false // a write was made that another one overtook, or that was not answered clearly
	v, err := s.replace(ctx, r, s.expected(old, next), func(v value) ([]byte, error) {
		var current crypto.Pointer
		if v.b != nil {
			if current, err = r.parsePointer(v, next.ID); err != nil {
				return nil, err
			}
		}
		if tried && v.b != nil && current == next {
			return nil, nil // it was this very swap
		}
		tried = true
		if err := remote.CheckSwap(current, v.b != nil, old, next); err != nil {
			return nil, err
		}
		return next.Marshal(), nil
	})
	if err != nil {
		if errors.Is(err, remote.ErrConflict) || errors.Is(err, remote.ErrUnavailable) {
			s.known.Remove(next.ID)
		}
		return err
	}
	s.known.Add(next.ID, state{next, v.etag})
	return nil
}

// expected returns the value that a swap begins from, if this handle has seen it. A first pointer begins from nothing.
func (s *Store) expected(old crypto.PointerHash, next crypto.Pointer) *value {
	if known, ok := s.known.Get(next.ID); ok && known.pointer.Hash() == old {
		return &value{known.pointer.Marshal(), known.etag}
	}
	return nil
}
