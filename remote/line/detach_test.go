package line_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/disk"
	"postern/remote/line"
	"postern/remote/mem"
	"postern/remote/remotetest"
)

func TestContractOfDetach(t *testing.T) {
	remotetest.RunHandles(t, func(t *testing.T) func() (remote.Store, error) {
		dir := t.TempDir()
		return func() (remote.Store, error) {
			s, err := disk.Open(dir, disk.Options{WatchEvery: time.Millisecond})
			if err != nil {
				return nil, err
			}
			return line.Over(s, remote.Deadlines{}, line.Options{Once: true, Hangs: true}), nil
		}
	})
}

// mount is a remote whose calls hang while it hangs, whatever their contexts.
type mount struct {
	remote.Store
	well chan struct{} // closed: it does not hang
	late func()        // called by each call when it no longer hangs; nil: none
}

func (m *mount) wait() {
	<-m.well
	if m.late != nil {
		m.late()
	}
}

func (m *mount) Put(ctx context.Context, name crypto.BlobName, body remote.Body) error {
	m.wait()
	return m.Store.Put(context.WithoutCancel(ctx), name, body)
}

func (m *mount) Get(ctx context.Context, name crypto.BlobName) ([]byte, error) {
	m.wait()
	return m.Store.Get(context.WithoutCancel(ctx), name)
}

func (m *mount) GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	m.wait()
	return m.Store.GetRange(context.WithoutCancel(ctx), name, off, p)
}

func (m *mount) Stat(ctx context.Context, name crypto.BlobName) (int64, error) {
	m.wait()
	return m.Store.Stat(ctx, name)
}

func (m *mount) List(ctx context.Context) iter.Seq2[remote.BlobInfo, error] {
	m.wait()
	return m.Store.List(ctx)
}

func (m *mount) Delete(ctx context.Context, name crypto.BlobName) error {
	m.wait()
	return m.Store.Delete(ctx, name)
}

func (m *mount) Load(ctx context.Context, id crypto.PointerID) (crypto.Pointer, error) {
	m.wait()
	return m.Store.Load(ctx, id)
}

func (m *mount) Swap(ctx context.Context, old crypto.PointerHash, next crypto.Pointer) error {
	m.wait()
	return m.Store.Swap(ctx, old, next)
}

func (m *mount) Space(ctx context.Context) (remote.Space, error) {
	m.wait()
	return m.Store.Space(ctx)
}

func (m *mount) Close() error {
	m.wait()
	return m.Store.Close()
}

func hangingCalls(ctx context.Context, s remote.Store) map[string]func() error {
	name := crypto.NameOf([]byte("blob"))
	return map[string]func() error{
		"put":    func() error { return s.Put(ctx, name, remote.BytesBody("blob")) },
		"get":    func() error { _, err := s.Get(ctx, name); return err },
		"range":  func() error { return s.GetRange(ctx, name, 0, make([]byte, 1)) },
		"stat":   func() error { _, err := s.Stat(ctx, name); return err },
		"delete": func() error { return s.Delete(ctx, name) },
		"load":   func() error { _, err := s.Load(ctx, crypto.PointerID{}); return err },
		"swap":   func() error { return s.Swap(ctx, crypto.PointerHash{}, crypto.Pointer{}) },
		"space":  func() error { _, err := s.Space(ctx); return err },
		"list": func() error {
			for _, err := range s.List(ctx) {
				return err
			}
			return nil
		},
	}
}

// TestHangs: a call to a hung remote returns when its time is over, however many calls were abandoned, and closing does
// not wait for them.
func TestHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hung := &mount{Store: mem.New(), well: make(chan struct{})}
		s := line.Over(hung, remote.Deadlines{}, line.Options{Once: true, Hangs: true, Slots: 4})
		for range 3 {
			for what := range hangingCalls(t.Context(), s) {
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				start := time.Now()
				err := hangingCalls(ctx, s)[what]()
				if !errors.Is(err, remote.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) ||
					time.Since(start) != 2*time.Second {
					t.Errorf("%s: %v after %v", what, err, time.Since(start))
				}
				cancel()
			}
		}
		start := time.Now()
		if err := s.Close(); err != nil || time.Since(start) != remote.Shipped.Close {
			t.Errorf("closing: %v after %v", err, time.Since(start))
		}
		if err := s.Close(); err != nil || time.Since(start) != remote.Shipped.Close {
			t.Errorf("closing again: %v after %v", err, time.Since(start))
		}
		close(hung.well)
		synctest.Wait()
	})
}

