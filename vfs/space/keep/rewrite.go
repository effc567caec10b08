package keep

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"postern/vfs"
	"postern/vfs/fsck"
	"postern/vfs/space/base"
	"postern/vfs/space/working"
)

// rewrite rewrites files whose bytes can all be read although the description of a chunk is damaged, so that they need
// not be moved aside. It removes them from the damage. A file that can't be rewritten stays in the damage.
func (k *Keeper) rewrite(ctx context.Context, r *fsck.Report) error {
	left := []fsck.Damage{}
	for _, d := range r.Damage {
		path, here := strings.CutPrefix(d.Path, base.FilesPath+"/")
		if !here || d.Kind != fsck.File || len(d.Ranges) > 0 || d.GivenUp {
			left = append(left, d)
			continue
		}
		switch err := k.writeAnew(ctx, "/"+path); {
		case err == nil:
			r.Rewritten = append(r.Rewritten, d.Path)
		case ctx.Err() != nil:
			return err
		case errors.Is(err, working.ErrChanged), errors.Is(err, vfs.ErrNotExist): // it has changed since it was found damaged
		default:
			k.Home.Log.Warn("a file could not be written anew", "path", d.Path, "error", err)
			left = append(left, d)
		}
	}
	r.Damage = left
	return nil
}

// writeAnew replaces a file with its own bytes, sealed again.
func (k *Keeper) writeAnew(ctx context.Context, path string) error {
	file, err := k.Files.Open(ctx, path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // only read from
	up, err := k.Files.Create(ctx, path)
	if err != nil {
		return err
	}
	defer up.Abort()
	if _, err := io.Copy(up, file); err != nil {
		return fmt.Errorf("write %s anew: %w", path, err)
	}
	is := file.Info()
	sums, err := up.Sums()
	if err != nil {
		return err
	}
	if sums.Size != is.Size || sums.SHA1 != is.SHA1 {
		return base.Corrupt("write "+path+" anew", errors.New("its bytes are not those that it says"))
	}
	_, _, err = up.Commit(ctx, vfs.CommitOptions{Modified: is.Modified, ContentType: is.ContentType,
		Cond: func(ctx context.Context, at vfs.Stater) error {
			if now, err := at.Stat(ctx, path); err != nil || now.Version != is.Version {
				return working.ErrChanged
			}
			return nil
		}})
	if working.Happened(err) {
		return nil
	}
	return err
}
