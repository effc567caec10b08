package vfstest_test

import (
	"context"
	"errors"
	"io"
	"iter"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/unicode/norm"

	"postern/vfs"
	"postern/vfs/vfstest"
)

// mutants are drives with one fault each, and the part of Run that must detect it. Compare must also detect those with
// compare.
var mutants = map[string]struct {
	of      func(*vfstest.Model) vfs.FS
	part    string
	compare bool
}{
	"listing backwards":  {func(m *vfstest.Model) vfs.FS { return backwards{m} }, "list_is_sorted", true},
	"listing as it goes": {func(m *vfstest.Model) vfs.FS { return live{m} }, "list_is_one_state", false},
	"listing without end": {func(m *vfstest.Model) vfs.FS {
		return talkative{m}
	}, "list_on_what_is_no_folder", true},
	"condition not asked":       {func(m *vfstest.Model) vfs.FS { return careless{m} }, "conditions_are", true},
	"condition asked before":    {func(m *vfstest.Model) vfs.FS { return early{m} }, "compare_and_swap", false},
	"time stands still":         {func(m *vfstest.Model) vfs.FS { return still{m} }, "times_of_files", true},
	"times to the second":       {func(m *vfstest.Model) vfs.FS { return coarse{m} }, "times_of_files", true},
	"abort leaves a file":       {func(m *vfstest.Model) vfs.FS { return litter{m} }, "upload_aborted", true},
	"overwrite keeps a version": {func(m *vfstest.Model) vfs.FS { return frozen{m} }, "overwrite_keeps", true},
	"replaced not reported":     {func(m *vfstest.Model) vfs.FS { return silent{m} }, "move_and_copy", true},
	"move in two steps":         {func(m *vfstest.Model) vfs.FS { return steps{m} }, "moves_are_one_step", false},
	"copy without properties":   {func(m *vfstest.Model) vfs.FS { return bare{m} }, "move_and_copy_keep", true},
	"open follows changes":      {func(m *vfstest.Model) vfs.FS { return follow{m} }, "open_file_is_one_version", true},
	"context forgotten":         {func(m *vfstest.Model) vfs.FS { return timeless{m} }, "context_bounds", false},
	"names normalised":          {func(m *vfstest.Model) vfs.FS { return composed{m} }, "names_equal", true},
	"two kinds at once":         {func(m *vfstest.Model) vfs.FS { return vague{m} }, "stat_tells", true},
}

const mutantEnv = "VFSTEST_MUTANT"

// TestMutant runs a mutant, in a process of its own that TestMutants starts.
func TestMutant(t *testing.T) {
	m, ok := mutants[os.Getenv(mutantEnv)]
	if !ok {
		t.Skip("run by TestMutants")
	}
	t.Run("run", func(t *testing.T) {
		vfstest.Run(t, func(*testing.T) vfs.FS { return m.of(vfstest.NewModel(vfstest.ModelOptions{})) })
	})
	t.Run("compare", func(t *testing.T) {
		vfstest.Compare(t, func(*testing.T) vfstest.Subject {
			return vfstest.Subject{FS: m.of(vfstest.NewModel(vfstest.ModelOptions{}))}
		})
	})
}

// TestMutants shows that each part can fail, and why.
func TestMutants(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, m := range mutants {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestMutant$", "-test.short", "-test.v",
				"-test.timeout=60s",
				"-rapid.nofailfile", "-rapid.shrinktime=1ns", "-rapid.checks=1000")
			cmd.Env = append(os.Environ(), mutantEnv+"="+name)
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) {
				t.Fatalf("the mutant got away, %v:\n%s", err, out)
			}
			if !strings.Contains(string(out), "--- FAIL: TestMutant/run/"+m.part) {
				t.Errorf("the part %s did not find it:\n%s", m.part, out)
			}
			// Compare may find other mutants by chance, too.
			if m.compare && !strings.Contains(string(out), "--- FAIL: TestMutant/compare") {
				t.Errorf("Compare did not find it:\n%s", out)
			}
		})
	}
}

type backwards struct{ *vfstest.Model }

