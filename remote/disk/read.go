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
	"postern/remote/pace"
)

// listBatch is how many entries of a folder List holds at a time.
const listBatch = 256

// Get implements remote.Blobs.
func (s *Store) Get(ctx context.Context, name crypto.BlobName) ([]byte, error) {
	var data []byte
	err := s.read(ctx, remote.OpGet, name, func(f *os.File, size int64) error {
		if size > crypto.MaxBlobSize {
			return remote.Fail(remote.OpGet, name, remote.ErrCorrupt,
				fmt.Errorf("its file has %d bytes, more than any blob", size))
		}
		data = make([]byte, size)
		_, err := f.ReadAt(data, 0)
		return err
	})
	if err != nil {
		return nil, err
	}
	return data, s.paced(ctx, remote.OpGet, name, len(data))
}

// GetRange implements remote.Blobs.
func (s *Store) GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	n := len(p)
	err := s.read(ctx, remote.OpGetRange, name, func(f *os.File, size int64) error {
		p, err := remote.Clip(ctx, name, size, off, p)
		if err == nil {
			n = len(p)
			_, err = f.ReadAt(p, off)
		}
		return err
	})
	if err != nil {
		return err
	}
	return s.paced(ctx, remote.OpGetRange, name, n)
}

// paced waits for the limit of the bandwidth, after bytes were read: a file that is read slowly would be held open.
func (s *Store) paced(ctx context.Context, op string, name crypto.BlobName, n int) error {
	if err := pace.Received(ctx, n); err != nil {
		return remote.Alive(ctx, op, name)
	}
	return nil
}

// read calls do with the open file of a blob. A file that was kept open may be closed to make room for another while do
// reads; then it is opened again.
func (s *Store) read(
	ctx context.Context, op string, name crypto.BlobName, do func(f *os.File, size int64) error,
) error {
	if err := s.ready(ctx, op, name); err != nil {
		return err
	}
	err := s.files.use(name, s.openBlob, do)
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

// openBlob opens the file of a blob.
func (s *Store) openBlob(name crypto.BlobName) (f *os.File, err error) {
	err = s.within(func(p place) error {
		f, err = p.open(blobFile(name))
		return err
	})
	return f, err
}

// Stat implements remote.Blobs.
func (s *Store) Stat(ctx context.Context, name crypto.BlobName) (int64, error) {
	if err := s.ready(ctx, remote.OpStat, name); err != nil {
		return 0, err
	}
	var size int64
	err := s.within(func(p place) (err error) {
		size, err = p.size(blobFile(name))
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return 0, s.missing(remote.OpStat, name)
	}
	if err != nil {
		return 0, s.fail(remote.OpStat, name, err)
	}
	return size, nil
}

// Delete implements remote.Blobs. It does not sync: a blob that reappears after a power cut is collected again.
func (s *Store) Delete(ctx context.Context, name crypto.BlobName) error {
	if err := s.ready(ctx, remote.OpDelete, name); err != nil {
		return err
	}
	err := s.within(func(p place) error { return p.Remove(blobFile(name)) })
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

// List implements remote.Blobs. It holds one part of one folder at a time. It skips files that are not blobs.
func (s *Store) List(ctx context.Context) iter.Seq2[remote.BlobInfo, error] {
	return func(yield func(remote.BlobInfo, error) bool) {
		if err := s.list(ctx, func(info remote.BlobInfo) bool { return yield(info, nil) }); err != nil {
			yield(remote.BlobInfo{}, s.fail(remote.OpList, s, s.orGone(err)))
		}
	}
}

// list yields all blobs until there is an error or yield has had enough.
func (s *Store) list(ctx context.Context, yield func(remote.BlobInfo) bool) error {
	if err := s.ready(ctx, remote.OpList, s); err != nil {
		return err
	}
	p, err := s.enter()
	if err != nil {
		return err
	}
	defer p.Close()
	top, err := p.openFolder(blobFolder)
	if err != nil {
		return err
	}
	defer top.Close()
	enough := false
	return each(top, func(entry fs.DirEntry) (bool, error) {
		if !entry.IsDir() || !isShard(entry.Name()) {
			return true, s.ready(ctx, remote.OpList, s)
		}
		err := s.listShard(ctx, p, entry.Name(), func(info remote.BlobInfo) bool {
			enough = !yield(info)
			return !enough
		})
		return !enough, err
	})
}

// listShard yields the blobs of one folder.
func (s *Store) listShard(ctx context.Context, p place, shard string, yield func(remote.BlobInfo) bool) error {
	path := filepath.Join(blobFolder, shard)
	folder, err := p.openFolder(path)
	if err != nil {
		return err
	}
	defer folder.Close()
	return each(folder, func(entry fs.DirEntry) (bool, error) {
		if err := s.ready(ctx, remote.OpList, s); err != nil {
			return false, err
		}
		name, ok := parseBlobFile(shard, entry.Name())
		if !ok {
			return true, nil
		}
		info, err := p.Lstat(filepath.Join(path, entry.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			return true, nil // deleted meanwhile
		}
		if err != nil || !info.Mode().IsRegular() {
			return true, err
		}
		return yield(remote.BlobInfo{Name: name, Size: info.Size()}), nil
	})
}

// each calls do with the entries of an open folder, of which it holds listBatch at a time, until do returns false or an
// error.
func each(folder *os.File, do func(fs.DirEntry) (bool, error)) error {
	for {
		entries, err := folder.ReadDir(listBatch)
		for _, entry := range entries {
			if more, err := do(entry); err != nil || !more {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
