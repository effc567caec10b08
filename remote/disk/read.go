package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"postern/crypto"
	"postern/remote"
)

// listBatch is how many entries of a folder List holds at a time.
const listBatch = 256

// Get implements remote.Blobs.
func (s *Store) Get(ctx context.Context, name crypto.BlobName) ([]byte, error) {
	var data []byte
	err := s.read(ctx, remote.OpGet, name, func(f *os.File, size int64) error {
		if size > crypto.MaxBlobSize {
			return remote.Fail(remote.OpGet, name, remote.ErrCorrupt, fmt.Errorf("its file has %d bytes, more than any blob", size))
		}
		data = make([]byte, size)
		_, err := f.ReadAt(data, 0)
		return err
	})
	if err != nil {
		return nil, err
	}
	return data, nil
}

// GetRange implements remote.Blobs.
func (s *Store) GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	return s.read(ctx, remote.OpGetRange, name, func(f *os.File, size int64) error {
		if !remote.InRange(size, off, len(p)) {
			return remote.PastEnd(name, size, off, len(p))
		}
		_, err := f.ReadAt(p, off)
		return err
	})
}

// read calls do with the open file of a blob. A file that was kept open may be closed to make room for another while do
// reads; then it is opened again.
func (s *Store) read(ctx context.Context, op string, name crypto.BlobName, do func(f *os.File, size int64) error) error {
	if err := s.ready(ctx, op, name); err != nil {
		return err
	}
	err := s.files.use(name, s.blobPath, do)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF):
		return remote.Fail(op, name, remote.ErrCorrupt, errors.New("its file was cut short while it was read"))
	case errors.Is(err, fs.ErrNotExist):
		return s.missing(op, name)
	case errors.Is(err, fs.ErrClosed):
		return remote.Fail(op, name, remote.ErrClosed, nil)
	}
	return s.fail(op, name, err)
}

// Stat implements remote.Blobs.
func (s *Store) Stat(ctx context.Context, name crypto.BlobName) (int64, error) {
	if err := s.ready(ctx, remote.OpStat, name); err != nil {
		return 0, err
	}
	info, err := os.Lstat(s.blobPath(name))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, s.missing(remote.OpStat, name)
	}
	if err != nil {
		return 0, s.fail(remote.OpStat, name, err)
	}
	return info.Size(), nil
}

// Delete implements remote.Blobs. It is not synced: a blob that a power cut brings back is collected again.
func (s *Store) Delete(ctx context.Context, name crypto.BlobName) error {
	if err := s.ready(ctx, remote.OpDelete, name); err != nil {
		return err
	}
	err := os.Remove(s.blobPath(name))
	s.files.forget(name)
	if errors.Is(err, fs.ErrNotExist) {
		if err := s.missing(remote.OpDelete, name); !errors.Is(err, remote.ErrNotFound) {
			return err
		}
		return nil
	}
	if err != nil {
		return s.fail(remote.OpDelete, name, err)
	}
	return nil
}

// List implements remote.Blobs. It holds one part of one folder at a time. Files that are not blobs are passed over.
func (s *Store) List(ctx context.Context) iter.Seq2[remote.BlobInfo, error] {
	return func(yield func(remote.BlobInfo, error) bool) {
		if err := s.ready(ctx, remote.OpList, s); err != nil {
			yield(remote.BlobInfo{}, err)
			return
		}
		top := filepath.Join(s.root, blobFolder)
		folders, err := os.ReadDir(top)
		if err != nil {
			yield(remote.BlobInfo{}, s.fail(remote.OpList, s, s.orGone(err)))
			return
		}
		for _, folder := range folders {
			if len(folder.Name()) != 2 || !folder.IsDir() {
				continue
			}
			if !s.listShard(ctx, filepath.Join(top, folder.Name()), yield) {
				return
			}
		}
	}
}

// listShard yields the blobs of one folder; false: that was the end.
func (s *Store) listShard(ctx context.Context, path string, yield func(remote.BlobInfo, error) bool) bool {
	folder, err := os.Open(path)
	if err != nil {
		return yield(remote.BlobInfo{}, s.fail(remote.OpList, s, err)) && false
	}
	defer folder.Close()
	for {
		entries, err := folder.ReadDir(listBatch)
		for _, entry := range entries {
			if err := s.ready(ctx, remote.OpList, s); err != nil {
				return yield(remote.BlobInfo{}, err) && false
			}
			name, ok := parseBlobFile(filepath.Base(path), entry.Name())
			if !ok {
				continue
			}
			info, err := entry.Info()
			if errors.Is(err, fs.ErrNotExist) {
				continue // deleted meanwhile
			}
			if err != nil {
				return yield(remote.BlobInfo{}, s.fail(remote.OpList, s, err)) && false
			}
			if info.Mode().IsRegular() && !yield(remote.BlobInfo{Name: name, Size: info.Size()}, nil) {
				return false
			}
		}
		if errors.Is(err, io.EOF) {
			return true
		}
		if err != nil {
			return yield(remote.BlobInfo{}, s.fail(remote.OpList, s, err)) && false
		}
	}
}

// readSmall reads a whole file of at most limit bytes.
func readSmall(path string, limit int) ([]byte, error) {
	f, err := openPlain(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err == nil && len(b) > limit {
		err = errTooLong
	}
	return b, err
}

// errTooLong is why readSmall gives up.
var errTooLong = errors.New("the file is longer than it can be")
