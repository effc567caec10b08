// Package view shows one state of a space's tree as a vfs.Reader. Besides the tree, a reader needs only an Opener, so
// the working copy, the history and a follower all read the same way.
package view

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"mime"
	"path"
	"slices"

	"postern/crypto"
	"postern/remote"
	"postern/vfs"
	"postern/vfs/content"
	"postern/vfs/object"
	"postern/vfs/tree"
)

// Opener opens files.
type Opener struct {
	Source content.Source
	// Piece returns the sealed chunk of a small file, which the journal keeps until a commit packs it. The error is
	// fs.ErrNotExist when the journal no longer has it. Nil: the trees hold committed files only.
	Piece   func(name crypto.BlobName) ([]byte, error)
	Indexes *content.NodeCache
	Ahead   *content.Budget
	Pace    func() remote.Pace // of the source; nil: it is near
}

// ErrSuperseded says that a sealed chunk is neither in the journal nor in a commit: the file was replaced, and a newer
// state has the next version.
var ErrSuperseded = errors.New("the journal has forgotten this version")

// errMount says why a mount can't be read through the space that holds it.
var errMount = errors.New("it lies in another space, which is not open here")

// View is one state of a space. Open needs the Opener.
type View struct {
	Tree   tree.Tree
	Opener *Opener
}

// Inner is the name space of properties that no client sees. They are of Postern's own, in folders of mounts.
const Inner = "urn:postern:inner"

// Info returns the info of an entry, without properties of the name space Inner. If no client set a content type, it is
// derived from the file's name, so it follows a rename.
func Info(e tree.Entry) vfs.Info {
	info := e.Info()
	if !info.Folder && info.ContentType == "" {
		if info.ContentType = mime.TypeByExtension(path.Ext(info.Name)); info.ContentType == "" {
			info.ContentType = "application/octet-stream"
		}
	}
	inner := func(p vfs.Property) bool { return p.Name.Space == Inner }
	if slices.ContainsFunc(info.Properties, inner) {
		info.Properties = slices.DeleteFunc(slices.Clone(info.Properties), inner)
	}
	return info
}

// Stat implements vfs.Stater.
func (v View) Stat(ctx context.Context, name string) (vfs.Info, error) {
	e, err := v.Tree.Lookup(ctx, name)
	if err != nil {
		return vfs.Info{}, err
	}
	return Info(e), nil
}

// List implements vfs.Reader.
func (v View) List(ctx context.Context, name string) iter.Seq2[vfs.Info, error] {
	return func(yield func(vfs.Info, error) bool) {
		for e, err := range v.Tree.List(ctx, name) {
			if err != nil {
				yield(vfs.Info{}, err)
				return
			}
			if !yield(Info(e), nil) {
				return
			}
		}
	}
}

// Open implements vfs.Reader. The error wraps ErrSuperseded when the caller has to use a newer state.
func (v View) Open(ctx context.Context, name string) (vfs.File, error) {
	e, err := v.Tree.Lookup(ctx, name)
	if err != nil {
		return nil, err
	}
	if e.Info().Folder {
		return nil, &vfs.Error{Op: "open", Path: name, Kind: vfs.ErrIsFolder}
	}
	if e.Mount() != nil {
		return nil, &vfs.Error{Op: "open", Path: name, Kind: vfs.ErrUnavailable, Err: errMount}
	}
	c, piece, err := v.Opener.content(e)
	if err != nil {
		return nil, Failed("open", name, err)
	}
	src := v.Opener.Source
	if piece != nil {
		src = held{c.Chunks[0].Blob, piece}
	}
	info := Info(e)
	r, err := content.NewReader(ctx, src, c, info.Size, content.ReaderOptions{
		Nodes: v.Opener.Indexes, Budget: v.Opener.Ahead, Pace: v.Opener.Pace,
	})
	if err != nil {
		return nil, Failed("open", name, err)
	}
	return file{r, info}, nil
}

// file is an open file.
type file struct {
	*content.Reader
	info vfs.Info
}

func (f file) Info() vfs.Info { return f.info }

// content returns the location of a file's bytes, and the sealed chunk of a small file that only the journal has. It
// reads the chunk now, since a commit may move it at any time.
func (o *Opener) content(e tree.Entry) (object.Content, []byte, error) {
	for {
		c, piece := e.Content().Load()
		if piece.IsZero() {
			return c, nil, nil
		}
		sealed, err := o.Piece(piece)
		if err == nil {
			return c, sealed, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return object.Content{}, nil, err
		}
		if _, again := e.Content().Load(); again == piece {
			return object.Content{}, nil, ErrSuperseded
		}
		// A commit landed in between: the chunk is at the remote now.
	}
}

// held is a source of one sealed chunk in memory.
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

// Failed maps remote errors to vfs errors.
func Failed(op, path string, err error) error {
	var known *vfs.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	kind := vfs.ErrUnavailable
	switch {
	case errors.Is(err, remote.ErrFull), errors.Is(err, vfs.ErrFull):
		kind = vfs.ErrFull
	case errors.Is(err, remote.ErrCorrupt), errors.Is(err, remote.ErrNotFound),
		errors.Is(err, remote.ErrRollback), errors.Is(err, remote.ErrFork):
		kind = vfs.ErrCorrupt
	case errors.Is(err, vfs.ErrTooLarge):
		kind = vfs.ErrTooLarge
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	return &vfs.Error{Op: op, Path: path, Kind: kind, Err: err}
}
