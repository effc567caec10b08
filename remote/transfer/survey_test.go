package transfer_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"postern/crypto"
	"postern/remote"
	"postern/remote/mem"
	"postern/remote/transfer"
)

// TestManyBlobsAreListed: of many blobs neither store is asked for each, also when a copy is continued; the totals are
// known before the first is sent, and no more are under way than memory allows.
func TestManyBlobsAreListed(t *testing.T) {
	ctx := t.Context()
	from, to := mem.New(), mem.New()
	var names []crypto.BlobName
	for i := range 200 {
		data := fmt.Appendf(nil, "blob %0*d", 10+i, i)
		names = append(names, crypto.NameOf(data))
		put(t, from, data)
		if i < 50 {
			put(t, to, data)
		}
	}
	var stats, lists, puts atomic.Int64
	counting := func(s remote.Store) remote.Store {
		return remote.Wrap(s, func(ctx context.Context, c *remote.Call, do func(context.Context) error) error {
			switch c.Op {
			case remote.OpStat:
				stats.Add(1)
			case remote.OpList:
				lists.Add(1)
			case remote.OpPut:
				puts.Add(1)
			}
			return do(ctx)
		})
	}
	for _, blobs := range []transfer.Options{{}, {Blobs: transfer.Names(names)}} {
		stats.Store(0)
		lists.Store(0)
		blobs.Progress = func(at transfer.Progress) {
			if at.TotalBlobs != 200 || at.TotalBytes <= 0 {
				t.Errorf("totals of %d blobs and %d bytes are shown", at.TotalBlobs, at.TotalBytes)
			}
		}
		if _, err := transfer.Copy(ctx, counting(from), counting(to), nil, blobs); err != nil {
			t.Fatal(err)
		}
		if stats.Load() != 0 || lists.Load() != 2 || puts.Load() != 150 {
			t.Errorf("%d sizes and %d lists were asked for, and %d blobs sent", stats.Load(), lists.Load(), puts.Load())
		}
	}
}

func put(t *testing.T, s remote.Store, data []byte) {
	t.Helper()
	if err := s.Put(t.Context(), crypto.NameOf(data), remote.BytesBody(data)); err != nil {
		t.Fatal(err)
	}
}
