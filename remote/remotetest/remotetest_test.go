package remotetest_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"

	"postern/crypto"
	"postern/remote"
	"postern/remote/mem"
	"postern/remote/remotetest"
)

// broken is a store with some methods replaced.
type broken struct {
	remote.Store
	put      func(context.Context, crypto.BlobName, remote.Body) error
	get      func(context.Context, crypto.BlobName) ([]byte, error)
	getRange func(context.Context, crypto.BlobName, int64, []byte) error
	stat     func(context.Context, crypto.BlobName) (int64, error)
	list     func(context.Context) iter.Seq2[remote.BlobInfo, error]
	del      func(context.Context, crypto.BlobName) error
	load     func(context.Context, crypto.PointerID) (crypto.Pointer, error)
	swap     func(context.Context, crypto.PointerHash, crypto.Pointer) error
	space    func(context.Context) (remote.Space, error)
	closing  func() error
}

func (b *broken) Put(ctx context.Context, name crypto.BlobName, body remote.Body) error {
	if b.put != nil {
		return b.put(ctx, name, body)
	}
	return b.Store.Put(ctx, name, body)
}

func (b *broken) Get(ctx context.Context, name crypto.BlobName) ([]byte, error) {
	if b.get != nil {
		return b.get(ctx, name)
	}
	return b.Store.Get(ctx, name)
}

func (b *broken) GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	if b.getRange != nil {
		return b.getRange(ctx, name, off, p)
	}
	return b.Store.GetRange(ctx, name, off, p)
}

func (b *broken) Stat(ctx context.Context, name crypto.BlobName) (int64, error) {
	if b.stat != nil {
		return b.stat(ctx, name)
	}
	return b.Store.Stat(ctx, name)
}

func (b *broken) List(ctx context.Context) iter.Seq2[remote.BlobInfo, error] {
	if b.list != nil {
		return b.list(ctx)
	}
	return b.Store.List(ctx)
}

func (b *broken) Delete(ctx context.Context, name crypto.BlobName) error {
	if b.del != nil {
		return b.del(ctx, name)
	}
	return b.Store.Delete(ctx, name)
}

func (b *broken) Load(ctx context.Context, id crypto.PointerID) (crypto.Pointer, error) {
	if b.load != nil {
		return b.load(ctx, id)
	}
	return b.Store.Load(ctx, id)
}

func (b *broken) Swap(ctx context.Context, old crypto.PointerHash, next crypto.Pointer) error {
	if b.swap != nil {
		return b.swap(ctx, old, next)
	}
	return b.Store.Swap(ctx, old, next)
}

func (b *broken) Space(ctx context.Context) (remote.Space, error) {
	if b.space != nil {
		return b.space(ctx)
	}
	return b.Store.Space(ctx)
}

func (b *broken) Close() error {
	if b.closing != nil {
		return b.closing()
	}
	return b.Store.Close()
}

