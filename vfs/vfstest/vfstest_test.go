package vfstest_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"postern/vfs"
	"postern/vfs/vfstest"
)

func TestModelKeepsTheContract(t *testing.T) {
	vfstest.Run(t, func(*testing.T) vfs.FS { return vfstest.NewModel(vfstest.ModelOptions{}) })
}

func TestModelComparesWithItself(t *testing.T) {
	vfstest.Compare(t, func(*testing.T) vfstest.Subject {
		m := vfstest.NewModel(vfstest.ModelOptions{})
		return vfstest.Subject{FS: m, Reopen: func() (vfs.FS, error) { return m, nil }}
	})
}

func put(m *vfstest.Model, path, data string) error {
	up, err := m.Create(context.Background(), path)
	if err != nil {
		return err
	}
	defer up.Abort()
	if _, err := up.Write([]byte(data)); err != nil {
		return err
	}
	_, _, err = up.Commit(context.Background(), vfs.CommitOptions{})
	return err
}

func TestModelLimit(t *testing.T) {
	m := vfstest.NewModel(vfstest.ModelOptions{Limit: 10})
	ctx := t.Context()
	for _, step := range []struct {
		path, data string
		want       error
	}{
		{"/files/a", "123456", nil}, {"/files/b", "12345", vfs.ErrFull}, {"/files/b", "1234", nil},
		{"/files/a", "1234567", vfs.ErrFull}, {"/files/a", "12345", nil}, {"/files/c", "12345678901", vfs.ErrFull},
	} {
		if err := put(m, step.path, step.data); !errors.Is(err, step.want) {
			t.Errorf("%d bytes to %s: %v, want %v", len(step.data), step.path, err, step.want)
		}
	}
	if u, err := m.Usage(ctx, "/files", 0); err != nil || u != (vfs.Usage{Used: 9, Available: 1}) {
		t.Errorf("usage is %+v, %v", u, err)
	}
	if u, err := vfstest.NewModel(vfstest.ModelOptions{}).Usage(ctx, "/files", 0); err != nil ||
		u != (vfs.Usage{Used: 0, Available: -1}) {
		t.Errorf("usage without a limit is %+v, %v", u, err)
	}
}

// TestModelFail: an operation that is made to fail changes nothing, and Fail gets its name.
func TestModelFail(t *testing.T) {
	var failing string
	asked := map[string]bool{}
	m := vfstest.NewModel(vfstest.ModelOptions{Fail: func(op, _ string) error {
		asked[op] = true
		if op == failing {
			return vfs.ErrUnavailable
		}
		return nil
	}})
	ctx := t.Context()
	if err := put(m, "/files/a", "A"); err != nil {
		t.Fatal(err)
	}
	ops := map[string]func() error{
		"stat":   func() error { _, err := m.Stat(ctx, "/files/a"); return err },
		"create": func() error { return put(m, "/files/b", "B") },
		"write":  func() error { return put(m, "/files/b", "B") },
		"commit": func() error { return put(m, "/files/b", "B") },
		"mkdir":  func() error { return m.Mkdir(ctx, "/files/b", nil) },
		"remove": func() error { return m.Remove(ctx, "/files/a", nil) },
		"move":   func() error { _, err := m.Move(ctx, "/files/a", "/files/b", vfs.CopyOptions{}); return err },
		"copy":   func() error { _, err := m.Copy(ctx, "/files/a", "/files/b", vfs.CopyOptions{}); return err },
		"patch":  func() error { return m.Patch(ctx, "/files/a", vfs.Patch{Modified: time.Unix(1, 0)}, nil) },
		"usage":  func() error { _, err := m.Usage(ctx, "/files", 0); return err },
		"open":   func() error { _, err := m.Open(ctx, "/files/a"); return err },
		"read": func() error {
			f, err := m.Open(ctx, "/files/a")
			if err == nil {
				_, err = io.ReadAll(f)
			}
			return err
		},
		"list": func() error {
			for _, err := range m.List(ctx, "/files") {
				return err
			}
			return nil
		},
	}
	for op, do := range ops {
		failing = op
		if err := do(); !errors.Is(err, vfs.ErrUnavailable) || !asked[op] {
			t.Errorf("%s: %v, asked %v", op, err, asked[op])
		}
		failing = ""
		n := 0
		for info, err := range m.List(ctx, "/files") {
			if n++; err != nil || info.Name != "a" || info.Modified.Unix() == 1 {
				t.Errorf("after %s failed: %+v, %v", op, info, err)
			}
		}
		if n != 1 {
			t.Errorf("after %s failed /files holds %d", op, n)
		}
	}
}

func TestModelReadOnlyFolders(t *testing.T) {
	m := vfstest.NewModel(vfstest.ModelOptions{})
	ctx := t.Context()
	if err := errors.Join(m.Root("shared"), m.Mkdir(ctx, "/shared/bob", nil), put(m, "/shared/bob/f", "F"),
		m.Freeze("/shared")); err != nil {
		t.Fatal(err)
	}
	if err := m.Root("shared"); !errors.Is(err, vfs.ErrExist) {
		t.Errorf("a root folder made twice: %v", err)
	}
	if err := m.Root("a/b"); !errors.Is(err, vfs.ErrName) {
		t.Errorf("a root folder with a bad name: %v", err)
	}
	if err := m.Freeze("/none"); !errors.Is(err, vfs.ErrNotExist) {
		t.Errorf("freezing nothing: %v", err)
	}
	_, moveErr := m.Move(ctx, "/shared/bob/f", "/files/f", vfs.CopyOptions{})
	_, overErr := m.Copy(ctx, "/shared/bob", "/shared/bob2", vfs.CopyOptions{})
	for i, err := range []error{
		put(m, "/shared/bob/f", "G"), put(m, "/shared/bob/g", "G"), m.Mkdir(ctx, "/shared/x", nil),
		m.Remove(ctx, "/shared/bob/f", nil),
		m.Patch(ctx, "/shared/bob", vfs.Patch{Modified: time.Unix(1, 0)}, nil), moveErr, overErr,
	} {
		if !errors.Is(err, vfs.ErrReadOnly) {
			t.Errorf("change %d of a frozen folder: %v", i, err)
		}
	}
	if info, err := m.Stat(ctx, "/shared/bob/f"); err != nil || !info.ReadOnly {
		t.Errorf("a frozen file is %+v, %v", info, err)
	}
	if _, err := m.Copy(ctx, "/shared/bob", "/files/bob", vfs.CopyOptions{}); err != nil {
		t.Error(err)
	}
	if err := put(m, "/files/bob/f", "mine now"); err != nil {
		t.Errorf("the copy of a frozen folder can't be written: %v", err)
	}
}

// TestModelInjected: clock and versions come from the options.
func TestModelInjected(t *testing.T) {
	now := time.Date(2026, 11, 20, 9, 15, 0, 5, time.UTC)
	m := vfstest.NewModel(vfstest.ModelOptions{
		Clock: func() time.Time { return now }, Version: func() vfs.Version { return vfs.Version{9} },
	})
	if err := put(m, "/files/a", "A"); err != nil {
		t.Fatal(err)
	}
	if info, err := m.Stat(t.Context(), "/files/a"); err != nil || !info.Modified.Equal(now) ||
		info.ETag() != `"09000000000000000000000000000000"` {
		t.Errorf("the file is %+v, %v", info, err)
	}
}
