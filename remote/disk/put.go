package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"postern/crypto"
	"postern/remote"
	"postern/remote/pace"
)

// copySize is how much of a body is written at a time, in bytes: few enough calls, and small enough that the end of a
// context is noticed soon.
const copySize = 256 << 10

// buffers holds copy buffers between Puts.
var buffers = sync.Pool{New: func() any { return new([copySize]byte) }}

// Put implements remote.Blobs. A Linker gets a second name; its file is synced already, so that only the folder is left
// to sync.
func (s *Store) Put(ctx context.Context, name crypto.BlobName, body remote.Body) error {
	s.writing.RLock()
	defer s.writing.RUnlock()
	if err := s.ready(ctx, remote.OpPut, name); err != nil {
		return err
	}
	if err := remote.CheckSize(name, body.Size()); err != nil {
		return err
	}
	err := s.within(func(p place) error {
		return s.again(p, func() error { return s.put(ctx, p, name, body) })
	})
	if err != nil {
		return s.fail(remote.OpPut, name, s.orGone(err))
	}
	return nil
}

// put makes the blob appear, or finds it, and then syncs its folder. It syncs in either case: another process may have
// put the blob a moment ago and not have synced the folder yet.
func (s *Store) put(ctx context.Context, p place, name crypto.BlobName, body remote.Body) error {
	if err := s.ensureShard(p, blobs, name[0]); err != nil {
		return err
	}
	there, err := s.intact(p, name, body.Size())
	if err != nil {
		return err
	}
	if !there && !s.link(p, name, body) {
		if err := s.write(ctx, p, name, body); err != nil {
			return err
		}
	}
	return s.syncFolder(p, shardFolder(blobs, name[0]))
}

// intact reports whether the blob is there. If its size is wrong, either the disk lost synced bytes or the body is
// wrong: the hash decides. A damaged blob is removed, so that a caller with the bytes can put them again.
func (s *Store) intact(p place, name crypto.BlobName, size int64) (bool, error) {
	path := blobFile(name)
	info, err := p.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if info.Mode().IsRegular() && info.Size() == size {
		return true, nil
	}
	if data, err := p.readSmall(path, crypto.MaxBlobSize); err == nil && crypto.NameOf(data) == name {
		return true, nil
	}
	s.log.Warn("a damaged blob is replaced", "blob", name.String(), "bytes", info.Size(), "expected", size)
	s.files.forget(name)
	if err := p.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	return false, nil
}

// link gives a body's file the blob's name, if body and filesystem can do that. It also succeeds if another process has
// put the blob meanwhile.
func (s *Store) link(p place, name crypto.BlobName, body remote.Body) bool {
	linker, ok := body.(remote.Linker)
	if !ok {
		return false
	}
	// The file lies outside the store, so its second name has to be given by path. Staging allows that only for a store in
	// the gateway's own home, where no attacker can put a link between this check and the call.
	err := errors.Join(p.isFolder(blobFolder), p.isFolder(shardFolder(blobs, name[0])))
	if err == nil {
		err = linker.LinkTo(filepath.Join(s.root, blobFile(name)))
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		s.log.Debug("a blob is copied, it can't be linked", "blob", name.String(), "err", err)
		return false
	}
	return true
}

// write copies the body to an unfinished file and gives that the blob's name.
func (s *Store) write(ctx context.Context, p place, name crypto.BlobName, body remote.Body) error {
	f, temp, err := s.tmp.create(p)
	if err != nil {
		return err
	}
	defer func() { _ = p.Remove(temp) }() // after a link this is its second name, after a failure its only one
	err = s.fill(ctx, f, name, body)
	if err == nil {
		err = s.sys.SyncFile(f)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	err = s.sys.LinkIn(p.Root, temp, blobFile(name))
	if err == nil || errors.Is(err, fs.ErrExist) {
		return nil
	}
	// No hard links here, as on FAT. Renaming may replace a blob that appeared meanwhile by the same bytes, which is
	// harmless.
	return p.Rename(temp, blobFile(name))
}

// fill writes exactly the body's bytes.
func (s *Store) fill(ctx context.Context, f *os.File, name crypto.BlobName, body remote.Body) error {
	r, err := body.Open()
	if err != nil {
		return bodyFailed(name, err)
	}
	defer r.Close()
	paced := pace.Upload(ctx, body.Size(), r)
	buf := buffers.Get().(*[copySize]byte)
	defer buffers.Put(buf)
	for left := body.Size(); left > 0; {
		if err := remote.Alive(ctx, remote.OpPut, name); err != nil {
			return err
		}
		n, err := io.ReadFull(paced, buf[:min(left, copySize)])
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return remote.Fail(remote.OpPut, name, remote.ErrCorrupt,
				fmt.Errorf("the body ends before its %d bytes", body.Size()))
		}
		if err != nil {
			if ended := remote.Alive(ctx, remote.OpPut, name); ended != nil {
				return ended
			}
			return bodyFailed(name, err)
		}
		if _, err := f.Write(buf[:n]); err != nil {
			return err
		}
		left -= int64(n)
	}
	if err := remote.AtEnd(r, body.Size()); err != nil {
		return bodyFailed(name, err)
	}
	return remote.Alive(ctx, remote.OpPut, name)
}

// bodyFailed marks an error as one of reading the body, not of writing to the disk.
func bodyFailed(name crypto.BlobName, err error) error {
	kind := remote.ErrUnavailable
	if errors.Is(err, remote.ErrCorrupt) {
		kind = remote.ErrCorrupt
	}
	return remote.Fail(remote.OpPut, name, kind, fmt.Errorf("its bytes can't be read: %w", err))
}
