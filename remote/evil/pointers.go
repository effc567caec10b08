package evil

import (
	"context"

	"postern/crypto"
	"postern/remote"
)

// Load implements remote.Pointers.
func (s *Store) Load(ctx context.Context, id crypto.PointerID) (crypto.Pointer, error) {
	p, err := s.load(ctx, id)
	if err != nil {
		return p, err
	}
	s.memory.sawPointer(p)
	lie := s.tempted(OldPointer, PreviousPointer, FrozenPointer, LosePointer, ForgedSequence, ForgedValue, ForgedSignature,
		StrangeSignature, OtherPointer, GarbagePointer, ForkedPointer)
	if lie == LosePointer {
		s.tell(lie)
		return crypto.Pointer{}, remote.Fail(remote.OpLoad, id, remote.ErrNotFound, nil)
	}
	if told := s.forge(ctx, lie, p); told != p {
		s.tell(lie)
		return told, nil
	}
	return p, nil
}

// forge returns the pointer that a lie shows instead of p, or p if the lie has no material.
func (s *Store) forge(ctx context.Context, lie Lie, p crypto.Pointer) crypto.Pointer {
	switch lie {
	case OldPointer, PreviousPointer:
		if old, ok := s.memory.before(p, lie == OldPointer); ok {
			return old
		}
	case FrozenPointer:
		return s.freeze(p)
	case ForgedSequence:
		p.Seq++
	case ForgedValue:
		s.flip(p.Value[:])
	case ForgedSignature:
		s.flip(p.Signature[:])
	case StrangeSignature:
		var seed [crypto.KeySize]byte
		s.scribble(seed[:])
		p.Signature = crypto.NewWriterKey(seed).Sign(p.Seq, p.Value).Signature
	case OtherPointer:
		if other, ok := s.memory.stranger(p.ID); ok {
			return other
		}
	case GarbagePointer:
		s.scribble(p.Value[:])
		s.scribble(p.Signature[:])
		p.Seq = uint64(s.intN(1 << 30))
	case ForkedPointer:
		if s.other != nil {
			if forked, err := s.other.load(ctx, p.ID); err == nil {
				return forked
			}
		}
	}
	return p
}

// freeze returns the first state of the pointer that it was called with since the lies were set.
func (s *Store) freeze(p crypto.Pointer) crypto.Pointer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if first, ok := s.frozen[p.ID]; ok {
		return first
	}
	s.frozen[p.ID] = p
	return p
}

// Swap implements remote.Pointers.
func (s *Store) Swap(ctx context.Context, old crypto.PointerHash, next crypto.Pointer) error {
	lie := s.tempted(FalseSwap, FalseConflict, SecretSwap)
	if lie == FalseSwap || lie == FalseConflict {
		if err := s.refused(ctx, old, next); err != nil {
			return err // it would be refused anyway, so no lie is needed
		}
		s.tell(lie)
		if lie == FalseSwap {
			return nil
		}
		return remote.Fail(remote.OpSwap, next.ID, remote.ErrConflict, nil)
	}
	err := s.swap(ctx, old, next)
	if err != nil {
		return err
	}
	s.memory.sawPointer(next)
	if lie == SecretSwap {
		s.tell(lie)
		return remote.Fail(remote.OpSwap, next.ID, remote.ErrConflict, nil)
	}
	return nil
}

// refused returns the error of an honest remote for a swap.
func (s *Store) refused(ctx context.Context, old crypto.PointerHash, next crypto.Pointer) error {
	current, err := s.load(ctx, next.ID)
	there := err == nil
	if err != nil && remote.KindOf(err) != remote.ErrNotFound {
		return err
	}
	return remote.CheckSwap(current, there, old, next)
}
