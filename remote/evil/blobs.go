package evil

import (
	"context"
	"errors"
	"iter"

	"postern/crypto"
	"postern/remote"
)

// Put implements remote.Blobs.
func (s *Store) Put(ctx context.Context, name crypto.BlobName, body remote.Body) error {
	switch lie := s.tempted(DropPuts, SpoilPuts); lie {
	case DropPuts:
		if err := s.ready(ctx, remote.OpPut, name); err != nil {
			return err
		}
		s.tell(lie)
		return nil
	case SpoilPuts:
		data, err := remote.ReadBody(body)
		if err != nil || len(data) == 0 {
			break // the honest answer reports the error
		}
		s.flip(data)
		body = remote.BytesBody(data)
		s.tell(lie)
	}
	err := s.inner.Put(ctx, name, body)
	if err == nil {
		s.memory.sawBlob(name)
	}
	return err
}

// ready returns the inner store's error if it is closed or the context has ended, for lies that never call the inner
// store.
func (s *Store) ready(ctx context.Context, op string, name crypto.BlobName) error {
	_, err := s.inner.Stat(ctx, name)
	if kind := remote.KindOf(err); kind == remote.ErrClosed || kind == remote.ErrUnavailable {
		return remote.Fail(op, name, kind, err)
	}
	return nil
}

// Get implements remote.Blobs.
func (s *Store) Get(ctx context.Context, name crypto.BlobName) ([]byte, error) {
	lie := s.tempted(FlipGet, Truncate, Grow, Zero, Garbage, SwapBlobs, OtherBlob, LoseBlobs)
	asked := s.astray(lie, name)
	data, err := s.inner.Get(ctx, asked)
	if err != nil || len(data) == 0 {
		return data, err
	}
	switch lie {
	case FlipGet:
		s.flip(data)
	case Truncate:
		data = data[:len(data)/2]
	case Grow:
		more := make([]byte, 1+s.intN(crypto.MinBlobSize))
		s.scribble(more)
		data = append(data, more...)
	case Zero:
		clear(data)
	case Garbage:
		s.scribble(data)
	case LoseBlobs:
		s.tell(lie)
		return nil, remote.Fail(remote.OpGet, name, remote.ErrNotFound, nil)
	default:
		if asked == name {
			return data, nil
		}
	}
	s.tell(lie)
	return data, nil
}

// astray returns the blob that a lie reads instead.
func (s *Store) astray(lie Lie, name crypto.BlobName) crypto.BlobName {
	asked := name
	switch lie {
	case SwapBlobs:
		asked, _ = s.memory.partner(name)
	case OtherBlob:
		asked, _ = s.memory.decoy(name)
	}
	return asked
}

// GetRange implements remote.Blobs.
func (s *Store) GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	lie := s.tempted(FlipRange, Truncate, Zero, Garbage, SwapBlobs, OtherBlob, ShiftRange, LoseBlobs)
	if asked := s.astray(lie, name); asked != name {
		if err := s.inner.GetRange(ctx, asked, off, p); err == nil {
			s.tell(lie)
			return nil
		}
	}
	if err := s.inner.GetRange(ctx, name, off, p); err != nil || len(p) == 0 {
		return err
	}
	switch lie {
	case FlipRange:
		s.flip(p)
	case Zero:
		clear(p)
	case Garbage:
		s.scribble(p)
	case Truncate:
		return s.truncated(ctx, name, off, p)
	case ShiftRange:
		return s.shifted(ctx, name, off, p)
	case LoseBlobs:
		s.tell(lie)
		return remote.Fail(remote.OpGetRange, name, remote.ErrNotFound, nil)
	default:
		return nil
	}
	s.tell(lie)
	return nil
}

// truncated answers as if the blob had only its first half.
func (s *Store) truncated(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	size, err := s.inner.Stat(ctx, name)
	if err != nil {
		return err
	}
	if remote.InRange(size/2, off, len(p)) {
		return nil
	}
	s.tell(Truncate)
	return remote.PastEnd(name, size/2, off, len(p))
}

// shifted answers with the bytes of a neighbouring segment, if there is one.
func (s *Store) shifted(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	for _, by := range []int64{crypto.SealedSegmentSize, -crypto.SealedSegmentSize, 1, -1} {
		if off+by < 0 {
			continue
		}
		if err := s.inner.GetRange(ctx, name, off+by, p); err == nil {
			s.tell(ShiftRange)
			return nil
		}
	}
	return s.inner.GetRange(ctx, name, off, p)
}

// Stat implements remote.Blobs.
func (s *Store) Stat(ctx context.Context, name crypto.BlobName) (int64, error) {
	lie := s.tempted(Truncate, SwapBlobs, LoseBlobs, DenyStat, ClaimStat, WrongStat, AbsurdStat)
	asked := s.astray(lie, name)
	size, err := s.inner.Stat(ctx, asked)
	if lie == ClaimStat && errors.Is(err, remote.ErrNotFound) {
		s.tell(lie)
		return crypto.MaxBlobSize, nil
	}
	if err != nil {
		return size, err
	}
	switch lie {
	case LoseBlobs, DenyStat:
		s.tell(lie)
		return 0, remote.Fail(remote.OpStat, name, remote.ErrNotFound, nil)
	case Truncate:
		size /= 2
	case WrongStat:
		size++
	case AbsurdStat:
		size = -size - 1
	default:
		if asked == name {
			return size, nil
		}
	}
	s.tell(lie)
	return size, nil
}

// List implements remote.Blobs.
func (s *Store) List(ctx context.Context) iter.Seq2[remote.BlobInfo, error] {
	return func(yield func(remote.BlobInfo, error) bool) {
		lie := s.tempted(Truncate, LoseBlobs, AbsurdStat, HideInList, InventList, RepeatList)
		n := 0
		for info, err := range s.inner.List(ctx) {
			if err != nil {
				yield(info, err)
				return
			}
			n++
			for _, told := range s.retell(lie, n, info) {
				if !yield(told, nil) {
					return
				}
			}
		}
	}
}

// retell returns what a lie lists in place of the n-th blob of a listing.
func (s *Store) retell(lie Lie, n int, info remote.BlobInfo) []remote.BlobInfo {
	told := []remote.BlobInfo{info}
	switch lie {
	case Truncate:
		told[0].Size /= 2
	case AbsurdStat:
		told[0].Size = 1 << 62
	case LoseBlobs:
		told = nil
	case HideInList:
		if n%2 == 0 {
			return told
		}
		told = nil
	case InventList:
		invented := remote.BlobInfo{Size: crypto.MinBlobSize}
		s.scribble(invented.Name[:])
		told = append(told, invented)
	case RepeatList:
		told = append(told, info)
	default:
		return told
	}
	s.tell(lie)
	return told
}

// Delete implements remote.Blobs.
func (s *Store) Delete(ctx context.Context, name crypto.BlobName) error {
	if s.tempted(KeepDeleted) == KeepDeleted {
		if err := s.ready(ctx, remote.OpDelete, name); err != nil {
			return err
		}
		s.tell(KeepDeleted)
		return nil
	}
	return s.inner.Delete(ctx, name)
}
