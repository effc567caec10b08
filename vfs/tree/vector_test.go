package tree_test

import (
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/tree"
)

var update = flag.Bool("update", false, "write the vector anew; only right before the format is in use")

// packVector is a whole pack for this and every other implementation: the pointer's value, the blob, its contents.
type packVector struct {
	Head  string            `json:"head"` // plain value of the pointer, hex
	Blob  string            `json:"blob"` // hex
	Files map[string]string `json:"files"`
}

// counting is a reader of the bytes 0, 1, 2, …, instead of randomness.
type counting byte

func (c *counting) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(*c)
		*c++
	}
	return len(p), nil
}

// sealedFile returns a small file whose chunk is really sealed.
func sealedFile(s *store, path, body string, n byte) tree.Put {
	meta, key := crypto.MetaKey{n, 1}, crypto.BytesKey{n, 2}
	version := vfs.Version{n}
	sealed := crypto.SealChunkMeta(nil, meta, crypto.ChunkMeta{Size: uint32(len(body)), Version: version})
	sealed = crypto.NewSegments(key).Seal(sealed, 0, true, []byte(body))
	put := s.file(path, string(sealed), uint64(n))
	put.Entry.Size, put.Entry.Version = int64(len(body)), version
	put.Entry.Content.Chunks[0] = object.Chunk{Meta: meta, Bytes: key}
	return put
}

// TestPackVector opens the committed pack from nothing but its head, as another device would.
func TestPackVector(t *testing.T) {
	const file = "../object/testdata/pack.json"
	files := map[string]string{"/hello.txt": "hello, world\n", "/Bücher/é": "one byte more than nothing"}
	if *update {
		s := newStore()
		tr := must(t, empty(s, 0), tree.Mkdir{Path: "/Bücher", Version: vfs.Version{9}, Time: at(1_763_632_800)},
			sealedFile(s, "/Bücher/é", files["/Bücher/é"], 1), sealedFile(s, "/hello.txt", files["/hello.txt"], 2))
		p := s.packing()
		p.Rand = new(counting)
		packed, err := tree.Pack(t.Context(), tr, p)
		if err != nil {
			t.Fatal(err)
		}
		v := packVector{hex.EncodeToString(object.Head{Version: object.Version1, Commit: packed.Commit}.Encode()),
			hex.EncodeToString(s.blobs[packed.Blobs[0]]), files}
		b, err := json.MarshalIndent(v, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var v packVector
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	head, err := hex.DecodeString(v.Head)
	if err != nil {
		t.Fatal(err)
	}
	blob, err := hex.DecodeString(v.Blob)
	if err != nil {
		t.Fatal(err)
	}
	s := newStore()
	s.blobs[crypto.NameOf(blob)] = blob
	decoded, err := object.DecodeHead(head)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	readAll(t, s, reopen(t, s, decoded.Commit, 0), "/", got)
	if d := cmp.Diff(v.Files, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

// readAll opens every file below a folder.
func readAll(t *testing.T, s *store, tr tree.Tree, folder string, into map[string]string) {
	for e, err := range tr.List(t.Context(), folder) {
		if err != nil {
			t.Fatal(err)
		}
		path := strings.TrimSuffix(folder, "/") + "/" + e.Info().Name
		if e.IsFolder() {
			readAll(t, s, tr, path, into)
			continue
		}
		c, _ := e.Content().Load()
		sealed := make([]byte, crypto.SealedChunkSize(int(e.Info().Size)))
		if err := s.GetRange(t.Context(), c.Chunks[0].Blob, int64(c.Chunks[0].Off), sealed); err != nil {
			t.Fatal(err)
		}
		plain, err := crypto.NewSegments(c.Chunks[0].Bytes).Open(nil, 0, true, sealed[crypto.ChunkMetaSize:])
		if err != nil {
			t.Fatal(err)
		}
		into[path] = string(plain)
	}
}
