package home

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"testing"

	"postern/crypto/alloctest"
)

func openUploads(t *testing.T, h Home) *Uploads {
	t.Helper()
	u, err := h.OpenUploads()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = u.Close() })
	return u
}

// TestUploads: the next Uploads returns the unfinished uploads of the last one, once, and ignores a truncated note.
func TestUploads(t *testing.T) {
	h := Home(t.TempDir())
	u := openUploads(t, h)
	if left := u.Left(); len(left) != 0 {
		t.Fatalf("at first %q are left", left)
	}
	for _, note := range []string{"whole", "killed\nü", "twice", "twice", "killed too"} {
		if err := u.Begin(note); err != nil {
			t.Fatal(err)
		}
	}
	for _, note := range []string{"twice", "whole"} {
		if err := u.End(note); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := u.file.WriteString(`+ "cut`); err != nil {
		t.Fatal(err)
	}
	if left := openUploads(t, h).Left(); !slices.Equal(left, []string{"killed\nü", "killed too"}) {
		t.Errorf("%q are left", left)
	}
	u = openUploads(t, h)
	if left := u.Left(); len(left) != 0 {
		t.Errorf("%q are left once more", left)
	}
	if err := u.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(h.Uploads()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file of nothing stays: %v", err)
	}
}

// TestUploadsStaySmall, as many as there are, and forget nothing that is under way.
func TestUploadsStaySmall(t *testing.T) {
	h := Home(t.TempDir())
	u := openUploads(t, h)
	if err := u.Begin("long"); err != nil {
		t.Fatal(err)
	}
	for i := range 5000 {
		note := fmt.Sprintf("a note of the ordinary length %d", i)
		if err := u.Begin(note); err != nil {
			t.Fatal(err)
		}
		if err := u.End(note); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(h.Uploads())
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > 2*maxUploadsFile {
		t.Errorf("the file has %d bytes", info.Size())
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the file is for others: %v", info.Mode())
	}
	if left := openUploads(t, h).Left(); !slices.Equal(left, []string{"long"}) {
		t.Errorf("%q are left", left)
	}
}

// FuzzUploads: whatever the file contains, the uploads read from it are read again after they are noted anew.
func FuzzUploads(f *testing.F) {
	for _, s := range []string{"+ \"a\"\n", "+ \"a\"\n- \"a\"\n", "- \"a\"\n+ \"b\\n\"\n+ \"cut", "+\n", "\n\n",
		"+ `raw`\n", "* \"a\"\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		alloctest.Check(t, len(text), func() {
			for _, note := range unfinished(text) {
				if got := unfinished(begun + " " + strconv.Quote(note) + "\n"); !slices.Equal(got, []string{note}) {
					t.Errorf("%q is read as %q", note, got)
				}
				if got := unfinished(text + "\n" + ended + " " + strconv.Quote(note) + "\n"); slices.Contains(got, note) {
					t.Errorf("%q has no end in %q", note, text)
				}
			}
		})
	})
}
