package namespace

import (
	"context"
	"iter"
	"strings"
	"time"

	"postern/vfs"
)

// Folder returns a file system that is one empty, read-only folder, to mount others in. made is its time.
func Folder(made time.Time) vfs.FS { return folder{made} }

type folder struct{ made time.Time }

// missing returns the error for any path but the folder itself.
func missing(op, path string) error { return &vfs.Error{Op: op, Path: path, Kind: vfs.ErrNotExist} }

// fixed returns the error of a change: the folder is read-only and has no subfolders.
func fixed(op, path string) error {
	if strings.Count(path, "/") > 1 {
		return missing(op, path)
	}
	return &vfs.Error{Op: op, Path: path, Kind: vfs.ErrReadOnly}
}

func (f folder) Stat(_ context.Context, path string) (vfs.Info, error) {
	if path != "/" {
		return vfs.Info{}, missing("stat", path)
	}
	return vfs.Info{Folder: true, ReadOnly: true, Modified: f.made, Created: f.made}, nil
}

func (folder) List(_ context.Context, path string) iter.Seq2[vfs.Info, error] {
	return func(yield func(vfs.Info, error) bool) {
		if path != "/" {
			yield(vfs.Info{}, missing("list", path))
		}
	}
}

func (folder) Open(_ context.Context, path string) (vfs.File, error) {
	if path != "/" {
		return nil, missing("open", path)
	}
	return nil, &vfs.Error{Op: "open", Path: path, Kind: vfs.ErrIsFolder}
}

func (folder) Usage(context.Context, string, int64) (vfs.Usage, error) {
	return vfs.Usage{Available: -1}, nil
}

func (folder) Create(_ context.Context, path string) (vfs.Upload, error) {
	return nil, fixed("create", path)
}

func (folder) Mkdir(_ context.Context, path string, _ vfs.Cond) error {
	return fixed("make folder", path)
}

func (folder) Remove(_ context.Context, path string, _ vfs.Cond) error { return fixed("remove", path) }

func (folder) Move(_ context.Context, from, _ string, _ vfs.CopyOptions) (bool, error) {
	return false, fixed(opMove, from)
}

func (folder) Copy(_ context.Context, _, to string, _ vfs.CopyOptions) (bool, error) {
	return false, fixed(opCopy, to)
}

func (folder) Patch(_ context.Context, path string, _ vfs.Patch, _ vfs.Cond) error {
	return fixed("change", path)
}