// TestSlots: the hung calls are bounded, and when the remote is back all slots are free again.
func TestSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		came := 0
		hung := &mount{Store: mem.New(), well: make(chan struct{})}
		hung.late = func() { came++ }
		s := line.Over(hung, remote.Deadlines{}, line.Options{Once: true, Hangs: true, Slots: 1})
		for range 10 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if _, err := s.Space(ctx); !errors.Is(err, remote.ErrUnavailable) {
				t.Error(err)
			}
			cancel()
		}
		close(hung.well)
		synctest.Wait()
		if came != 1 {
			t.Errorf("%d of ten calls reached the remote, through one slot", came)
		}
		for what, call := range hangingCalls(t.Context(), s) {
			if err := call(); errors.Is(err, remote.ErrUnavailable) {
				t.Errorf("%s, when it is back: %v", what, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestLeftBehind: a call that returns late uses no memory of its caller.
func TestLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := mem.New()
		there, gone := []byte("what is there"), []byte("what was given up")
		if err := inner.Put(t.Context(), crypto.NameOf(there), remote.BytesBody(there)); err != nil {
			t.Fatal(err)
		}
		hung := &mount{Store: inner, well: make(chan struct{})}
		s := line.Over(hung, remote.Deadlines{}, line.Options{Once: true, Hangs: true})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		p := make([]byte, 4)
		if err := s.GetRange(ctx, crypto.NameOf(there), 0, p); !errors.Is(err, remote.ErrUnavailable) {
			t.Error(err)
		}
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		body := remote.BytesBody(gone)
		if err := s.Put(ctx, crypto.NameOf(gone), body); !errors.Is(err, remote.ErrUnavailable) {
			t.Error(err)
		}
		clear(body) // it is the caller's again
		close(hung.well)
		synctest.Wait()
		if string(p) != "\x00\x00\x00\x00" {
			t.Errorf("a slice was written to: %q", p)
		}
		if _, err := s.Stat(t.Context(), crypto.NameOf(gone)); !errors.Is(err, remote.ErrNotFound) {
			t.Errorf("a body was read: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestLinks: a driver can still give a staged file a second name.
func TestLinks(t *testing.T) {
	dir := t.TempDir()
	s, err := disk.Open(filepath.Join(dir, "store"), disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	detached := line.Over(s, remote.Deadlines{}, line.Options{Once: true, Hangs: true})
	body := fileBody(filepath.Join(dir, "staged"))
	if err := os.WriteFile(string(body), []byte("linked"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := detached.Put(t.Context(), crypto.NameOf([]byte("linked")), body); err != nil {
		t.Fatal(err)
	}
	if got, err := detached.Get(t.Context(), crypto.NameOf([]byte("linked"))); err != nil || string(got) != "linked" {
		t.Errorf("%q, %v", got, err)
	}
	if err := detached.Close(); err != nil {
		t.Error(err)
	}
}

// fileBody is a body that can only be linked.
type fileBody string

func (f fileBody) Size() int64                  { return int64(len("linked")) }
func (f fileBody) Open() (io.ReadCloser, error) { return nil, fmt.Errorf("it was read") }
func (f fileBody) LinkTo(path string) error     { return os.Link(string(f), path) }

// TestOpeningHangs: an opening that hangs is abandoned, and a remote that opens too late is closed.
func TestOpeningHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner, well := mem.New(), make(chan struct{})
		open := func(context.Context) (remote.Store, error) { <-well; return inner, nil }
		start := time.Now()
		s, err := line.New(t.Context(), open, remote.Deadlines{Open: time.Second}, line.Options{Hangs: true})
		if s != nil || !errors.Is(err, remote.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) ||
			time.Since(start) != time.Second {
			t.Errorf("%v, %v after %v", s, err, time.Since(start))
		}
		close(well)
		synctest.Wait()
		if _, err := inner.Stat(t.Context(), crypto.BlobName{}); !errors.Is(err, remote.ErrClosed) {
			t.Errorf("it stayed open: %v", err)
		}
		inner = mem.New()
		s, err = line.New(t.Context(), open, remote.Deadlines{}, line.Options{Hangs: true})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Stat(t.Context(), crypto.BlobName{}); !errors.Is(err, remote.ErrNotFound) {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
