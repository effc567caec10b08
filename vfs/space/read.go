package space

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"mime"
	"path"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/content"
	"postern/vfs/object"
	"postern/vfs/tree"
)

// view shows one state of the space.
type view struct{ tree tree.Tree }

// Stat implements vfs.Stater.
func (v view) Stat(ctx context.Context, name string) (vfs.Info, error) {
	e, err := v.tree.Lookup(ctx, name)
	if err != nil {
		return vfs.Info{}, err
	}
	return infoOf(e), nil
}

// infoOf is what is known of an entry. A type that no client named is told by the name, and so follows a renaming.
func infoOf(e tree.Entry) vfs.Info {
	info := e.Info()
	if !info.Folder && info.ContentType == "" {
		if info.ContentType = mime.TypeByExtension(path.Ext(info.Name)); info.ContentType == "" {
			info.ContentType = "application/octet-stream"
		}
	}
	return info
}

// Stat implements vfs.Stater.
func (s *Space) Stat(ctx context.Context, name string) (vfs.Info, error) {
	return view{s.shown.Load().tree}.Stat(ctx, name)
}

// List implements vfs.Reader.
func (s *Space) List(ctx context.Context, name string) iter.Seq2[vfs.Info, error] {
	return view{s.shown.Load().tree}.list(ctx, name)
}

// Open implements vfs.Reader.
func (s *Space) Open(ctx context.Context, name string) (vfs.File, error) {
	for {
		from := s.shown.Load()
		f, err := s.open(ctx, from.tree, name)
		if errors.Is(err, errSuperseded) && s.shown.Load() != from {
			continue // the version was replaced and forgotten between the look-up and the reading: the next one is there
		}
		return f, err
	}
}

func (v view) list(ctx context.Context, name string) iter.Seq2[vfs.Info, error] {
	return func(yield func(vfs.Info, error) bool) {
		for e, err := range v.tree.List(ctx, name) {
			if err != nil {
				yield(vfs.Info{}, err)
				return
			}
			if !yield(infoOf(e), nil) {
				return
			}
		}
	}
}

func (s *Space) open(ctx context.Context, t tree.Tree, name string) (vfs.File, error) {
	e, err := t.Lookup(ctx, name)
	if err != nil {
		return nil, err
	}
	if e.IsFolder() {
		return nil, &vfs.Error{Op: "open", Path: name, Kind: vfs.ErrIsFolder}
	}
	c, piece, err := s.contentOf(e)
	if err != nil {
		return nil, failed("open", name, err)
	}
	var src content.Source = source{s}
	if piece != nil {
		src = held{c.Chunks[0].Blob, piece}
	}
	info := infoOf(e)
	r, err := content.NewReader(ctx, src, c, info.Size, content.ReaderOptions{Nodes: s.indexes, Budget: s.ahead})
	if err != nil {
		return nil, failed("open", name, err)
	}
	return file{r, info}, nil
}

// file is an open file.
type file struct {
	*content.Reader
	info vfs.Info
}

func (f file) Info() vfs.Info { return f.info }

// errSuperseded says that the journal no longer has a sealed chunk that no commit has either.
var errSuperseded = errors.New("the journal has forgotten this version")

// contentOf returns where a file's bytes lie, and brings the sealed chunk of a small file that only the journal has. The chunk is read here and
// now, since a commit may move it at any later moment.
func (s *Space) contentOf(e tree.Entry) (object.Content, []byte, error) {
	for {
		c, piece := e.Content().Load()
		if piece.IsZero() {
			return c, nil, nil
		}
		sealed, err := s.journal.Attachment(piece)
		if err == nil {
			return c, sealed, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return object.Content{}, nil, err
		}
		if _, again := e.Content().Load(); again == piece {
			return object.Content{}, nil, errSuperseded
		}
		// A commit landed between the two: the chunk has a place at the remote now.
	}
}

// held is a source of one sealed chunk that lies in memory.
type held struct {
	name   crypto.BlobName
	sealed []byte
}

func (h held) GetRange(_ context.Context, name crypto.BlobName, off int64, p []byte) error {
	if name != h.name || off < 0 || off > int64(len(h.sealed)) || copy(p, h.sealed[off:]) < len(p) {
		return &vfs.Error{Op: "read", Path: name.String(), Kind: vfs.ErrCorrupt}
	}
	return nil
}
