package remotetest_test

import (
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"sync"
	"sync/atomic"

	"postern/crypto"
	"postern/remote"
)

// bugs are mistakes that drivers make, each with the check that must detect it.
var bugs = []bug{
	{"get returns one byte less", "blob/round trip", func(b *broken) {
		b.get = func(ctx context.Context, n crypto.BlobName) ([]byte, error) {
			data, err := b.Store.Get(ctx, n)
			return data[:max(len(data)-1, 0)], err
		}
	}},
	{"stat counts in kilobytes", "blob/round trip", func(b *broken) {
		b.stat = func(ctx context.Context, n crypto.BlobName) (int64, error) {
			size, err := b.Store.Stat(ctx, n)
			return size >> 10, err
		}
	}},
	{"ranges past the end are filled with zeros", "blob/ranges", func(b *broken) {
		b.getRange = func(ctx context.Context, n crypto.BlobName, off int64, p []byte) error {
			err := b.Store.GetRange(ctx, n, off, p)
			if errors.Is(err, remote.ErrCorrupt) {
				clear(p)
				return nil
			}
			return err
		}
	}},
	{"ranges overflow", "blob/ranges", func(b *broken) {
		b.getRange = func(ctx context.Context, n crypto.BlobName, off int64, p []byte) error {
			if off+int64(len(p)) < 0 {
				return nil
			}
			return b.Store.GetRange(ctx, n, off, p)
		}
	}},
	{"ranges write past the slice", "blob/ranges", func(b *broken) {
		b.getRange = func(ctx context.Context, n crypto.BlobName, off int64, p []byte) error {
			err := b.Store.GetRange(ctx, n, off, p)
			clear(p[len(p):cap(p)])
			return err
		}
	}},
	{"ranges up to the end are off by one", "blob/ends", func(b *broken) {
		b.getRange = func(ctx context.Context, n crypto.BlobName, off int64, p []byte) error {
			size, err := b.Store.Stat(ctx, n)
			if err != nil {
				return err
			}
			q, err := remote.Clip(ctx, n, size-1, off, p)
			if err != nil {
				return err
			}
			return b.Store.GetRange(ctx, n, off, q)
		}
	}},
	{"missing is unavailable", "blob/missing", func(b *broken) {
		b.get = func(ctx context.Context, n crypto.BlobName) ([]byte, error) {
			data, err := b.Store.Get(ctx, n)
			if errors.Is(err, remote.ErrNotFound) {
				err = remote.Fail(remote.OpGet, n, remote.ErrUnavailable, nil)
			}
			return data, err
		}
	}},
	{"put of what is there fails", "blob/put again", func(b *broken) {
		b.put = func(ctx context.Context, n crypto.BlobName, body remote.Body) error {
			if _, err := b.Store.Stat(ctx, n); err == nil {
				return remote.Fail(remote.OpPut, n, remote.ErrConflict, nil)
			}
			return b.Store.Put(ctx, n, body)
		}
	}},
	{"delete of what is gone fails", "blob/delete", func(b *broken) {
		b.del = func(ctx context.Context, n crypto.BlobName) error {
			if _, err := b.Store.Stat(ctx, n); err != nil {
				return err
			}
			return b.Store.Delete(ctx, n)
		}
	}},
	{"delete does nothing", "blob/delete", func(b *broken) {
		b.del = func(ctx context.Context, n crypto.BlobName) error { return nil }
	}},
	{"the same slice is handed out to all", "blob/ownership", func(b *broken) {
		kept := map[crypto.BlobName][]byte{}
		b.get = func(ctx context.Context, n crypto.BlobName) ([]byte, error) {
			if data, ok := kept[n]; ok {
				return data, nil
			}
			data, err := b.Store.Get(ctx, n)
			kept[n] = data
			return data, err
		}
	}},
	{"a blob has no limit", "blob/too large", func(b *broken) {
		b.put = func(ctx context.Context, n crypto.BlobName, body remote.Body) error {
			if body.Size() > crypto.MaxBlobSize {
				return nil
			}
			return b.Store.Put(ctx, n, body)
		}
	}},
	{"the id is another each time", "id", func(b *broken) {
		var n atomic.Uint32
		b.id = func(context.Context) (crypto.StoreID, error) { return crypto.StoreID{byte(n.Add(1))}, nil }
	}},
	{"there is no id", "id", func(b *broken) {
		b.id = func(context.Context) (crypto.StoreID, error) { return crypto.StoreID{}, nil }
	}},
	{"free room below none", "space", func(b *broken) {
		b.space = func(context.Context) (remote.Space, error) { return remote.Space{Free: -4096}, nil }
	}},
	{"what was read of a failed body is stored", "body/fails", func(b *broken) {
		b.put = func(ctx context.Context, n crypto.BlobName, body remote.Body) error {
			r, err := body.Open()
			if err != nil {
				return err
			}
			defer r.Close()
			data, err := io.ReadAll(r)
			return errors.Join(b.Store.Put(ctx, n, remote.BytesBody(data)), err)
		}
	}},
	{"the size of a body isn't checked", "body/wrong size", func(b *broken) {
		b.put = func(ctx context.Context, n crypto.BlobName, body remote.Body) error {
			r, err := body.Open()
			if err != nil {
				return err
			}
			defer r.Close()
			data, err := io.ReadAll(r)
			if err != nil {
				return err
			}
			return b.Store.Put(ctx, n, remote.BytesBody(data))
		}
	}},
	{"bodies are left open", "body/closed", func(b *broken) {
		b.put = func(ctx context.Context, n crypto.BlobName, body remote.Body) error {
			r, err := body.Open()
			if err != nil {
				return err
			}
			data, err := io.ReadAll(r)
			if err != nil {
				return err
			}
			return b.Store.Put(ctx, n, remote.BytesBody(data))
		}
	}},
	{"a body is read by one call", "body/small reads", func(b *broken) {
		b.put = func(ctx context.Context, n crypto.BlobName, body remote.Body) error {
			r, err := body.Open()
			if err != nil {
				return err
			}
			defer r.Close()
			data := make([]byte, body.Size())
			if _, err := r.Read(data); err != nil && !errors.Is(err, io.EOF) {
				return err
			}
			return b.Store.Put(ctx, n, remote.BytesBody(data))
		}
	}},
	{"listings repeat", "list/all", func(b *broken) {
		b.list = func(ctx context.Context) iter.Seq2[remote.BlobInfo, error] {
			return func(yield func(remote.BlobInfo, error) bool) {
				for info, err := range b.Store.List(ctx) {
					if !yield(info, err) || !yield(info, err) {
						return
					}
				}
			}
		}
	}},
	{"listings end after a page", "list/all", func(b *broken) {
		b.list = func(ctx context.Context) iter.Seq2[remote.BlobInfo, error] {
			return func(yield func(remote.BlobInfo, error) bool) {
				n := 0
				for info, err := range b.Store.List(ctx) {
					if n++; n > 10 || !yield(info, err) {
						return
					}
				}
			}
		}
	}},
	{"a listing can be made once", "list/stop", func(b *broken) {
		b.list = func(ctx context.Context) iter.Seq2[remote.BlobInfo, error] {
			next, stop := iter.Pull2(b.Store.List(ctx))
			return func(yield func(remote.BlobInfo, error) bool) {
				for info, err, ok := next(); ok; info, err, ok = next() {
					if !yield(info, err) {
						stop()
						return
					}
				}
			}
		}
	}},
	{"a listing misses what was put after a blob was deleted", "list/while writing", func(b *broken) {
		var mu sync.Mutex
		var gone bool
		b.del = func(ctx context.Context, n crypto.BlobName) error {
			mu.Lock()
			gone = true
			mu.Unlock()
			return b.Store.Delete(ctx, n)
		}
		b.list = func(ctx context.Context) iter.Seq2[remote.BlobInfo, error] {
			return func(yield func(remote.BlobInfo, error) bool) {
				for info, err := range b.Store.List(ctx) {
					mu.Lock()
					skip := gone && info.Size == 305
					mu.Unlock()
					if !skip && !yield(info, err) {
						return
					}
				}
			}
		}
	}},
	{"swap doesn't look at the hash", "pointer/conflict", func(b *broken) {
		b.swap = func(ctx context.Context, _ crypto.PointerHash, next crypto.Pointer) error {
			var old crypto.PointerHash
			if p, err := b.Store.Load(ctx, next.ID); err == nil {
				old = p.Hash()
			}
			return b.Store.Swap(ctx, old, next)
		}
	}},
	{"a pointer once loaded is remembered", "pointer/moves", func(b *broken) {
		kept := map[crypto.PointerID]crypto.Pointer{}
		b.load = func(ctx context.Context, id crypto.PointerID) (crypto.Pointer, error) {
			if p, ok := kept[id]; ok {
				return p, nil
			}
			p, err := b.Store.Load(ctx, id)
			if err == nil {
				kept[id] = p
			}
			return p, err
		}
	}},
	{"refused is a conflict", "pointer/refused", func(b *broken) {
		b.swap = func(ctx context.Context, old crypto.PointerHash, next crypto.Pointer) error {
			err := b.Store.Swap(ctx, old, next)
			if errors.Is(err, remote.ErrRefused) {
				err = remote.Fail(remote.OpSwap, next.ID, remote.ErrConflict, nil)
			}
			return err
		}
	}},
	{"there is one pointer for all", "pointer/apart", func(b *broken) {
		var last crypto.Pointer
		b.swap = func(ctx context.Context, old crypto.PointerHash, next crypto.Pointer) error {
			last = next
			return b.Store.Swap(ctx, old, next)
		}
		b.load = func(context.Context, crypto.PointerID) (crypto.Pointer, error) { return last, nil }
	}},
	{"the first state of a pointer is no change", "changes/moved", func(b *broken) {
		b.changed = func(ctx context.Context, since remote.Cursor) (remote.Changes, error) {
			page, err := b.Store.Changed(ctx, since)
			page.Pointers = slices.DeleteFunc(page.Pointers, func(p crypto.Pointer) bool { return p.Seq == 1 })
			return page, err
		}
	}},
	{"a page is told once", "changes/moved", func(b *broken) {
		told := map[crypto.PointerHash]bool{}
		b.changed = func(ctx context.Context, since remote.Cursor) (remote.Changes, error) {
			page, err := b.Store.Changed(ctx, since)
			page.Pointers = slices.DeleteFunc(page.Pointers, func(p crypto.Pointer) bool { return told[p.Hash()] })
			for _, p := range page.Pointers {
				told[p.Hash()] = true
			}
			return page, err
		}
	}},
	{"all pointers are listed", "changes/unlisted", func(b *broken) {
		var all []crypto.Pointer
		b.swap = func(ctx context.Context, old crypto.PointerHash, next crypto.Pointer) error {
			err := b.Store.Swap(ctx, old, next)
			if err == nil {
				all = append(all, next)
			}
			return err
		}
		b.changed = func(context.Context, remote.Cursor) (remote.Changes, error) {
			return remote.Changes{Pointers: all}, nil
		}
	}},
	{"a listed pointer may be hidden", "changes/unlisted", func(b *broken) {
		b.swap = func(ctx context.Context, old crypto.PointerHash, next crypto.Pointer) error {
			err := b.Store.Swap(ctx, old, next)
			if now, loadErr := b.Store.Load(ctx, next.ID); loadErr == nil && now.Listed && !next.Listed {
				return nil
			}
			return err
		}
	}},
	{"a strange cursor is the end", "changes/strange cursor", func(b *broken) {
		made := map[remote.Cursor]bool{"": true}
		b.changed = func(ctx context.Context, since remote.Cursor) (remote.Changes, error) {
			if !made[since] {
				return remote.Changes{Next: since}, nil
			}
			page, err := b.Store.Changed(ctx, since)
			made[page.Next] = true
			return page, err
		}
	}},
	{"a change is announced before it is made", "changes/concurrent", func(b *broken) {
		var mu sync.Mutex
		skip := map[crypto.PointerID]uint64{}
		b.swap = func(ctx context.Context, old crypto.PointerHash, next crypto.Pointer) error {
			mu.Lock()
			defer mu.Unlock()
			err := b.Store.Swap(ctx, old, next)
			if err == nil && next.Seq == 6 {
				skip[next.ID] = next.Seq
			}
			return err
		}
		b.changed = func(ctx context.Context, since remote.Cursor) (remote.Changes, error) {
			mu.Lock()
			defer mu.Unlock()
			page, err := b.Store.Changed(ctx, since)
			page.Pointers = slices.DeleteFunc(page.Pointers, func(p crypto.Pointer) bool { return skip[p.ID] == p.Seq })
			return page, err
		}
	}},
	{"contexts are ignored", "context/ended", func(b *broken) {
		b.swap = func(_ context.Context, old crypto.PointerHash, next crypto.Pointer) error {
			return b.Store.Swap(context.Background(), old, next)
		}
	}},
	{"a put that was ended stores the rest as zeros", "context/ends during put", func(b *broken) {
		b.put = func(ctx context.Context, n crypto.BlobName, body remote.Body) error {
			data, err := remote.ReadBody(body)
			if err == nil && ctx.Err() != nil {
				clear(data[len(data)/2:])
				ctx = context.WithoutCancel(ctx)
			}
			if err != nil {
				return err
			}
			return b.Store.Put(ctx, n, remote.BytesBody(data))
		}
	}},
	{"swap is a load and then a store", "concurrent/one winner", func(b *broken) {
		states := map[crypto.PointerID]crypto.Pointer{}
		var mu sync.Mutex
		var meeting sync.WaitGroup
		meeting.Add(8)
		var met sync.Once
		b.load = func(_ context.Context, id crypto.PointerID) (crypto.Pointer, error) {
			mu.Lock()
			defer mu.Unlock()
			p, ok := states[id]
			if !ok {
				return p, remote.Fail(remote.OpLoad, id, remote.ErrNotFound, nil)
			}
			return p, nil
		}
		b.swap = func(ctx context.Context, old crypto.PointerHash, next crypto.Pointer) error {
			mu.Lock()
			current, there := states[next.ID]
			mu.Unlock()
			if err := remote.CheckSwap(current, there, old, next); err != nil {
				return err
			}
			if next.Seq == 1 {
				meeting.Done()
				met.Do(meeting.Wait) // the others wait for it too
			}
			mu.Lock()
			defer mu.Unlock()
			states[next.ID] = next
			return nil
		}
	}},
	{"a swap shows late", "concurrent/pointer", func(b *broken) {
		var mu sync.Mutex
		shown := map[crypto.PointerID][]crypto.Pointer{}
		b.swap = func(ctx context.Context, old crypto.PointerHash, next crypto.Pointer) error {
			mu.Lock()
			defer mu.Unlock()
			err := b.Store.Swap(ctx, old, next)
			if err == nil {
				shown[next.ID] = append(shown[next.ID], next)
			}
			return err
		}
		b.load = func(ctx context.Context, id crypto.PointerID) (crypto.Pointer, error) {
			mu.Lock()
			defer mu.Unlock()
			if states := shown[id]; len(states) > 3 {
				return states[len(states)-2], nil
			}
			return b.Store.Load(ctx, id)
		}
	}},
	{"a closed handle goes on", "close", func(b *broken) { b.closing = func() error { return nil } }},
	{"closing twice fails", "close", func(b *broken) {
		closed := false
		b.closing = func() error {
			if closed {
				return errors.New("closed already")
			}
			closed = true
			return b.Store.Close()
		}
	}},
}

// bug is one mistake of a driver.
type bug struct {
	bug    string
	check  string // that fails
	breaks func(b *broken)
}
