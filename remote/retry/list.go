package retry

import (
	"context"
	"errors"
	"iter"
	"time"

	"postern/remote"
)

// errSlow is why a listing was given up.
var errSlow = errors.New("the next blob of the listing did not come in time")

// unhurried lists once. The whole may take as long as it likes, but each blob has to come within Options.Reply; the time
// that the consumer takes does not count.
func (s *store) unhurried(ctx context.Context) iter.Seq2[remote.BlobInfo, error] {
	if s.o.Reply < 0 {
		return s.inner.List(ctx)
	}
	return func(yield func(remote.BlobInfo, error) bool) {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		timer := time.AfterFunc(s.o.Reply, func() { cancel(errSlow) })
		defer timer.Stop()
		for info, err := range s.inner.List(ctx) {
			timer.Stop()
			if err != nil && errors.Is(context.Cause(ctx), errSlow) {
				err = remote.Fail(remote.OpList, place{}, remote.ErrUnavailable, errSlow)
			}
			if !yield(info, err) || err != nil {
				return
			}
			timer.Reset(s.o.Reply)
		}
	}
}
