package namespace

import (
	"context"
	"errors"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"postern/vfs"
)

// gated is a file system whose calls wait at a gate, whatever their context, and then may fail.
type gated struct {
	vfs.FS
	gate chan struct{} // closed: open
	err  error
}

func (g *gated) pass() error {
	<-g.gate
	return g.err
}

func (g *gated) Stat(ctx context.Context, path string) (vfs.Info, error) {
	if err := g.pass(); err != nil {
		return vfs.Info{}, err
	}
	return g.FS.Stat(ctx, path)
}

func (g *gated) List(ctx context.Context, path string) iter.Seq2[vfs.Info, error] {
	return func(yield func(vfs.Info, error) bool) {
		if err := g.pass(); err != nil {
			yield(vfs.Info{}, err)
			return
		}
		g.FS.List(ctx, path)(yield)
	}
}

func (g *gated) Usage(ctx context.Context, path string, want int64) (vfs.Usage, error) {
	if err := g.pass(); err != nil {
		return vfs.Usage{}, err
	}
	return g.FS.Usage(ctx, path, want)
}

// around makes all calls that show a mount at /files/bad, /bad or /shared/bad from outside. None of them may fail.
func around(t *testing.T, d *Drive) {
	t.Helper()
	ctx := t.Context()
	wantNames(t, d, "/", "bad/ files/ shared/")
	wantNames(t, d, "/files", "bad/ f")
	wantNames(t, d, "/shared", "bad/ good/")
	for _, path := range []string{"/", "/files", "/files/f", "/shared", "/shared/good"} {
		if _, err := d.Stat(ctx, path); err != nil {
			t.Errorf("stat %s: %v", path, err)
		}
		if u, err := d.Usage(ctx, path, 0); err != nil || u.Used > 1 {
			t.Errorf("usage of %s: %+v, %v", path, u, err)
		}
	}
	put(t, d, "/files/f", "F")
	must(t, d.Mkdir(ctx, "/shared/good/x", func(ctx context.Context, at vfs.Stater) error {
		if _, err := at.Stat(ctx, "/"); err != nil {
			t.Errorf("a condition sees the root: %v", err)
		}
		if _, err := at.Stat(ctx, "/shared/bad/x"); !errors.Is(err, vfs.ErrUnavailable) {
			t.Errorf("a condition sees what can't be reached: %v", err)
		}
		return nil
	}))
	must(t, d.Remove(ctx, "/shared/good/x", nil))
}

func listed(t *testing.T, d *Drive, path, name string) vfs.Info {
	t.Helper()
	for info, err := range d.List(t.Context(), path) {
		must(t, err)
		if info.Name == name {
			return info
		}
	}
	t.Fatalf("%s does not list %s", path, name)
	return vfs.Info{}
}

// TestHangingMount checks that a mount that never answers delays calls around it by at most the patience, and only
// once. It is listed with the time of mounting until its info is known, and afterwards with the last known info.
func TestHangingMount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const patience = 100 * time.Millisecond
		bad := &gated{FS: newSpace(), gate: make(chan struct{})}
		put(t, bad, "/f", "12345")
		d := New(Options{Patience: patience, Clock: func() time.Time { return mounted }},
			map[string]vfs.FS{"/files": newSpace(), "/shared": Folder(mounted)})
		put(t, d, "/files/f", "F")
		must(t, d.Mount("/shared/good", newSpace()))
		for _, path := range []string{"/bad", "/files/bad", "/shared/bad"} {
			must(t, d.Mount(path, bad))
		}
		began := time.Now()
		around(t, d)
		// Calls wait once for each of the three, once for the usage at the top, and the conditions look at one of them.
		if took := time.Since(began); took > 5*patience {
			t.Errorf("it took %v", took)
		}
		began = time.Now()
		for range 100 {
			wantNames(t, d, "/files", "bad/ f")
		}
		if took := time.Since(began); took > 0 {
			t.Errorf("what was waited for in vain is waited for again, %v", took)
		}
		if info := listed(t, d, "/files", "bad"); !info.Folder || !info.ReadOnly || !info.Modified.Equal(mounted) {
			t.Errorf("before anything is known it is listed as %+v", info)
		}

		close(bad.gate)
		synctest.Wait()
		if info := listed(t, d, "/files", "bad"); info.ReadOnly || info.Size != 5 || info.Modified.Equal(mounted) {
			t.Errorf("once it answers it is listed as %+v", info)
		}
		bad.gate, bad.err = make(chan struct{}), nil
		if info := listed(t, d, "/shared", "bad"); info.Size != 5 {
			t.Errorf("later it is listed as %+v", info)
		}
		close(bad.gate)
	})
}

// TestFailingMount checks that an unreachable mount returns ErrUnavailable, and changes nothing around it.
func TestFailingMount(t *testing.T) {
	open := make(chan struct{})
	close(open)
	bad := &gated{FS: newSpace(), gate: open, err: &vfs.Error{Op: "fetch", Path: "/", Kind: vfs.ErrUnavailable}}
	d, ctx := New(Options{}, map[string]vfs.FS{"/files": newSpace(), "/shared": Folder(mounted)}), t.Context()
	put(t, d, "/files/f", "F")
	must(t, d.Mount("/shared/good", newSpace()))
	for _, path := range []string{"/bad", "/files/bad", "/shared/bad"} {
		must(t, d.Mount(path, bad))
	}
	around(t, d)
	for _, path := range []string{"/bad", "/files/bad", "/shared/bad"} {
		_, err := d.Stat(ctx, path)
		wantKind(t, path, err, vfs.ErrUnavailable)
		wantPath(t, err, path)
		for _, err := range d.List(ctx, path) {
			wantKind(t, "list "+path, err, vfs.ErrUnavailable)
		}
		_, err = d.Usage(ctx, path, 0)
		wantKind(t, "usage of "+path, err, vfs.ErrUnavailable)
	}
}

// TestListingEndsWithItsContext checks that a listing stops waiting for mounts once its own request is over.
func TestListingEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := &gated{FS: newSpace(), gate: make(chan struct{})}
		d := New(Options{Patience: time.Hour}, map[string]vfs.FS{"/bad": bad})
		ctx, cancel := context.WithCancel(t.Context())
		go cancel()
		began := time.Now()
		for info, err := range d.List(ctx, "/") {
			if err == nil && info.Name != "bad" {
				t.Errorf("listed %+v", info)
			}
		}
		if took := time.Since(began); took > 0 {
			t.Errorf("it took %v", took)
		}
		close(bad.gate)
	})
}