func (b backwards) List(ctx context.Context, path string) iter.Seq2[vfs.Info, error] {
	return func(yield func(vfs.Info, error) bool) {
		var all []vfs.Info
		for info, err := range b.Model.List(ctx, path) {
			if err != nil {
				yield(info, err)
				return
			}
			all = append(all, info)
		}
		for _, info := range slices.Backward(all) {
			if !yield(info, nil) {
				return
			}
		}
	}
}

type live struct{ *vfstest.Model }

func (l live) List(ctx context.Context, path string) iter.Seq2[vfs.Info, error] {
	return func(yield func(vfs.Info, error) bool) {
		last := ""
		for more := true; more; {
			more = false
			for info, err := range l.Model.List(ctx, path) {
				if err != nil {
					yield(info, err)
					return
				}
				if key := norm.NFC.String(info.Name); key > last {
					last, more = key, true
					if !yield(info, nil) {
						return
					}
					break
				}
			}
		}
	}
}

type talkative struct{ *vfstest.Model }

func (l talkative) List(ctx context.Context, path string) iter.Seq2[vfs.Info, error] {
	return func(yield func(vfs.Info, error) bool) {
		for info, err := range l.Model.List(ctx, path) {
			if !yield(info, err) || err != nil && !yield(info, nil) {
				return
			}
		}
	}
}

// uploads wraps the upload of Create.
func uploads(ctx context.Context, m *vfstest.Model, path string, wrap func(vfs.Upload) vfs.Upload) (vfs.Upload, error) {
	u, err := m.Create(ctx, path)
	if err != nil {
		return nil, err
	}
	return wrap(u), nil
}

// uploader is an upload with another Commit.
type uploader struct {
	vfs.Upload
	commit func(context.Context, vfs.CommitOptions) (vfs.Info, bool, error)
}

func (u uploader) Commit(ctx context.Context, o vfs.CommitOptions) (vfs.Info, bool, error) {
	return u.commit(ctx, o)
}

type careless struct{ *vfstest.Model }

func (c careless) Create(ctx context.Context, path string) (vfs.Upload, error) {
	return uploads(ctx, c.Model, path, func(u vfs.Upload) vfs.Upload {
		return uploader{u, func(ctx context.Context, o vfs.CommitOptions) (vfs.Info, bool, error) {
			o.Cond = nil
			return u.Commit(ctx, o)
		}}
	})
}

type early struct{ *vfstest.Model }

func (e early) Create(ctx context.Context, path string) (vfs.Upload, error) {
	return uploads(ctx, e.Model, path, func(u vfs.Upload) vfs.Upload {
		return uploader{u, func(ctx context.Context, o vfs.CommitOptions) (vfs.Info, bool, error) {
			if o.Cond != nil {
				if err := o.Cond(ctx, e.Model); err != nil {
					u.Abort()
					return vfs.Info{}, false, err
				}
				<-time.After(time.Millisecond) // so that another change always comes between
			}
			o.Cond = nil
			return u.Commit(ctx, o)
		}}
	})
}

type still struct{ *vfstest.Model }

func (s still) Create(ctx context.Context, path string) (vfs.Upload, error) {
	return uploads(ctx, s.Model, path, func(u vfs.Upload) vfs.Upload {
		return uploader{u, func(ctx context.Context, o vfs.CommitOptions) (vfs.Info, bool, error) {
			if o.Modified.IsZero() {
				o.Modified = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			}
			return u.Commit(ctx, o)
		}}
	})
}

type coarse struct{ *vfstest.Model }

func (c coarse) Create(ctx context.Context, path string) (vfs.Upload, error) {
	return uploads(ctx, c.Model, path, func(u vfs.Upload) vfs.Upload {
		return uploader{u, func(ctx context.Context, o vfs.CommitOptions) (vfs.Info, bool, error) {
			o.Modified = o.Modified.Truncate(time.Second)
			return u.Commit(ctx, o)
		}}
	})
}

type litter struct{ *vfstest.Model }

func (l litter) Create(ctx context.Context, path string) (vfs.Upload, error) {
	return uploads(ctx, l.Model, path, func(u vfs.Upload) vfs.Upload { return leftover{u} })
}

type leftover struct{ vfs.Upload }

