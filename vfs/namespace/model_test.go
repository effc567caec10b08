package namespace

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"postern/vfs"
	"postern/vfs/vfstest"
)

// world is a drive with mounts that come and go, beside a plain model in which a mount is an ordinary folder: mounting
// moves the folder in and what it hides aside, unmounting moves both back.
type world struct {
	t      *rapid.T
	drive  *Drive
	spaces []vfs.FS
	plain  *vfstest.Model
	mounts map[string]int    // index of the mounted space, by key
	hidden map[string]string // by key of the mount: the path that it hides, in its own form
}

const worldSpaces = 4

// newWorld makes a world. Its spaces move and copy between each other as one change, or by the bytes if they are apart.
func newWorld(t *rapid.T, apart bool) *world {
	w := &world{t: t, plain: vfstest.NewModel(vfstest.ModelOptions{}), mounts: map[string]int{},
		hidden: map[string]string{}}
	back := vfstest.NewModel(vfstest.ModelOptions{})
	space := func(name string) vfs.FS {
		if apart {
			back = vfstest.NewModel(vfstest.ModelOptions{})
		}
		if name != "files" { // which each model has
			w.must(back.Root(name))
		}
		if apart {
			return view{back, "/" + name}
		}
		return member{view{back, "/" + name}}
	}
	for i := range worldSpaces {
		w.spaces = append(w.spaces, space(fmt.Sprint(i)))
	}
	for _, name := range []string{"shared", "away", "aside"} {
		w.must(w.plain.Root(name))
	}
	for i := range worldSpaces {
		w.must(w.plain.Mkdir(w.ctx(), fmt.Sprintf("/away/%d", i), nil))
	}
	w.drive = New(Options{}, map[string]vfs.FS{"/files": space("files"), "/shared": Folder(mounted)})
	return w
}

func (w *world) ctx() context.Context { return w.t.Context() }

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("unexpected error: %v", err)
	}
}

// isMount reports whether a path is a mounted folder.
func (w *world) isMount(path string) bool {
	_, ok := w.mounts[key(path)]
	return ok || path == "/files" || path == "/shared"
}

// holds reports whether a mount lies below a path.
func (w *world) holds(path string) bool {
	for at := range w.mounts {
		if strings.HasPrefix(at, key(path)+"/") {
			return true
		}
	}
	return false
}

// fixed reports whether a path can't be changed, whatever is there.
func (w *world) fixed(path string) bool { return w.isMount(path) || parentOf(path) == "/shared" }

// paths returns all paths of the plain model that the drive shows.
func (w *world) paths() []string {
	all := []string{"/files", "/shared"}
	for i := 0; i < len(all); i++ {
		if info, err := w.plain.Stat(w.ctx(), all[i]); err != nil || !info.Folder {
			continue
		}
		for info, err := range w.plain.List(w.ctx(), all[i]) {
			w.must(err)
			all = append(all, all[i]+"/"+info.Name)
		}
	}
	return all
}

func (w *world) path(label string) string {
	path := rapid.SampledFrom(w.paths()).Draw(w.t, label)
	if rapid.Bool().Draw(w.t, label+" below") {
		path += "/" + rapid.SampledFrom([]string{"a", "b", "c", "\u00e9", "e\u0301"}).Draw(w.t, label+" name")
	}
	return path
}

// both makes a change on both sides. If the drive must reject it, the model skips it.
func (w *world) both(what string, refused bool, do func(vfs.FS) error) {
	w.t.Helper()
	err := do(w.drive)
	if refused {
		if err == nil {
			w.t.Fatalf("%s is done; mounts are at %v", what, w.mounts)
		}
		return
	}
	if plain := do(w.plain); (err == nil) != (plain == nil) {
		w.t.Fatalf("%s: the drive says %v, the plain model %v; mounts are at %v", what, err, plain, w.mounts)
	}
}

func (w *world) mount(*rapid.T) {
	path := w.path("path")
	space := rapid.IntRange(0, worldSpaces-1).Draw(w.t, "space")
	parent, err := w.plain.Stat(w.ctx(), parentOf(path))
	if err != nil || !parent.Folder || parentOf(path) == "/" || w.isMount(path) || w.holds(path) {
		w.t.Skip("not a place for a mount")
	}
	for _, there := range w.mounts {
		if there == space {
			w.t.Skip("the space is mounted")
		}
	}
	w.must(w.drive.Mount(path, w.spaces[space]))
	w.mounts[key(path)] = space
	if hidden, err := w.plain.Stat(w.ctx(), path); err == nil {
		w.move(path, fmt.Sprintf("/aside/%d", space))
		w.hidden[key(path)] = parentOf(path) + "/" + hidden.Name
	}
	w.move(fmt.Sprintf("/away/%d", space), path)
}

func (w *world) unmount(*rapid.T) {
	if len(w.mounts) == 0 {
		w.t.Skip("nothing is mounted")
	}
	all := make([]string, 0, len(w.mounts))
	for at := range w.mounts {
		all = append(all, at)
	}
	slices.Sort(all)
	path := rapid.SampledFrom(all).Draw(w.t, "mount")
	err := w.drive.Unmount(path)
	if w.holds(path) != (err != nil) {
		w.t.Fatalf("unmounting %s of %v: %v", path, w.mounts, err)
	}
	if err != nil {
		return
	}
	w.move(path, fmt.Sprintf("/away/%d", w.mounts[path]))
	if hidden, ok := w.hidden[path]; ok {
		w.move(fmt.Sprintf("/aside/%d", w.mounts[path]), hidden)
	}
	delete(w.hidden, path)
	delete(w.mounts, path)
}

