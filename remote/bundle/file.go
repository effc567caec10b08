package bundle

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"

	"postern/crypto"
	"postern/remote"
	"postern/remote/localfs"
	"postern/remote/transfer"
)

// partSuffix is added to the name of a bundle while it is being written.
const partSuffix = ".part"

// ExportFile exports to a file, which gets its name once it is whole and synced, so that an interrupted export never
// looks like a bundle. The next export resumes an interrupted one: it reads back the blobs that are already there, and
// counts them as skipped. An existing file is replaced only at the end.
func ExportFile(ctx context.Context, from remote.Store, path string, c Contents,
	blobs iter.Seq2[crypto.BlobName, error], o ExportOptions) (transfer.Progress, error) {
	t := o.tally()
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return t.at, fmt.Errorf("write bundle: %s cannot be replaced: %w; name another file", path, localfs.ErrNotRegular)
	}
	c, err := o.collect(ctx, from, c)
	if err != nil {
		return t.at, err
	}
	f, err := localfs.OpenOwn(path+partSuffix, os.O_RDWR|os.O_CREATE)
	if errors.Is(err, fs.ErrInvalid) {
		return t.at, fmt.Errorf("write bundle: %w; remove it, or name another file", err)
	}
	if err != nil {
		return t.at, fmt.Errorf("write bundle: %w", err)
	}
	err = exportTo(ctx, f, from, c, blobs, o, t)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return t.at, err
	}
	if err := os.Rename(path+partSuffix, path); err != nil {
		return t.at, fmt.Errorf("write bundle: %w", err)
	}
	return t.at, syncFolder(filepath.Dir(path))
}

// exportTo writes a bundle to a file that may hold part of one. It rewrites the beginning, of the same length: the
// pointers may have moved since.
func exportTo(ctx context.Context, f *os.File, from remote.Store, c Contents, blobs iter.Seq2[crypto.BlobName, error],
	o ExportOptions, t *tally) error {
	kept, end := salvage(ctx, f, c, t)
	if err := remote.Alive(ctx, "export", bundle{}); err != nil {
		return err // before the file is truncated
	}
	if err := f.Truncate(end); err != nil {
		return fmt.Errorf("write bundle: %w", err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("write bundle: %w", err)
	}
	buffered := bufio.NewWriterSize(f, bufferSize)
	out, err := NewWriter(buffered, c)
	if err != nil {
		return err
	}
	has := make(map[crypto.BlobName]bool, len(kept))
	for _, blob := range kept {
		out.kept(blob)
		has[blob.Name] = true
	}
	if len(kept) > 0 {
		if err := flush(buffered); err != nil {
			return err
		}
		if _, err := f.Seek(end, io.SeekStart); err != nil {
			return fmt.Errorf("write bundle: %w", err)
		}
	}
	missing := func(yield func(crypto.BlobName, error) bool) {
		for name, err := range blobs {
			if !has[name] && !yield(name, err) {
				return
			}
		}
	}
	if err := out.export(ctx, from, missing, o, t); err != nil {
		_ = buffered.Flush() // best effort, so that the next export can resume
		return err
	}
	return flush(buffered)
}

// salvage returns the undamaged blobs that an interrupted export of the same pointers left in a file, and the end of
// the last one. The first unreadable byte ends it: the rest is written again.
func salvage(ctx context.Context, f *os.File, c Contents, t *tally) (kept []Blob, end int64) {
	b, err := NewReader(f)
	if err != nil || !sameIDs(b.contents.Pointers, c.Pointers) || !sameIDs(b.contents.Bases, c.Bases) {
		return nil, 0
	}
	for ctx.Err() == nil {
		blob, err := b.Next()
		if err == nil {
			_, err = blob.Load()
		}
		if err != nil {
			break
		}
		kept, end = append(kept, blob), blob.off+blob.Size
		t.add(func(at *transfer.Progress) { at.Skipped++; at.SkippedBytes += blob.Size })
	}
	return kept, end
}

// sameIDs reports whether two lists have the same pointer ids.
func sameIDs(a, b []crypto.Pointer) bool {
	return slices.EqualFunc(a, b, func(a, b crypto.Pointer) bool { return a.ID == b.ID })
}

// syncFolder makes a name durable if the system supports that. FAT under Windows does not.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("write bundle: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrInvalid) &&
		!errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("write bundle: %w", err)
	}
	return nil
}
