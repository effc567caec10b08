package pin

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"postern/vfs"
)

// TestFile: a saved list loads again, whatever the names.
func TestFile(t *testing.T) {
	folder := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		f := File{filepath.Join(folder, "pins"), rapid.SampledFrom([]string{"", "/f", "/f/g"}).Draw(t, "folder")}
		name := rapid.StringMatching(`[^/\x00]{1,20}`).Filter(func(s string) bool { return s != "." && s != ".." })
		var want []string
		for _, names := range rapid.SliceOf(rapid.SliceOfN(name, 1, 3)).Draw(t, "paths") {
			want = append(want, "/"+strings.Join(names, "/"))
		}
		if err := f.Save(want); err != nil {
			t.Fatal(err)
		}
		if got, err := f.Load(); err != nil || !slices.Equal(got, want) {
			t.Fatalf("%q came back as %q, %v", want, got, err)
		}
	})
	left, err := os.ReadDir(folder)
	if err != nil || len(left) != 1 {
		t.Errorf("%d files are left, %v", len(left), err)
	}
}

// TestFileOfBefore: a list from before other spaces could be pinned is read, and its form stays while it suffices.
func TestFileOfBefore(t *testing.T) {
	f := File{filepath.Join(t.TempDir(), "pins"), "/files"}
	for text, want := range map[string][]string{
		`["/","/a/b","/files","/shared/x"]`: {"/files", "/files/a/b", "/files/files", "/files/shared/x"},
		`["/../shared/bob","/..x","/a"]`:    {"/shared/bob", "/files/..x", "/files/a"},
	} {
		if err := os.WriteFile(f.Name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := f.Load()
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s is read as %q, %v", text, got, err)
		}
		if err := f.Save(got); err != nil {
			t.Fatal(err)
		}
		var saved bytes.Buffer
		b, err := os.ReadFile(f.Name)
		if err = errors.Join(err, json.Compact(&saved, b)); err != nil || saved.String() != text {
			t.Errorf("%s is saved as %s, %v", text, saved.String(), err)
		}
	}
	for _, text := range []string{`["/../a/../b"]`, `["/../../b"]`} {
		if err := os.WriteFile(f.Name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if paths, err := f.Load(); err == nil {
			t.Errorf("%s is read as %q", text, paths)
		}
	}
}

func TestFileRefuses(t *testing.T) {
	at := filepath.Join(t.TempDir(), "pins")
	f := File{Name: at}
	if paths, err := f.Load(); err != nil || len(paths) > 0 {
		t.Errorf("no file: %q, %v", paths, err)
	}
	for _, text := range []string{"", "{}", `["a"]`, `["/a/"]`, `["/../b"]`, `[""]`, `["/a", 7]`} {
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if paths, err := f.Load(); err == nil || !strings.Contains(err.Error(), at) {
			t.Errorf("%s is read as %q, %v", text, paths, err)
		}
		if _, err := New(Options{Paths: f}); err == nil {
			t.Errorf("%s: a Pinner was made", text)
		}
	}
	if err := (File{Name: filepath.Join(at, "below a file")}).Save(nil); err == nil {
		t.Error("a list was saved below a file")
	}
}

func TestValid(t *testing.T) {
	for path, ok := range map[string]bool{
		"/": true, "/a": true, "/a/b c/ü": true,
		"": false, "a": false, "/a/": false, "//": false, "/a//b": false, "/a/../b": false, "/.": false, "/a\x00": false,
		"/\xff": false,
	} {
		if err := valid(path); (err == nil) != ok || err != nil && !errors.Is(err, vfs.ErrInvalid) {
			t.Errorf("%q: %v", path, err)
		}
	}
}
