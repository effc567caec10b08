package vfstest

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"io"
	"io/fs"
	"mime"
	"path"
	"time"

	"postern/vfs"
)

// file is an open file of a Model.
type file struct {
	ctx    context.Context
	m      *Model
	path   string
	info   vfs.Info
	data   []byte
	off    int64
	closed bool
}

// Info implements vfs.File.
func (f *file) Info() vfs.Info { return f.info }

// Close implements vfs.File.
func (f *file) Close() error {
	if f.closed {
		return fail("close", f.path, fs.ErrClosed)
	}
	f.closed = true
	return nil
}

// rest returns the bytes from the position on.
func (f *file) rest() ([]byte, error) {
	if f.closed {
		return nil, fail("read", f.path, fs.ErrClosed)
	}
	if err := f.m.begin(f.ctx, "read", f.path); err != nil {
		return nil, err
	}
	return f.data[min(f.off, int64(len(f.data))):], nil
}

// Read implements vfs.File.
func (f *file) Read(p []byte) (int, error) {
	rest, err := f.rest()
	if err != nil || len(p) == 0 {
		return 0, err
	}
	if len(rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, rest)
	f.off += int64(n)
	return n, nil
}

// WriteNTo implements vfs.File.
func (f *file) WriteNTo(w io.Writer, n int64) (int64, error) {
	rest, err := f.rest()
	if err != nil || n <= 0 {
		return 0, err
	}
	done, err := w.Write(rest[:min(n, int64(len(rest)))])
	f.off += int64(done)
	return int64(done), err
}

// Seek implements vfs.File.
func (f *file) Seek(off int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		off += f.off
	case io.SeekEnd:
		off += int64(len(f.data))
	default:
		return 0, fail("seek", f.path, vfs.ErrInvalid)
	}
	if f.closed {
		return 0, fail("seek", f.path, fs.ErrClosed)
	}
	if off < 0 {
		return 0, fail("seek", f.path, vfs.ErrInvalid)
	}
	f.off = off
	return off, nil
}

// upload is an upload to a Model.
type upload struct {
	ctx    context.Context
	m      *Model
	path   string
	data   []byte
	summed bool
	ended  bool
}

// Create implements vfs.Writer.
func (m *Model) Create(ctx context.Context, path string) (vfs.Upload, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, err := m.change(ctx, "create", path, nil)
	if err != nil {
		return nil, err
	}
	if at.fixed() {
		return nil, fail("create", path, vfs.ErrReadOnly)
	}
	return &upload{ctx: ctx, m: m, path: path}, nil
}

// Write implements vfs.Upload.
func (u *upload) Write(p []byte) (int, error) {
	u.m.mu.Lock()
	defer u.m.mu.Unlock()
	if u.ended || u.summed {
		return 0, fail("write", u.path, vfs.ErrInvalid)
	}
	if err := u.m.begin(u.ctx, "write", u.path); err != nil {
		return 0, err
	}
	if u.m.o.Limit > 0 && int64(len(u.data)+len(p)) > u.m.o.Limit {
		return 0, fail("write", u.path, vfs.ErrFull)
	}
	u.data = append(u.data, p...)
	return len(p), nil
}

// ReadFrom implements vfs.Upload.
func (u *upload) ReadFrom(r io.Reader) (int64, error) { return io.Copy(struct{ io.Writer }{u}, r) }

// Sums implements vfs.Upload.
func (u *upload) Sums() (vfs.Sums, error) {
	if u.ended {
		return vfs.Sums{}, fail("sums", u.path, vfs.ErrInvalid)
	}
	u.summed = true
	return vfs.Sums{Size: int64(len(u.data)), MD5: md5.Sum(u.data), SHA1: sha1.Sum(u.data)}, nil
}

// Abort implements vfs.Upload.
func (u *upload) Abort() { u.ended, u.data = true, nil }

// Commit implements vfs.Upload. The upload has ended afterwards, also with an error.
func (u *upload) Commit(ctx context.Context, o vfs.CommitOptions) (vfs.Info, bool, error) {
	if u.ended {
		return vfs.Info{}, false, fail("commit", u.path, vfs.ErrInvalid)
	}
	defer u.Abort()
	u.m.mu.Lock()
	defer u.m.mu.Unlock()
	return u.m.commit(ctx, u.path, u.data, o)
}

func (m *Model) commit(ctx context.Context, to string, data []byte, o vfs.CommitOptions) (vfs.Info, bool, error) {
	at, err := m.change(ctx, "commit", to, o.Cond)
	if err != nil {
		return vfs.Info{}, false, err
	}
	var old *vfs.Info
	switch {
	case at.node != nil && at.node.info.Folder:
		return vfs.Info{}, false, fail("commit", to, vfs.ErrIsFolder)
	case at.fixed():
		return vfs.Info{}, false, fail("commit", to, vfs.ErrReadOnly)
	case at.node != nil:
		info := at.node.look()
		old = &info
	}
	if m.o.Limit > 0 {
		used := m.root.size() + int64(len(data))
		if old != nil {
			used -= old.Size
		}
		if used > m.o.Limit {
			return vfs.Info{}, false, fail("commit", to, vfs.ErrFull)
		}
	}
	now := m.clock()
	info := vfs.Info{
		Name: at.name, Created: now, Modified: now, Version: m.version(),
		ContentType: o.ContentType, MD5: md5.Sum(data), SHA1: sha1.Sum(data),
	}
	if old != nil {
		info.Name, info.Created, info.Properties = old.Name, old.Created, old.Properties
		if last := old.Modified.Unix(); last >= now.Unix() && last < now.Unix()+maxAhead {
			info.Modified = time.Unix(last+1, 0).UTC()
		}
		if info.ContentType == "" {
			info.ContentType = old.ContentType
		}
	}
	if info.ContentType == "" {
		info.ContentType = typeByName(info.Name)
	}
	if !o.Modified.IsZero() {
		info.Modified = o.Modified.Round(0).UTC()
	}
	made := &node{info: info, data: data}
	at.parent.kids[at.key] = made
	return made.look(), old != nil, nil
}

func typeByName(name string) string {
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}
