package namespace

import (
	"context"
	"iter"

	"postern/vfs"
)

// Stat implements vfs.Stater. For a mounted folder it returns the mount's own answer or error.
func (t *table) Stat(ctx context.Context, path string) (vfs.Info, error) {
	p := t.resolve(path)
	if p.isRoot() {
		return t.rootInfo(ctx, nil)
	}
	p, err := t.cross(ctx, p, false)
	if err != nil {
		return vfs.Info{}, err
	}
	info, err := p.stat(ctx, p.fs)
	if err == nil && p.isMount() {
		p.info.keep(info)
	}
	return info, err
}

// stat looks up the place in a state of its mount.
func (p place) stat(ctx context.Context, at vfs.Stater) (vfs.Info, error) {
	info, err := at.Stat(ctx, p.within)
	if p.isMount() || p.within == p.file {
		info.Name, info.Mounted = p.name, p.inner
	}
	return info, p.named(err)
}

// rootInfo returns the info of the root folder. Its size is the total of the folders at the top. For mounts that are
// being changed it uses the state of the change.
func (t *table) rootInfo(ctx context.Context, changing states) (vfs.Info, error) {
	info := vfs.Info{Folder: true, ReadOnly: true, Modified: t.o.Made, Created: t.o.Made}
	var others []*mount
	for _, m := range t.inside["/"] {
		at := changing.of(place{mount: m, within: "/"})
		if at == nil {
			others = append(others, m)
			continue
		}
		top, err := at.Stat(ctx, "/")
		if err != nil {
			return vfs.Info{}, place{mount: m, within: "/"}.named(err)
		}
		info.Size += top.Size
	}
	for _, top := range t.look(ctx, others) {
		info.Size += top.Size
	}
	return info, nil
}

// List implements vfs.Reader.
func (t *table) List(ctx context.Context, path string) iter.Seq2[vfs.Info, error] {
	return func(yield func(vfs.Info, error) bool) {
		p, err := t.enter(ctx, path)
		if err != nil {
			yield(vfs.Info{}, err)
			return
		}
		next := t.look(ctx, t.inside[key(path)]) // the mounts not yet yielded
		files := t.fileMounts(p)
		for info, err := range p.fs.List(ctx, p.within) {
			if err != nil {
				yield(info, p.named(err))
				return
			}
			if info.Mounted && !info.Folder {
				info = files.look(ctx, info)
			}
			hidden := false
			for name := ""; len(next) > 0 && !hidden; next = next[1:] {
				if name == "" {
					name = key(info.Name)
				}
				first := key(next[0].Name)
				if first > name {
					break
				}
				if !yield(next[0], nil) {
					return
				}
				hidden = first == name
			}
			if !hidden && !yield(info, nil) {
				return
			}
		}
		for _, info := range next {
			if !yield(info, nil) {
				return
			}
		}
	}
}

// Open implements vfs.Reader.
func (t *table) Open(ctx context.Context, path string) (vfs.File, error) {
	p, err := t.enter(ctx, path)
	if err != nil {
		return nil, err
	}
	f, err := p.fs.Open(ctx, p.within)
	if err == nil && p.within == p.file {
		f = renamed{f, p.name}
	}
	return f, p.named(err)
}

// renamed is an open file that is mounted under another name.
type renamed struct {
	vfs.File
	name string
}

func (r renamed) Info() vfs.Info {
	info := r.File.Info()
	info.Name, info.Mounted = r.name, true
	return info
}

// Usage implements vfs.FS.
func (t *table) Usage(ctx context.Context, path string, want int64) (vfs.Usage, error) {
	p := t.resolve(path)
	if !p.isRoot() {
		p, err := t.cross(ctx, p, false)
		if err != nil {
			return vfs.Usage{}, err
		}
		u, err := p.fs.Usage(ctx, p.within, want)
		return u, p.named(err)
	}
	tops := t.inside["/"]
	askAll(ctx, t, tops, func(m *mount) *asked[vfs.Usage] { return &m.usage },
		func(ctx context.Context, m *mount) (vfs.Usage, error) { return m.fs.Usage(ctx, "/", want) })
	total := vfs.Usage{Available: -1}
	for _, m := range tops {
		u, known := m.usage.answer()
		if !known {
			continue
		}
		total.Used += max(u.Used, 0)
		if u.Available >= 0 && (total.Available < 0 || u.Available < total.Available) {
			total.Available = u.Available
		}
	}
	return total, nil
}