func (w *world) move(from, to string) {
	w.t.Helper()
	_, err := w.plain.Move(w.ctx(), from, to, vfs.CopyOptions{})
	w.must(err)
}

func (w *world) put(*rapid.T) {
	path, data := w.path("path"), rapid.StringN(0, 5, 20).Draw(w.t, "data")
	w.both("put "+path, w.fixed(path), func(fs vfs.FS) error {
		up, err := fs.Create(w.ctx(), path)
		if err != nil {
			return err
		}
		defer up.Abort()
		if _, err := io.WriteString(up, data); err != nil {
			return err
		}
		_, _, err = up.Commit(w.ctx(), vfs.CommitOptions{Cond: seesItself(path)})
		return err
	})
}

// seesItself returns a condition that always holds, and looks up the paths.
func seesItself(paths ...string) vfs.Cond {
	return func(ctx context.Context, at vfs.Stater) error {
		for _, path := range paths {
			if info, err := at.Stat(ctx, path); err == nil && key(info.Name) != key(path[strings.LastIndexByte(path, '/')+1:]) {
				return fmt.Errorf("%s is seen as %s", path, info.Name)
			}
		}
		return nil
	}
}

func (w *world) mkdir(*rapid.T) {
	path := w.path("path")
	w.both("mkdir "+path, w.fixed(path), func(fs vfs.FS) error { return fs.Mkdir(w.ctx(), path, seesItself(path)) })
}

func (w *world) remove(*rapid.T) {
	path := w.path("path")
	w.both("remove "+path, w.fixed(path) || w.holds(path), func(fs vfs.FS) error {
		return fs.Remove(w.ctx(), path, seesItself(path))
	})
}

func (w *world) patch(*rapid.T) {
	path := w.path("path")
	patch := vfs.Patch{Set: []vfs.Property{{Name: vfs.PropertyName{Space: "urn:x", Local: "p"},
		Value: rapid.StringN(0, 3, 9).Draw(w.t, "value")}}}
	w.both("patch "+path, w.fixed(path), func(fs vfs.FS) error { return fs.Patch(w.ctx(), path, patch, nil) })
}

func (w *world) transfer(*rapid.T) {
	from, to := w.path("from"), w.path("to")
	moving := rapid.Bool().Draw(w.t, "move")
	o := vfs.CopyOptions{Replace: rapid.Bool().Draw(w.t, "replace"), Shallow: !moving && rapid.Bool().Draw(w.t, "shallow")}
	refused := w.fixed(to) || o.Replace && w.holds(to) || moving && (w.fixed(from) || w.holds(from)) ||
		!o.Shallow && w.holds(from)
	w.both(fmt.Sprintf("from %s to %s, move %v, %+v", from, to, moving, o), refused, func(fs vfs.FS) error {
		o := o
		o.Cond = seesItself(from, to)
		do := fs.Copy
		if moving {
			do = fs.Move
		}
		_, err := do(w.ctx(), from, to, o)
		return err
	})
}

// same compares a folder on both sides.
func (w *world) same(folder string) {
	w.t.Helper()
	var all [2][]string
	var folders []string
	for i, fs := range []vfs.FS{w.drive, w.plain} {
		for info, err := range fs.List(w.ctx(), folder) {
			w.must(err)
			path := folder + "/" + info.Name
			line := fmt.Sprintf("%s %v %v", info.Name, info.Folder, info.Properties)
			if !info.Folder {
				line += fmt.Sprintf(" %d %x", info.Size, info.SHA1)
			} else if i == 0 {
				folders = append(folders, path)
			}
			all[i] = append(all[i], line)
			if looked, err := fs.Stat(w.ctx(), path); err != nil || looked.Name != info.Name ||
				looked.Folder != info.Folder || looked.Size != info.Size {
				w.t.Fatalf("%s is listed as %+v and looked up as %+v, %v", path, info, looked, err)
			}
		}
	}
	if !slices.Equal(all[0], all[1]) {
		w.t.Fatalf("in %s the drive shows\n%q\nand the plain model\n%q; mounts are at %v", folder, all[0], all[1], w.mounts)
	}
	for _, path := range folders {
		w.same(path)
	}
}

// TestAgainstPlainModel mounts, unmounts and changes in random order. The drive must show the same as a plain tree in
// which mounts are fixed folders.
func TestAgainstPlainModel(t *testing.T) { againstPlainModel(t, false) }

// TestAgainstPlainModelApart is the same with spaces that can only copy the bytes.
func TestAgainstPlainModelApart(t *testing.T) { againstPlainModel(t, true) }

func againstPlainModel(t *testing.T, apart bool) {
	t.Helper()
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rt, apart)
		step := func(do func(*rapid.T)) func(*rapid.T) {
			return func(rt *rapid.T) { w.t = rt; do(rt) }
		}
		rt.Repeat(map[string]func(*rapid.T){
			"":         step(func(*rapid.T) { w.same("/files"); w.same("/shared") }),
			"mount":    step(w.mount),
			"unmount":  step(w.unmount),
			"put":      step(w.put),
			"mkdir":    step(w.mkdir),
			"remove":   step(w.remove),
			"patch":    step(w.patch),
			"transfer": step(w.transfer),
		})
	})
}
