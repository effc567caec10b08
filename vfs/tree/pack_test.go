package tree_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"postern/crypto"
	"postern/remote"
	"postern/remote/evil"
	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/tree"
)

func TestSmallCommitIsOneBlob(t *testing.T) {
	s := newStore()
	tr := sample(t, s)
	p := seal(t, s, tr)
	if len(p.Blobs) != 1 || p.Pages != 3 || p.Pieces != 2 || p.Commit.Blob != p.Blobs[0] {
		t.Fatalf("packed %+v", p)
	}
	blob := s.blobs[p.Blobs[0]]
	if len(blob) != crypto.MinBlobSize {
		t.Errorf("a blob of %d bytes", len(blob))
	}
	for name, piece := range s.pieces {
		for off := range len(piece) - 15 {
			if bytes.Contains(blob, piece[off:off+16]) {
				t.Errorf("16 bytes of piece %v are in the blob as they were sealed for the journal", name)
				break
			}
		}
	}
	c, hash, err := tree.NewNodes(s, tree.Options{}).Commit(t.Context(), p.Commit)
	if err != nil {
		t.Fatal(err)
	}
	if c.Front != crypto.NameOf(blob[:p.Commit.Off]) {
		t.Error("the commit does not sign for what lies before it")
	}
	if hash != p.Hash || c.Root.Root.Blob != p.Blobs[0] || c.Author != author.ID() {
		t.Errorf("the commit is %+v", c)
	}
	for _, e := range []string{"/a/b/f.txt", "/a/g.txt"} {
		got, err := reopen(t, s, p.Commit, 0).Lookup(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.read(t.Context(), got); err != nil {
			t.Error(err)
		}
	}
}

func TestLargeCommitIsCut(t *testing.T) {
	s := newStore()
	tr := empty(s, 0)
	body := func(i int) string { return strings.Repeat(fmt.Sprintf("%06d,", i), 60_000) } // 420 kB
	for i := range 30 {
		tr = must(t, tr, s.file(fmt.Sprintf("/%02d", i), body(i), uint64(i)))
	}
	p := seal(t, s, tr)
	if len(p.Blobs) != 3 || p.Commit.Blob != p.Blobs[2] {
		t.Fatalf("12.6 MB are packed into %d blobs", len(p.Blobs))
	}
	p.Settle()
	s.forgetPieces()
	for _, tr := range []tree.Tree{tr, reopen(t, s, p.Commit, 0)} {
		for i := range 30 {
			e, err := tr.Lookup(t.Context(), fmt.Sprintf("/%02d", i))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := s.read(t.Context(), e); err != nil || got != body(i) {
				t.Fatalf("file %d differs (%v)", i, err)
			}
		}
	}
}

// TestCommitInABlobOfItsOwn: a commit without room beside the root page goes into the next blob, and names the blob of
// the root page.
func TestCommitInABlobOfItsOwn(t *testing.T) {
	s := newStore()
	tr := must(t, empty(s, 0), s.file("/f", strings.Repeat("x", crypto.MaxBlobSize-object.MaxNode), 1))
	p := seal(t, s, tr)
	if len(p.Blobs) != 2 || p.Root.Root.Blob != p.Blobs[0] ||
		p.Commit != (object.Ref{Blob: p.Blobs[1], Len: p.Commit.Len, Key: p.Commit.Key}) {
		t.Fatalf("packed %+v", p)
	}
	if got := names(t, reopen(t, s, p.Commit, 0), "/"); len(got) != 1 {
		t.Errorf("the root lists %q", got)
	}
}

func TestOnlyWhatChangedIsPacked(t *testing.T) {
	s := newStore()
	tr := sample(t, s)
	seal(t, s, tr).Settle()
	before := s.reads
	if p := seal(t, s, tr); p.Pages != 0 || p.Pieces != 0 {
		t.Errorf("nothing changed, but %d pages and %d pieces were packed", p.Pages, p.Pieces)
	}
	tr = must(t, tr, s.file("/c/new", "n", 9))
	if p := seal(t, s, tr); p.Pages != 2 || p.Pieces != 1 {
		t.Errorf("/c/new changed, but %d pages and %d pieces were packed", p.Pages, p.Pieces)
	}
	if s.reads != before {
		t.Error("packing read from the remote")
	}
}

// TestChangesMeanwhile: changes made during a commit are dirty after it, and share the pages that the commit settled.
func TestChangesMeanwhile(t *testing.T) {
	s := newStore()
	tr := sample(t, s)
	first := seal(t, s, tr)
	next := must(t, tr, s.file("/a/b/late", "late", 9), tree.Copy{From: "/a/b/f.txt", To: "/c/f"})
	first.Settle()
	if tr.Dirty() || !next.Dirty() {
		t.Fatalf("dirty: %v and %v", tr.Dirty(), next.Dirty())
	}
	second := seal(t, s, next)
	if second.Pieces != 1 {
		t.Errorf("%d pieces packed, want only the late one", second.Pieces)
	}
	second.Settle()
	s.forgetPieces()
	for _, tr := range []tree.Tree{next, reopen(t, s, second.Commit, 0)} {
		for path, want := range map[string]string{"/a/b/late": "late", "/c/f": "hello", "/a/b/f.txt": "hello"} {
			e, err := tr.Lookup(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := s.read(t.Context(), e); got != want {
				t.Errorf("%s holds %q (%v)", path, got, err)
			}
		}
	}
}

func TestEveryAttemptHasFreshKeys(t *testing.T) {
	s := newStore()
	tr := sample(t, s)
	a, b := seal(t, s, tr), seal(t, s, tr)
	if a.Root.Root.Key == b.Root.Root.Key || a.Commit.Key == b.Commit.Key || a.Blobs[0] == b.Blobs[0] {
		t.Error("two attempts share a key")
	}
	if found := evil.Overlaps(s.blobs); found != nil {
		t.Errorf("two attempts share ciphertext: %+v", found)
	}
}

func TestPackFails(t *testing.T) {
	s := newStore()
	tr := sample(t, s)
	boom := errors.New("boom")
	for name, spoil := range map[string]func(*tree.Packing){
		"emit": func(p *tree.Packing) {
			p.Emit = func(context.Context, []byte) (crypto.BlobName, error) { return crypto.BlobName{}, boom }
		},
		"rand": func(p *tree.Packing) { p.Rand = iotest.ErrReader(boom) },
		"commit": func(p *tree.Packing) {
			p.Commit = func(object.Entry, crypto.BlobName) ([]byte, error) { return nil, boom }
		},
		"piece": func(p *tree.Packing) { p.Pieces = noPieces{boom} },
	} {
		p := s.packing()
		spoil(&p)
		if _, err := tree.Pack(t.Context(), tr, p); !errors.Is(err, boom) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]struct {
		spoil func(*object.Commit)
		kind  error
	}{
		"a long name of a device": {func(c *object.Commit) {
			c.Device = strings.Repeat("x", object.MaxDevice+1)
			c.Sign(author)
		}, crypto.ErrFormat},
		"no signature": {func(c *object.Commit) { c.Author = author.ID() }, crypto.ErrSignature},
	} {
		p := s.packing()
		p.Commit = func(root object.Entry, front crypto.BlobName) ([]byte, error) {
			commit := object.Commit{Root: root, Front: front}
			c.spoil(&commit)
			return commit.Encode(crypto.BlobName{}), nil
		}
		if _, err := tree.Pack(t.Context(), tr, p); !errors.Is(err, c.kind) {
			t.Errorf("a commit that can't be read, for %s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := tree.Pack(ctx, tr, s.packing()); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	for name := range s.pieces {
		s.pieces[name] = []byte("other")
	}
	if _, err := tree.Pack(t.Context(), tr, s.packing()); !errors.Is(err, vfs.ErrCorrupt) {
		t.Errorf("a damaged journal: %v", err)
	}
	if !tr.Dirty() {
		t.Error("a failed attempt settled something")
	}
}

type noPieces struct{ err error }

func (n noPieces) Piece(context.Context, crypto.BlobName) ([]byte, error) { return nil, n.err }

func TestRemoteThatLies(t *testing.T) {
	s := newStore()
	p := seal(t, s, sample(t, s))
	look := func(t *testing.T) error {
		t.Helper()
		tr := reopen(t, s, p.Commit, 0)
		_, err := tr.Lookup(t.Context(), "/a/b/f.txt")
		return err
	}
	t.Run("a cache that lies is passed", func(t *testing.T) {
		s.change = func(p []byte, past bool) {
			if !past {
				p[3] ^= 1
			}
		}
		if err := look(t); err != nil {
			t.Error(err)
		}
	})
	s.change = nil
	tr := reopen(t, s, p.Commit, 0)
	for name, c := range map[string]struct {
		spoil func()
		kind  error
	}{
		"flipped bits": {func() { s.change = func(p []byte, _ bool) { p[len(p)-1] ^= 128 } }, vfs.ErrCorrupt},
		"a lost blob":  {func() { clear(s.blobs) }, vfs.ErrCorrupt},
		"out of reach": {func() { s.down = true }, vfs.ErrUnavailable},
		"a short blob": {func() { s.blobs[p.Blobs[0]] = s.blobs[p.Blobs[0]][:10] }, vfs.ErrCorrupt},
		"another blob": {func() { s.blobs[p.Blobs[0]] = make([]byte, 1<<13) }, vfs.ErrCorrupt},
	} {
		t.Run(name, func(t *testing.T) {
			good := s.blobs[p.Blobs[0]]
			c.spoil()
			defer func() { s.down, s.change, s.blobs[p.Blobs[0]] = false, nil, good }()
			_, err := tr.Lookup(t.Context(), "/a/b/f.txt")
			wantKind(t, err, c.kind)
			next, _, err := tree.Apply(t.Context(), tr, tree.Remove{Path: "/a/b/f.txt"})
			wantKind(t, err, c.kind)
			if next != tr {
				t.Error("a refused operation gave another tree")
			}
			for _, err := range tr.List(t.Context(), "/a") {
				wantKind(t, err, c.kind)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := tr.Lookup(ctx, "/a")
	wantKind(t, err, context.Canceled)
}

// TestWriterThatLies: a page whose child differs from its description is detected.
func TestWriterThatLies(t *testing.T) {
	s := newStore()
	for name, spoil := range map[string]func(*object.Entry){
		"size":  func(root *object.Entry) { root.Size++ },
		"count": func(root *object.Entry) { root.Count++ },
	} {
		p := s.packing()
		honest := p.Commit
		p.Commit = func(root object.Entry, front crypto.BlobName) ([]byte, error) {
			spoil(&root)
			return honest(root, front)
		}
		packed, err := tree.Pack(t.Context(), sample(t, s), p)
		if err != nil {
			t.Fatal(err)
		}
		_, err = reopen(t, s, packed.Commit, 0).Lookup(t.Context(), "/a")
		if !errors.Is(err, vfs.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	unsigned := object.Commit{Root: object.Entry{Kind: object.Folder}, Author: author.ID()}
	key := crypto.NodeKey{1}
	blob, err := crypto.Pad(crypto.SealNode(nil, key, unsigned.Encode(crypto.BlobName{})), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	name, err := s.emit(t.Context(), blob)
	if err != nil {
		t.Fatal(err)
	}
	at := object.Ref{Blob: name, Len: uint32(len(unsigned.Encode(crypto.BlobName{})) + crypto.NodeOverhead), Key: key}
	if _, _, err := tree.NewNodes(s, tree.Options{}).Commit(t.Context(), at); !errors.Is(err, crypto.ErrSignature) ||
		!errors.Is(err, vfs.ErrCorrupt) {
		t.Errorf("a commit without a signature: %v", err)
	}
}

// TestTogether runs readers, a writer and a committer at once: a reader sees a whole state, and every file's bytes are
// at the place in its entry.
func TestTogether(t *testing.T) {
	s := newStore()
	nodes := tree.NewNodes(s, tree.Options{Memory: 1})
	var mu sync.Mutex
	now := tree.New(nodes, object.Entry{})
	get := func() tree.Tree {
		mu.Lock()
		defer mu.Unlock()
		return now
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { // the committer
		for {
			select {
			case <-stop:
				return
			default:
			}
			p, err := tree.Pack(context.Background(), get(), s.packing())
			if err != nil {
				t.Error(err)
				return
			}
			p.Settle()
		}
	})
	for range 2 {
		wg.Go(func() { // readers
			for {
				select {
				case <-stop:
					return
				default:
				}
				tr := get()
				var sum int64
				for e, err := range tr.List(context.Background(), "/") {
					if err != nil {
						t.Error(err)
						return
					}
					body, err := s.read(context.Background(), e)
					if err != nil || !strings.HasPrefix(body, e.Info().Name) {
						t.Errorf("%s holds %q (%v)", e.Info().Name, body, err)
						return
					}
					sum += e.Info().Size
				}
				if sum != tr.Root().Info().Size {
					t.Errorf("listed %d bytes of %d", sum, tr.Root().Info().Size)
				}
			}
		})
	}
	for i := range 600 { // the writer
		name := fmt.Sprintf("%03d", i*7%200)
		next, _, err := tree.Apply(t.Context(), get(), s.file("/"+name, name+strings.Repeat("x", i%30), uint64(i)))
		if err != nil {
			t.Error(err)
			break
		}
		mu.Lock()
		now = next
		mu.Unlock()
	}
	close(stop)
	wg.Wait()
}

var _ tree.Source = remote.Blobs(nil)
