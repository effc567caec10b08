package layout

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestCutFiles(t *testing.T) {
	for path, want := range map[string]struct {
		within string
		ok     bool
	}{
		"/files": {"", true}, "/files/a": {"/a", true}, "/files/a/b": {"/a/b", true}, "/": {"", false}, "": {"", false},
		"/filesystem": {"", false}, "/history/x/files": {"", false}, "files/a": {"", false},
	} {
		if within, ok := CutFiles(path); ok != want.ok || ok && within != want.within {
			t.Errorf("%s is cut to %q, %v", path, within, ok)
		}
	}
}

func TestCutState(t *testing.T) {
	for path, want := range map[string][2]string{
		"/history/s": {"s", ""}, "/history/s/a": {"s", "/a"}, "/history/s/a/b": {"s", "/a/b"},
		"/history": {}, "/history/": {}, "/history//a": {}, "/historic/s": {}, "/files/history/s": {}, "/": {}, "": {},
	} {
		state, within, ok := CutState(path)
		if ok != (want[0] != "") || ok && (state != want[0] || within != want[1]) {
			t.Errorf("%s is cut to %q, %q, %v", path, state, within, ok)
		}
		if ok && InState(state, within) != path {
			t.Errorf("%s comes back as %s", path, InState(state, within))
		}
	}
}

func TestStateNames(t *testing.T) {
	at := time.Date(2026, 11, 20, 10, 15, 7, 999, time.FixedZone("", 3600))
	name := StateName(at)
	if name != "2026-11-20 09.15.07" {
		t.Errorf("the name is %q", name)
	}
	if back, ok := StateTime(name); !ok || !back.Equal(at.Truncate(time.Second)) {
		t.Errorf("%q stands for %v", name, back)
	}
	if _, ok := StateTime("kept by hand"); ok {
		t.Error("any name is a time")
	}
}

func TestClean(t *testing.T) {
	for path, want := range map[string]string{"/": "/", "": "", "/files/": "/files", "/files/a//": "/files/a",
		"/files": "/files", "//": "/"} {
		if got := Clean(path); got != want {
			t.Errorf("%q is cleaned to %q", path, got)
		}
	}
}

func TestFolders(t *testing.T) {
	all := Folders()
	if !slices.IsSortedFunc(all, func(a, b Folder) int { return strings.Compare(a.Path, b.Path) }) {
		t.Error("the folders are not sorted")
	}
	for _, f := range all {
		if strings.LastIndexByte(f.Path, '/') != 0 || !strings.HasSuffix(f.About, ".") || f.ReadOnly == (f.Path == Files) ||
			f.Empty != "" && !strings.HasSuffix(f.Empty, ".") {
			t.Errorf("%+v is wrong", f)
		}
	}
}
