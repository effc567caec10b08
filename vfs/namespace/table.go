package namespace

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"postern/vfs"
)

// table is an immutable set of mounts, and the drive they form.
type table struct {
	o      Options
	root   *mount              // an empty folder, for paths in no other mount
	at     map[string]*mount   // by key of the path, without the root
	inside map[string][]*mount // by key of the parent folder, in the order of listings
	above  map[string]bool     // keys of all folders that contain a mount, at any depth
	depth  int                 // names in the longest path
}

var _ vfs.FS = (*table)(nil)

// mount is a file system at a path.
type mount struct {
	path  string // "/" for the root
	name  string // the last element of its path, in the form in which it was mounted
	fs    vfs.FS
	since time.Time
	inner bool            // it is in the tree of another mount, and belongs to one call
	file  string          // of an inner mount that stands for one file: the path of that
	info  asked[vfs.Info] // of its folder
	usage asked[vfs.Usage]
}

func newMount(path string, fs vfs.FS, since time.Time) *mount {
	return &mount{path: path, name: path[strings.LastIndexByte(path, '/')+1:], fs: fs, since: since}
}

// key returns the same string for all forms of a path.
func key(path string) string { return norm.NFC.String(path) }

// parentOf returns the parent folder of a path.
func parentOf(path string) string {
	if i := strings.LastIndexByte(path, '/'); i > 0 {
		return path[:i]
	}
	return "/"
}

// validPath reports whether a path is valid for a mount.
func validPath(path string) bool {
	names, ok := strings.CutPrefix(path, "/")
	if !ok {
		return false
	}
	for name := range strings.SplitSeq(names, "/") {
		if name == "" || name == "." || name == ".." || len(name) > vfs.MaxName || strings.ContainsRune(name, 0) {
			return false
		}
	}
	return true
}

func newTable(o Options, mounts map[string]*mount) *table {
	root := newMount("/", Folder(o.Made), o.Made)
	t := &table{o: o, root: root, at: mounts, inside: map[string][]*mount{}, above: map[string]bool{}}
	for _, at := range slices.Sorted(maps.Keys(mounts)) {
		folder := parentOf(at)
		t.inside[folder] = append(t.inside[folder], mounts[at])
		t.depth = max(t.depth, strings.Count(at, "/"))
		for ; !t.above[folder]; folder = parentOf(folder) {
			t.above[folder] = true
		}
	}
	return t
}

func (t *table) copyMounts() map[string]*mount { return maps.Clone(t.at) }

// place is where a path leads: a mount and the path within it.
type place struct {
	*mount
	within string   // "/" for the mount itself
	entry  *Mounted // the mount in the tree of fs that lies there, from outside; else nil
}

// resolve finds the mount with the longest path that path lies at or below.
func (t *table) resolve(path string) place {
	found, end := t.root, 0
	for next, n := 1, 0; next < len(path) && n < t.depth; n++ {
		until := len(path)
		if i := strings.IndexByte(path[next:], '/'); i >= 0 {
			until = next + i
		}
		if m := t.at[key(path[:until])]; m != nil {
			found, end = m, until
		}
		next = until + 1
	}
	if end == len(path) {
		return place{mount: found, within: "/"}
	}
	return place{mount: found, within: path[end:]}
}

// spans returns the mounts that hold what lies at and below a path.
func (t *table) spans(path string) (all []Span) {
	if p := t.resolve(path); p.mount != t.root {
		all = append(all, Span{p.path, p.fs, p.within})
	}
	folder := key(path)
	if !t.above[folder] {
		return all
	}
	folder = strings.TrimSuffix(folder, "/") + "/"
	for _, at := range slices.Sorted(maps.Keys(t.at)) {
		if strings.HasPrefix(at, folder) {
			all = append(all, Span{t.at[at].path, t.at[at].fs, "/"})
		}
	}
	return all
}

// isMount reports whether the place is a mounted folder itself, or the root.
func (p place) isMount() bool { return p.within == "/" }

// isFixed reports whether the place is the folder of a mount that no tree holds, or the root: it can't be changed.
func (p place) isFixed() bool { return p.isMount() && !p.inner }

// isRoot reports whether the place is the drive's root.
func (p place) isRoot() bool { return p.isFixed() && p.path == "/" }

// full returns the drive's path for a path within the mount.
func (p place) full(within string) string {
	if p.file != "" {
		if within, ok := strings.CutPrefix(within, p.file); ok {
			return p.path + within
		}
	}
	switch {
	case p.path == "/":
		return within
	case within == "/":
		return p.path
	}
	return p.path + within
}

// passed is a condition's own error on its way through a mount. Its paths are the drive's already.
type passed struct{ error }

// named rewrites an error of the mount to the drive's path.
func (p place) named(err error) error {
	if err == nil {
		return nil
	}
	var own passed
	if errors.As(err, &own) {
		return own.error
	}
	var e *vfs.Error
	if !errors.As(err, &e) {
		return err
	}
	moved := *e
	moved.Path = p.full(e.Path)
	return &moved
}
