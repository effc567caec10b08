package people

import (
	"context"
	"errors"
	"io"
	"path"

	"postern/vfs"
	"postern/vfs/space"
	"postern/vfs/tree"
)

// bringing makes changes of one space again in another one, path by path, as copies. It may be repeated: what is there
// already is left alone.
type bringing struct {
	from    *space.Space
	was, is tree.Tree // of from, without and with the changes
	to      *space.Space
	at      string // a folder of to; "": the root
	merge   bool   // to has the same files as from: they are replaced and removed, too
	device  string // names conflicts
	kept    int    // files that were copied
}

// dir is a folder that has changes.
type dir struct{ from, to string }

// run makes the changes and returns how many files it has copied.
func (b *bringing) run(ctx context.Context) (int, error) {
	var emptied []string
	for dirs := []dir{{"/", b.at}}; len(dirs) > 0; {
		d := dirs[len(dirs)-1]
		dirs = dirs[:len(dirs)-1]
		for diff, err := range tree.CompareFolder(ctx, d.from, b.was, b.is) {
			if err != nil {
				return b.kept, err
			}
			from, to := path.Join(d.from, diff.Name()), d.to+"/"+diff.Name()
			was, is := diff.Was, diff.Is
			switch {
			case !was.IsZero() && was.Mount() != nil || !is.IsZero() && is.Mount() != nil:
				// what is shared within the folder is its owner's to move
			case !is.IsZero() && is.IsFolder():
				if was.IsZero() || !was.IsFolder() {
					to, err = b.folder(ctx, to)
				}
				dirs = append(dirs, dir{from, to})
			case !is.IsZero():
				err = b.file(ctx, from, to, was, is)
			case !b.merge:
			case was.IsFolder():
				dirs, emptied = append(dirs, dir{from, to}), append(emptied, to)
			default:
				err = b.remove(ctx, to, was)
			}
			if err != nil {
				return b.kept, err
			}
		}
	}
	for i := len(emptied) - 1; i >= 0; i-- {
		if err := b.removeEmpty(ctx, emptied[i]); err != nil {
			return b.kept, err
		}
	}
	return b.kept, nil
}

// maxConflicts bounds how many names are tried.
const maxConflicts = 100

// folder makes a folder, at or next to a path, and returns its path.
func (b *bringing) folder(ctx context.Context, to string) (string, error) {
	for n := range maxConflicts {
		at := b.conflict(to, n, b.is.Root().Info())
		info, err := b.to.Stat(ctx, at)
		switch {
		case err == nil && info.Folder:
			return at, nil
		case err == nil:
			continue
		case !errors.Is(err, vfs.ErrNotExist):
			return "", err
		}
		if err := b.parents(ctx, at); err != nil {
			return "", err
		}
		err = b.to.Mkdir(ctx, at, nil)
		if err == nil || !errors.Is(err, vfs.ErrExist) {
			return at, err
		}
	}
	return "", errExcess
}

// conflict returns the n-th path to try for an entry.
func (b *bringing) conflict(to string, n int, info vfs.Info) string {
	return path.Join(path.Dir(to), tree.ConflictName(path.Base(to), b.device, info.Modified, n))
}

// parents makes the folders around a path.
func (b *bringing) parents(ctx context.Context, to string) error {
	var missing []string
	for at := path.Dir(to); at != "/" && at != "."; at = path.Dir(at) {
		if _, err := b.to.Stat(ctx, at); err == nil {
			break
		} else if !errors.Is(err, vfs.ErrNotExist) {
			return err
		}
		missing = append(missing, at)
	}
	for i := len(missing) - 1; i >= 0; i-- {
		if err := b.to.Mkdir(ctx, missing[i], nil); err != nil && !errors.Is(err, vfs.ErrExist) {
			return err
		}
	}
	return nil
}

// file copies a file to a path, or next to it if another file is there.
func (b *bringing) file(ctx context.Context, from, to string, was, is tree.Entry) error {
	info := is.Info()
	for n := 0; n < maxConflicts; {
		at := b.conflict(to, n, info)
		there, err := b.to.Stat(ctx, at)
		switch {
		case err == nil && !there.Folder && there.Size == info.Size && there.SHA1 == info.SHA1:
			return nil
		case errors.Is(err, vfs.ErrNotExist), errors.Is(err, vfs.ErrNotFolder):
		case err != nil:
			return err
		case n > 0, there.Folder, !b.merge, was.IsZero(), there.Version != was.Info().Version:
			n++
			continue
		}
		if err := b.parents(ctx, at); err != nil {
			return err
		}
		if err := b.copy(ctx, from, at, info, there.Version); !errors.Is(err, errMoved) {
			return err
		}
	}
	return errExcess
}

// errMoved says that something else is at a path than a moment ago.
var errMoved = errors.New("it was changed meanwhile")

// still returns a condition that the version of what is at a path is still the same; zero: nothing is there.
func still(at string, version vfs.Version) vfs.Cond {
	return func(ctx context.Context, to vfs.Stater) error {
		info, err := to.Stat(ctx, at)
		if err != nil && !errors.Is(err, vfs.ErrNotExist) {
			return err
		}
		if info.Version != version {
			return errMoved
		}
		return nil
	}
}

func (b *bringing) copy(ctx context.Context, from, at string, info vfs.Info, over vfs.Version) error {
	f, err := b.from.Open(ctx, from)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read from
	up, err := b.to.Create(ctx, at)
	if err != nil {
		return err
	}
	defer up.Abort()
	if _, err := io.Copy(up, f); err != nil {
		return err
	}
	_, _, err = up.Commit(ctx, vfs.CommitOptions{Modified: info.Modified, ContentType: info.ContentType,
		Cond: still(at, over)})
	if err != nil {
		return err
	}
	b.kept++
	if len(info.Properties) == 0 {
		return nil
	}
	return b.to.Patch(ctx, at, vfs.Patch{Set: info.Properties}, nil)
}

// remove removes a file that is still what was removed.
func (b *bringing) remove(ctx context.Context, at string, was tree.Entry) error {
	err := b.to.Remove(ctx, at, still(at, was.Info().Version))
	if errors.Is(err, errMoved) || errors.Is(err, vfs.ErrNotExist) {
		return nil
	}
	return err
}

// removeEmpty removes a folder in which nothing is left.
func (b *bringing) removeEmpty(ctx context.Context, at string) error {
	empty := func(ctx context.Context, to vfs.Stater) error {
		if r, ok := to.(vfs.Reader); ok {
			for _, err := range r.List(ctx, at) {
				if err != nil {
					return err
				}
				return errMoved
			}
			return nil
		}
		return errMoved
	}
	err := b.to.Remove(ctx, at, empty)
	if errors.Is(err, errMoved) || errors.Is(err, vfs.ErrNotExist) || errors.Is(err, vfs.ErrNotFolder) {
		return nil
	}
	return err
}