func (l leftover) Abort() {
	_, _, _ = l.Commit(context.Background(), vfs.CommitOptions{}) // the fault
}

// frozen returns the version of the first file for every file.
type frozen struct{ *vfstest.Model }

func (f frozen) Stat(ctx context.Context, path string) (vfs.Info, error) {
	info, err := f.Model.Stat(ctx, path)
	return f.fix(info), err
}

func (f frozen) fix(info vfs.Info) vfs.Info {
	if !info.Folder && info.Version != (vfs.Version{}) {
		info.Version = vfs.Version{1}
	}
	return info
}

func (f frozen) Create(ctx context.Context, path string) (vfs.Upload, error) {
	return uploads(ctx, f.Model, path, func(u vfs.Upload) vfs.Upload {
		return uploader{u, func(ctx context.Context, o vfs.CommitOptions) (vfs.Info, bool, error) {
			info, replaced, err := u.Commit(ctx, o)
			return f.fix(info), replaced, err
		}}
	})
}

type silent struct{ *vfstest.Model }

func (s silent) Move(ctx context.Context, from, to string, o vfs.CopyOptions) (bool, error) {
	_, err := s.Model.Move(ctx, from, to, o)
	return false, err
}

type steps struct{ *vfstest.Model }

func (s steps) Move(ctx context.Context, from, to string, o vfs.CopyOptions) (bool, error) {
	if strings.HasPrefix(to, from+"/") {
		return s.Model.Move(ctx, from, to, o)
	}
	if info, err := s.Stat(ctx, to); err == nil && info.Name != to[strings.LastIndex(to, "/")+1:] {
		return s.Model.Move(ctx, from, to, o)
	}
	replaced, err := s.Copy(ctx, from, to, o)
	if err != nil {
		return s.Model.Move(ctx, from, to, o)
	}
	<-time.After(time.Millisecond) // so that another read always comes between
	return replaced, s.Remove(ctx, from, nil)
}

type bare struct{ *vfstest.Model }

func (b bare) Copy(ctx context.Context, from, to string, o vfs.CopyOptions) (bool, error) {
	replaced, err := b.Model.Copy(ctx, from, to, o)
	if err != nil {
		return replaced, err
	}
	info, err := b.Stat(ctx, to)
	var p vfs.Patch
	for _, prop := range info.Properties {
		p.Remove = append(p.Remove, prop.Name)
	}
	return replaced, errors.Join(err, b.Patch(ctx, to, p, nil))
}

type follow struct{ *vfstest.Model }

func (f follow) Open(ctx context.Context, path string) (vfs.File, error) {
	file, err := f.Model.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	return &following{File: file, fs: f.Model, path: path, ctx: ctx}, nil
}

// following reads the current file at its path.
type following struct {
	vfs.File
	fs   *vfstest.Model
	path string
	ctx  context.Context
}

func (f *following) renew() {
	at, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return
	}
	if file, err := f.fs.Open(f.ctx, f.path); err == nil {
		_, _ = file.Seek(at, io.SeekStart) // never fails
		f.File = file
	}
}

func (f *following) Read(p []byte) (int, error) {
	f.renew()
	return f.File.Read(p)
}

func (f *following) WriteNTo(w io.Writer, n int64) (int64, error) {
	f.renew()
	return f.File.WriteNTo(w, n)
}

type timeless struct{ *vfstest.Model }

func (l timeless) Open(ctx context.Context, path string) (vfs.File, error) {
	return l.Model.Open(context.WithoutCancel(ctx), path)
}

type composed struct{ *vfstest.Model }

func (c composed) Create(ctx context.Context, path string) (vfs.Upload, error) {
	return c.Model.Create(ctx, norm.NFC.String(path))
}

func (c composed) Mkdir(ctx context.Context, path string, cond vfs.Cond) error {
	return c.Model.Mkdir(ctx, norm.NFC.String(path), cond)
}

type vague struct{ *vfstest.Model }

func (v vague) Stat(ctx context.Context, path string) (vfs.Info, error) {
	info, err := v.Model.Stat(ctx, path)
	if errors.Is(err, vfs.ErrNotFolder) {
		err = errors.Join(err, vfs.ErrNotExist)
	}
	return info, err
}
