package tree_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/tree"
)

// store is a remote and a journal in memory, which count their calls.
type store struct {
	mu     sync.Mutex
	blobs  map[crypto.BlobName][]byte
	pieces map[crypto.BlobName][]byte
	reads  int
	seq    uint64
	change func(p []byte, past bool) // may spoil what is read
	down   bool
}

func newStore() *store {
	return &store{blobs: map[crypto.BlobName][]byte{}, pieces: map[crypto.BlobName][]byte{}}
}

func (s *store) GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.down {
		return &remote.Error{Op: "get range", On: name.String(), Kind: remote.ErrUnavailable}
	}
	s.reads++
	b, ok := s.blobs[name]
	if !ok {
		return &remote.Error{Op: "get range", On: name.String(), Kind: remote.ErrNotFound}
	}
	if off+int64(len(p)) > int64(len(b)) {
		return &remote.Error{Op: "get range", On: name.String(), Kind: remote.ErrCorrupt}
	}
	copy(p, b[off:])
	if s.change != nil {
		s.change(p, remote.IsPastCaches(ctx))
	}
	return nil
}

func (s *store) Piece(_ context.Context, name crypto.BlobName) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.pieces[name]
	if !ok {
		return nil, fmt.Errorf("no piece %v", name)
	}
	return b, nil
}

func (s *store) emit(_ context.Context, blob []byte) (crypto.BlobName, error) {
	if len(blob) != crypto.PaddedSize(len(blob)) {
		return crypto.BlobName{}, fmt.Errorf("a blob of %d bytes is not padded", len(blob))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name := crypto.NameOf(blob)
	s.blobs[name] = blob
	return name, nil
}

var author = crypto.NewAuthorKey([32]byte{7})

// packing seals into the store, under a commit without parent.
func (s *store) packing() tree.Packing {
	return tree.Packing{
		Pieces: s,
		Emit:   s.emit,
		Rand:   rand.Reader,
		Commit: func(root object.Entry, front crypto.BlobName) ([]byte, error) {
			s.seq++
			c := object.Commit{Root: root, Time: int64(s.seq), Device: "laptop", Front: front,
				Applied: []object.Applied{{Device: object.DeviceID{1}, Seq: s.seq}}}
			c.Sign(author)
			return c.Encode(crypto.BlobName{}), nil
		},
	}
}

// file makes the Put of a file; a body that isn't empty lies in the journal.
func (s *store) file(path, body string, n uint64) tree.Put {
	put := tree.Put{Path: path,
		Entry: object.Entry{Kind: object.File, Size: int64(len(body)), Modified: int64(n) * 1e8, Created: int64(n),
			Version: vfs.Version{15: byte(n), 14: byte(n >> 8)}}}
	if body == "" {
		return put
	}
	keys := object.Chunk{Meta: crypto.MetaKey{1, byte(n)}, Bytes: crypto.BytesKey{2, byte(n)}}
	piece := crypto.SealChunkMeta(nil, keys.Meta, crypto.ChunkMeta{Size: uint32(len(body)), Version: put.Entry.Version})
	segments := crypto.NewSegments(keys.Bytes)
	for i := range crypto.SegmentCount(len(body)) {
		part := body[i*crypto.SegmentSize : min(len(body), (i+1)*crypto.SegmentSize)]
		piece = segments.Seal(piece, uint32(i), i == crypto.SegmentCount(len(body))-1, []byte(part))
	}
	put.Piece = crypto.NameOf(piece)
	put.Entry.Content.Chunks = []object.Chunk{keys}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pieces[put.Piece] = piece
	return put
}

// read returns the body of a file that file made.
func (s *store) read(ctx context.Context, e tree.Entry) (string, error) {
	c, piece := e.Content().Load()
	if len(c.Chunks) == 0 {
		return "", nil
	}
	size := int(e.Info().Size)
	sealed := make([]byte, crypto.SealedChunkSize(size))
	var err error
	if piece.IsZero() {
		err = s.GetRange(ctx, c.Chunks[0].Blob, int64(c.Chunks[0].Off), sealed)
	} else {
		sealed, err = s.Piece(ctx, piece)
	}
	if err != nil {
		return "", err
	}
	if meta, err := crypto.OpenChunkMeta(c.Chunks[0].Meta, sealed[:crypto.ChunkMetaSize]); err != nil ||
		int(meta.Size) != size {
		return "", fmt.Errorf("metadata %+v, %v", meta, err)
	}
	var body []byte
	segments := crypto.NewSegments(c.Chunks[0].Bytes)
	for i := range crypto.SegmentCount(size) {
		off, n, last := crypto.SealedSegmentAt(size, i)
		if body, err = segments.Open(body, uint32(i), last, sealed[off:off+n]); err != nil {
			return "", err
		}
	}
	return string(body), nil
}

func (s *store) forgetPieces() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.pieces)
}

func empty(s *store, memory int64) tree.Tree {
	return tree.New(tree.NewNodes(s, tree.Options{Memory: memory}), object.Entry{})
}

func must(t testing.TB, tr tree.Tree, ops ...tree.Op) tree.Tree {
	t.Helper()
	for _, op := range ops {
		next, _, err := tree.Apply(t.Context(), tr, op)
		if err != nil {
			t.Fatal(err)
		}
		tr = next
	}
	return tr
}

func seal(t testing.TB, s *store, tr tree.Tree) *tree.Packed {
	t.Helper()
	p, err := tree.Pack(t.Context(), tr, s.packing())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// reopen returns the tree as another device opens it.
func reopen(t testing.TB, s *store, at object.Ref, memory int64) tree.Tree {
	t.Helper()
	nodes := tree.NewNodes(s, tree.Options{Memory: memory})
	c, _, err := nodes.Commit(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	return tree.New(nodes, c.Root)
}

func at(n int64) time.Time { return time.Unix(n, 0) }

func names(t testing.TB, tr tree.Tree, path string) []string {
	t.Helper()
	var all []string
	for e, err := range tr.List(t.Context(), path) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e.Info().Name)
	}
	return all
}

func wantKind(t testing.TB, err, kind error) {
	t.Helper()
	var e *vfs.Error
	if !errors.Is(err, kind) || !errors.As(err, &e) {
		t.Errorf("got error %v, want a *vfs.Error of kind %v", err, kind)
	}
}
