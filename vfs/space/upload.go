package space

import (
	"context"
	"io"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/content"
	"postern/vfs/object"
	"postern/vfs/space/base"
	"postern/vfs/space/view"
	"postern/vfs/space/working"
	"postern/vfs/staging"
	"postern/vfs/tree"
)

// recordSize is roughly what the journal takes for a small file in addition to its bytes.
const recordSize = 1 << 10

// upload is a file being uploaded.
type upload struct {
	s       *Space
	path    string
	version vfs.Version
	batch   *staging.Batch
	writer  *content.Writer

	result content.Result
	done   bool
}

// Create implements vfs.Writer.
func (s *Space) Create(ctx context.Context, name string) (vfs.Upload, error) {
	// Check before the client sends the body; Commit checks again.
	if err := mayPut(ctx, s.copy.Shown().Tree, name); err != nil {
		return nil, err
	}
	version, err := base.NewVersion(s.home.Rand)
	if err != nil {
		return nil, err
	}
	batch := s.home.Area.BeginIn(s.share)
	w := content.NewWriter(ctx, batch, content.WriterOptions{
		Version: version, Rand: s.home.Rand, Budget: s.home.Writing,
		LateMD5: vfs.MayBeLate(ctx) && !s.options.SyncThrough && s.late.Allowed(),
	})
	return &upload{s: s, path: name, version: version, batch: batch, writer: w}, nil
}

// mayPut tries to put an empty file at the path, and discards the tree.
func mayPut(ctx context.Context, t tree.Tree, name string) error {
	_, _, err := working.Try(ctx, t, working.Change{Op: tree.Put{Path: name, Entry: object.Entry{Kind: object.File}}})
	return err
}

func (u *upload) Write(p []byte) (int, error) {
	n, err := u.writer.Write(p)
	return n, view.Failed("write", u.path, err)
}

// ReadFrom implements vfs.Upload.
func (u *upload) ReadFrom(r io.Reader) (int64, error) {
	u.s.late.Transfer()
	defer u.s.late.End()
	from := &failing{Reader: r}
	n, err := u.writer.ReadFrom(from)
	if err != nil && from.err == nil {
		err = view.Failed("write", u.path, err)
	}
	return n, err
}

// failing remembers an error of its reader.
type failing struct {
	io.Reader
	err error
}

func (f *failing) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // readers end with io.EOF itself
		f.err = err
	}
	return n, err
}

// Sums implements vfs.Upload.
func (u *upload) Sums() (vfs.Sums, error) {
	sums, err := u.writer.Sums()
	return sums, view.Failed("write", u.path, err)
}

// Commit implements vfs.Upload: blobs become durable first, then the record.
func (u *upload) Commit(ctx context.Context, o vfs.CommitOptions) (_ vfs.Info, _ bool, err error) {
	defer u.Abort()
	if u.result, err = u.writer.Finish(); err != nil {
		return vfs.Info{}, false, view.Failed("write", u.path, err)
	}
	if err := u.batch.Seal(ctx); err != nil {
		return vfs.Info{}, false, view.Failed("write", u.path, err)
	}
	c := working.Change{Op: u.put(o), Cond: o.Cond, Piece: u.result.Piece, Blobs: u.batch.Names(), Give: u.batch.Give()}
	if len(c.Piece) > 0 {
		give, err := u.s.home.Area.ReserveIn(ctx, u.s.share, int64(len(c.Piece))+recordSize)
		if err != nil {
			return vfs.Info{}, false, view.Failed("write", u.path, err)
		}
		if part := c.Give; part != nil {
			c.Give = func() { give(); part() }
		} else {
			c.Give = give
		}
	}
	r, seq, err := u.s.record(ctx, c)
	if err != nil {
		if c.Give != nil {
			c.Give()
		}
		return vfs.Info{}, false, err
	}
	u.batch.Done() // the journal refers to the blobs now, whatever follows
	u.done = true
	return view.Info(r.Entry), r.Replaced(), u.s.settle(ctx, seq)
}

// put returns the operation that puts the file in place.
func (u *upload) put(o vfs.CommitOptions) tree.Put {
	now := u.s.home.Now()
	e := object.Entry{
		Kind: object.File, Version: u.version, Created: now.UnixNano(), Modified: now.UnixNano(),
		Size: u.result.Sums.Size, MD5: u.result.Sums.MD5, SHA1: u.result.Sums.SHA1,
		ContentType: o.ContentType, Content: u.result.Content,
	}
	if !o.Modified.IsZero() {
		e.Modified = object.Nanos(o.Modified)
	}
	put := tree.Put{Path: u.path, Entry: e, Chosen: o.Modified.IsZero()}
	if u.result.Piece != nil {
		chunk := e.Content.Chunks[0]
		put.Piece, chunk.Blob = chunk.Blob, crypto.BlobName{}
		put.Entry.Content.Chunks = []object.Chunk{chunk}
	}
	return put
}

// Abort implements vfs.Upload.
func (u *upload) Abort() {
	if u.done {
		return
	}
	u.done = true
	u.writer.Abort()
	u.batch.Abort()
}