// bugs are mistakes that drivers make, and the check that has to notice each.
var bugs = []struct {
	bug    string
	check  string
	breaks func(b *broken)
}{
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

// TestBugsAreNoticed proves the checks: each of them fails for a store with the bug that it is there for.
func TestBugsAreNoticed(t *testing.T) {
	for _, bug := range bugs {
		t.Run(bug.bug, func(t *testing.T) {
			t.Parallel()
			check := find(t, bug.check)
			b := &broken{Store: mem.New()}
			if err := check.Do(t.Context(), &remotetest.Env{Store: b, Rand: rand.Reader}); err != nil {
				t.Fatalf("without the bug: %v", err)
			}
			b = &broken{Store: mem.New()}
			bug.breaks(b)
			if err := check.Do(t.Context(), &remotetest.Env{Store: b, Rand: rand.Reader}); err == nil {
				t.Fatalf("%q does not notice it", bug.check)
			}
		})
	}
}

// find returns a check by name.
func find(t *testing.T, name string) remotetest.Check {
	t.Helper()
	for _, check := range remotetest.Checks() {
		if check.Name == name {
			return check
		}
	}
	t.Fatalf("there is no check %q", name)
	return remotetest.Check{}
}

// TestEveryCheckHasABug insists that the table above is complete.
func TestEveryCheckHasABug(t *testing.T) {
	// Those that can't fail by a bug of one method of one handle are proved below, or by the race detector.
	elsewhere := []string{"concurrent/same blob", "concurrent/many blobs", "handles/see each other", "handles/outlive"}
	seen := map[string]bool{}
	for _, check := range remotetest.Checks() {
		if seen[check.Name] {
			t.Errorf("two checks are called %q", check.Name)
		}
		seen[check.Name] = true
		if check.Promise == "" || strings.HasSuffix(check.Promise, ".") {
			t.Errorf("%s: the promise %q is no sentence without a full stop", check.Name, check.Promise)
		}
		if slices.Contains(elsewhere, check.Name) {
			continue
		}
		if !slices.ContainsFunc(bugs, func(b struct {
			bug    string
			check  string
			breaks func(b *broken)
		}) bool {
			return b.check == check.Name
		}) {
			t.Errorf("no bug proves that %q can fail", check.Name)
		}
	}
}

// TestHandlesThatDoNotShare proves the checks of several handles.
func TestHandlesThatDoNotShare(t *testing.T) {
	for _, name := range []string{"handles/see each other", "handles/outlive", "concurrent/many blobs", "concurrent/one winner"} {
		apart := func() (remote.Store, error) { return mem.New(), nil }
		if err := find(t, name).Do(t.Context(), &remotetest.Env{Store: mem.New(), Another: apart, Rand: rand.Reader}); err == nil {
			t.Errorf("%q does not notice handles that share nothing", name)
		}
	}
}

// TestRunAllLeavesNothing runs the contract as a command would, against a remote in use.
func TestRunAllLeavesNothing(t *testing.T) {
	s := mem.New()
	mine := []byte("sealed before")
	name := crypto.NameOf(mine)
	if err := s.Put(t.Context(), name, remote.BytesBody(mine)); err != nil {
		t.Fatal(err)
	}
	reported := 0
	err := remotetest.RunAll(t.Context(), func() (remote.Store, error) { return s.Another(), nil }, rand.Reader,
		func(c remotetest.Check, err error) {
			reported++
			if err != nil {
				t.Errorf("%s: %v", c.Name, err)
			}
		})
	if err != nil {
		t.Fatal(err)
	}
	if reported != len(remotetest.Checks()) {
		t.Errorf("%d of %d checks were reported", reported, len(remotetest.Checks()))
	}
	for info, err := range s.List(t.Context()) {
		if err != nil || info.Name != name {
			t.Errorf("left behind: %v, %d bytes, %v", info.Name, info.Size, err)
		}
	}
	if got, err := s.Get(t.Context(), name); err != nil || !bytes.Equal(got, mine) {
		t.Errorf("the blob from before: %q, %v", got, err)
	}
}

// TestRunAllReports insists that failures come through, and that a source of randomness that fails is one.
func TestRunAllReports(t *testing.T) {
	noRoom := func() (remote.Store, error) { return mem.NewSized(10), nil }
	failed := 0
	err := remotetest.RunAll(t.Context(), noRoom, rand.Reader, func(_ remotetest.Check, err error) {
		if err != nil {
			failed++
		}
	})
	if failed == 0 || !errors.Is(err, remote.ErrFull) {
		t.Errorf("a remote without room: %d failed, %v", failed, err)
	}
	s := mem.New()
	again := func() (remote.Store, error) { return s.Another(), nil }
	if err := remotetest.RunAll(t.Context(), again, strings.NewReader(""), func(remotetest.Check, error) {}); err == nil {
		t.Error("without random bytes all is well")
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := remotetest.RunAll(ended, again, rand.Reader, func(remotetest.Check, error) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that has ended: %v", err)
	}
}
