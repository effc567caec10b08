package vfstest

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"postern/vfs"
)

// names are few, so that operations collide; two of them are one name in two forms.
var names = []string{"a", "b", "c d", "\u00e9", "e\u0301", "x.html", "Z"}

// path draws the path of an existing entry, of one next to it or below it, or any other.
func (p *pair) path(rt *rapid.T, label string) string {
	path := "/files"
	if kind := rapid.IntRange(0, 9).Draw(rt, label+" kind"); kind < 7 {
		if there := p.paths("/files"); len(there) > 0 {
			path = rapid.SampledFrom(there).Draw(rt, label)
			if kind < 4 {
				return path
			}
		}
	}
	below := rapid.SliceOfN(rapid.SampledFrom(names), 1, 3).Draw(rt, label+" names")
	return path + "/" + strings.Join(below, "/")
}

// there mostly draws the path of an existing entry.
func (p *pair) there(rt *rapid.T, label string) string {
	if all := p.paths("/files"); len(all) > 0 && rapid.IntRange(0, 9).Draw(rt, label+" any") > 0 {
		return rapid.SampledFrom(all).Draw(rt, label)
	}
	return p.path(rt, label)
}

// paths are all paths of the model below a folder.
func (p *pair) paths(folder string) (all []string) {
	infos, err := listAll(p.ctx(), p.model, folder)
	p.must(err)
	for _, info := range infos {
		path := folder + "/" + info.Name
		all = append(all, path)
		if info.Folder {
			all = append(all, p.paths(path)...)
		}
	}
	return all
}

func someData(rt *rapid.T) []byte {
	size := rapid.SampledFrom([]int{0, 1, 20, 20, 4096, 70000, 600000}).Draw(rt, "size")
	return noise(rapid.Uint64Range(0, 1000).Draw(rt, "seed"), size)
}

// someTime is mostly zero, else one that no clock gives: long ago or far ahead, to the nanosecond.
func someTime(rt *rapid.T, label string) time.Time {
	switch rapid.IntRange(0, 5).Draw(rt, label) {
	case 0:
		return ns(1980).Add(time.Duration(rapid.Int64Range(0, 1e15).Draw(rt, label+" after")))
	case 1:
		return ns(2150).Add(time.Duration(rapid.Int64Range(0, 1e15).Draw(rt, label+" after")))
	}
	return time.Time{}
}

// given reports whether a time of creation was given and not read from a clock: tests run well between the two years.
func given(at time.Time) bool { return at.Year() < 2000 || at.Year() > 2100 }

// conds is one condition on the drive and the same on the model.
type conds struct{ real, model vfs.Cond }

// cond draws a condition: mostly none, else one that holds, one that fails, one on a kind, one on a version.
func (p *pair) cond(rt *rapid.T) conds {
	switch rapid.IntRange(0, 9).Draw(rt, "condition") {
	case 0:
		no := func(context.Context, vfs.Stater) error { return errTest }
		return conds{no, no}
	case 1:
		yes := func(context.Context, vfs.Stater) error { return nil }
		return conds{yes, yes}
	case 2:
		path := p.path(rt, "condition path")
		isFile := func(ctx context.Context, at vfs.Stater) error {
			if info, err := at.Stat(ctx, path); err != nil || info.Folder {
				return errTest
			}
			return nil
		}
		return conds{isFile, isFile}
	case 3:
		path := p.path(rt, "condition path")
		info, err := p.model.Stat(p.ctx(), path)
		if err != nil || info.Folder {
			break
		}
		return conds{matches(path, p.toReal[info.Version]), matches(path, info.Version)}
	}
	return conds{}
}

// matches returns the condition If-Match.
func matches(path string, v vfs.Version) vfs.Cond {
	return func(ctx context.Context, at vfs.Stater) error {
		if info, err := at.Stat(ctx, path); err != nil || info.Version != v {
			return errTest
		}
		return nil
	}
}

// modified returns the time of a file's last change; zero if there is no file.
func (p *pair) modified(path string) time.Time {
	info, err := p.model.Stat(p.ctx(), path)
	if err != nil {
		return time.Time{}
	}
	return info.Modified
}

// touch sets the time of the entry at path.
func (m *Model) touch(path string, modified time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if at, err := m.find(path); err == nil && at.node != nil {
		at.node.info.Modified = modified
	}
}

// sameInfo compares the fields on which both sides must agree. A folder's Modified may change with its contents.
func (p *pair) sameInfo(what string, actual, model vfs.Info) {
	p.t.Helper()
	if !model.Folder && p.toReal[model.Version] != actual.Version {
		p.t.Fatalf("%s: the version is %x, the model's %x is %x here", what, actual.Version, model.Version,
			p.toReal[model.Version])
	}
	if diff := gocmp.Diff(common(model, model), common(actual, model)); diff != "" {
		p.t.Fatalf("%s (-model +drive):\n%s", what, diff)
	}
	if actual.Modified.IsZero() || actual.Created.IsZero() || actual.Version == (vfs.Version{}) {
		p.t.Fatalf("%s: a time or the version is missing: %+v", what, actual)
	}
}

// common returns the comparable part of an info, depending on the fields set in the model's.
func common(info, model vfs.Info) vfs.Info {
	info.Version = vfs.Version{}
	info.Properties = sortedProps(info.Properties)
	info.Modified, info.Created = info.Modified.UTC(), info.Created.UTC()
	if model.Folder {
		info.Modified = time.Time{}
	}
	if !given(model.Created) {
		info.Created = time.Time{}
	}
	if !strings.HasPrefix(model.ContentType, "x-test/") {
		info.ContentType = ""
	}
	return info
}

// sortedProps returns properties in a fixed order; nil if there are none.
func sortedProps(list []vfs.Property) []vfs.Property {
	list = append([]vfs.Property(nil), list...)
	slices.SortFunc(list, func(a, b vfs.Property) int {
		return cmp.Or(cmp.Compare(a.Name.Space, b.Name.Space), cmp.Compare(a.Name.Local, b.Name.Local))
	})
	return list
}

// sameTree compares everything below /files, with the contents if whole.
func (p *pair) sameTree(whole bool) {
	p.t.Helper()
	p.sameFolder("/files", whole)
	actual, err := p.s.FS.Stat(p.ctx(), "/files")
	p.must(err)
	model, err := p.model.Stat(p.ctx(), "/files")
	p.must(err)
	if actual.Size != model.Size {
		p.t.Fatalf("/files has %d bytes, the model %d", actual.Size, model.Size)
	}
}

func (p *pair) sameFolder(folder string, whole bool) {
	p.t.Helper()
	actual, err := listAll(p.ctx(), p.s.FS, folder)
	p.must(err)
	model, err := listAll(p.ctx(), p.model, folder)
	p.must(err)
	if a, b := namesOf(actual), namesOf(model); !slices.Equal(a, b) {
		p.t.Fatalf("%s holds %q, the model %q", folder, a, b)
	}
	for i := range model {
		path := folder + "/" + model[i].Name
		p.sameInfo(path, actual[i], model[i])
		if model[i].Folder {
			p.sameFolder(path, whole)
		} else if whole {
			a, err := readAll(p.ctx(), p.s.FS, path)
			p.must(err)
			b, err := readAll(p.ctx(), p.model, path)
			p.must(err)
			if !bytes.Equal(a, b) {
				p.t.Fatalf("the contents of %s differ: %d bytes here, %d in the model", path, len(a), len(b))
			}
		}
	}
}

func namesOf(infos []vfs.Info) (names []string) {
	for _, info := range infos {
		names = append(names, info.Name)
	}
	return names
}
