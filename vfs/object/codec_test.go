package object_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/object"
)

func sortBy(names []string, key func(string) string) {
	slices.SortFunc(names, func(a, b string) int { return strings.Compare(key(a), key(b)) })
}

var author = crypto.NewAuthorKey([32]byte{7})

// generic holds an encoding to the strict decoder of package crypto: what is written by hand must be canonical CBOR.
func generic(t *rapid.T, b []byte) {
	var v any
	if err := crypto.Decode(b, &v); err != nil {
		t.Fatalf("%x is not canonical: %v", b, err)
	}
}

func TestPages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := page(t)
		b := object.AppendPage(nil, &want, home.Blob)
		generic(t, b)
		got, err := object.DecodePage(b, home)
		if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); err != nil || d != "" {
			t.Fatalf("(-want +got) %v\n%s", err, d)
		}
		damage(t, b, func(b []byte) ([]byte, error) {
			p, err := object.DecodePage(b, home)
			return object.AppendPage(nil, &p, home.Blob), err
		})
	})
}

func TestIndexes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := content(t, rapid.Int64Range(1, object.MaxFileSize).Draw(t, "size"))
		if want.Level == object.MaxContentLevel {
			want.Level--
		}
		b := object.AppendIndex(nil, want)
		generic(t, b)
		got, err := object.DecodeIndex(b, object.Ref{}, want.Level+1)
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Fatalf("(-want +got) %v\n%s", err, d)
		}
		if _, err := object.DecodeIndex(b, object.Ref{}, want.Level); !errors.Is(err, crypto.ErrFormat) {
			t.Fatalf("an index of level %d was read as one of %d: %v", want.Level+1, want.Level, err)
		}
		damage(t, b, func(b []byte) ([]byte, error) {
			c, err := object.DecodeIndex(b, object.Ref{}, want.Level+1)
			return object.AppendIndex(nil, c), err
		})
	})
}

func TestCommits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := commit(t)
		if want.Root.Root.Blob == home.Blob {
			want.Root.Root.Blob = crypto.BlobName{} // as the packer has it
		}
		want.Sign(author)
		b := want.Encode(crypto.BlobName{})
		generic(t, b)
		got, err := object.DecodeCommit(b, home)
		if want.Root.Root != (object.Ref{}) && want.Root.Root.Blob.IsZero() {
			want.Root.Root.Blob = home.Blob
		}
		if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); err != nil || d != "" {
			t.Fatalf("(-want +got) %v\n%s", err, d)
		}
		if got.Author != author.ID() || !bytes.Equal(got.Encode(home.Blob), b) || object.HashCommit(b) == (object.CommitHash{}) {
			t.Fatal("not the same when encoded again")
		}
		i := rapid.IntRange(0, len(b)-1).Draw(t, "at")
		b[i] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if _, err := object.DecodeCommit(b, home); !errors.Is(err, crypto.ErrFormat) && !errors.Is(err, crypto.ErrSignature) {
			t.Fatalf("a commit with another byte %d: %v", i, err)
		}
	})
}

// damage flips a bit, cuts or lengthens an encoding: it must be refused or mean something else, encoded just so.
func damage(t *rapid.T, b []byte, again func([]byte) ([]byte, error)) {
	for n := range len(b) {
		if _, err := again(b[:n]); !errors.Is(err, crypto.ErrFormat) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
	if _, err := again(append(bytes.Clone(b), 0)); !errors.Is(err, crypto.ErrFormat) {
		t.Fatalf("a byte too many: %v", err)
	}
	for range 20 {
		c := bytes.Clone(b)
		c[rapid.IntRange(0, len(b)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		switch e, err := again(c); {
		case err == nil && !bytes.Equal(e, c):
			t.Fatalf("%x is read, but encoded as %x", c, e)
		case err != nil && !errors.Is(err, crypto.ErrFormat):
			t.Fatalf("error %v is not crypto.ErrFormat", err)
		}
	}
}

func TestEntriesInJournals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := entry(t, "x")
		b, err := crypto.Encode(want)
		if err != nil {
			t.Fatal(err)
		}
		var got object.Entry
		if err := crypto.Decode(b, &got); err != nil || !cmp.Equal(want, got, cmpopts.EquateEmpty()) {
			t.Fatalf("%v\n%s", err, cmp.Diff(want, got, cmpopts.EquateEmpty()))
		}
	})
	for _, e := range []object.Entry{{}, {Kind: object.File}, {Kind: object.File, Name: "a/b"}} {
		if b, err := crypto.Encode(e); err == nil {
			t.Errorf("%+v was encoded as %x", e, b)
		}
	}
}

func TestHeads(t *testing.T) {
	want := home
	b := object.EncodeHead(want)
	if len(b) > crypto.MaxValue {
		t.Fatalf("%d bytes do not fit into a pointer's %d", len(b), crypto.MaxValue)
	}
	if got, err := object.DecodeHead(b); err != nil || got != want {
		t.Errorf("got %+v (%v)", got, err)
	}
	for name, bad := range map[string][]byte{
		"empty":             nil,
		"cut short":         b[:len(b)-1],
		"a byte too many":   append(bytes.Clone(b), 0),
		"a later version":   append([]byte{b[0], 2}, b[2:]...),
		"in no blob":        object.EncodeHead(object.Ref{Len: 100}),
		"nothing there":     object.EncodeHead(object.Ref{Blob: home.Blob, Len: crypto.NodeOverhead}),
		"past all blobs":    object.EncodeHead(object.Ref{Blob: home.Blob, Off: crypto.MaxBlobSize - 50, Len: 51}),
		"larger than nodes": object.EncodeHead(object.Ref{Blob: home.Blob, Len: object.MaxNode + crypto.NodeOverhead + 1}),
	} {
		if got, err := object.DecodeHead(bad); !errors.Is(err, crypto.ErrFormat) {
			t.Errorf("%s: got %+v (%v)", name, got, err)
		}
	}
}

func TestPagesThatCantBe(t *testing.T) {
	file := func(name string) object.Entry { return object.Entry{Name: name, Kind: object.File} }
	child := func(first string, count, size int64) object.Child {
		return object.Child{First: first, Count: count, Size: size, Page: object.Ref{Blob: crypto.BlobName{1}, Len: 100}}
	}
	prop := func(local, value string) vfs.Property {
		return vfs.Property{Name: vfs.PropertyName{Local: local}, Value: value}
	}
	with := func(change func(*object.Entry)) object.Page {
		e := file("a")
		change(&e)
		return object.Page{Entries: []object.Entry{e}}
	}
	chunks := func(n int, c object.Chunk) object.Content {
		return object.Content{Chunks: slices.Repeat([]object.Chunk{c}, n)}
	}
	far := object.Chunk{Blob: crypto.BlobName{1}}
	for name, p := range map[string]object.Page{
		"empty":                        {},
		"out of order":                 {Entries: []object.Entry{file("b"), file("a")}},
		"one name twice":               {Entries: []object.Entry{file("a"), file("a")}},
		"two forms of one name":        {Entries: []object.Entry{file("e\u0301"), file("\u00e9")}},
		"ordered by bytes, not by key": {Entries: []object.Entry{file("e\u0301"), file("f")}},
		"no name":                      {Entries: []object.Entry{file("")}},
		"a slash in a name":            {Entries: []object.Entry{file("a/b")}},
		"a name not UTF-8":             {Entries: []object.Entry{file("\xff")}},
		"a long name":                  {Entries: []object.Entry{file(strings.Repeat("x", vfs.MaxName+1))}},
		"an unknown kind":              {Entries: []object.Entry{{Name: "a", Kind: 3}}},
		"bytes in no chunk":            with(func(e *object.Entry) { e.Size = 1 }),
		"a chunk for no bytes":         with(func(e *object.Entry) { e.Content = chunks(1, far) }),
		"five chunks inline":           with(func(e *object.Entry) { e.Size, e.Content = 5*crypto.ChunkSize, chunks(5, far) }),
		"a level too high":             with(func(e *object.Entry) { e.Size, e.Content = 1, object.Content{Level: 1, Nodes: []object.Ref{home}} }),
		"a chunk later in the blob":    with(func(e *object.Entry) { e.Size, e.Content = 1, chunks(1, object.Chunk{Blob: home.Blob, Off: home.Off}) }),
		"a file beyond all files":      with(func(e *object.Entry) { e.Size = object.MaxFileSize + 1 }),
		"a long content type":          with(func(e *object.Entry) { e.ContentType = strings.Repeat("x", object.MaxContentType+1) }),
		"properties out of order":      with(func(e *object.Entry) { e.Properties = []vfs.Property{prop("b", ""), prop("a", "")} }),
		"a property twice":             with(func(e *object.Entry) { e.Properties = []vfs.Property{prop("a", ""), prop("a", "")} }),
		"a property without a name":    with(func(e *object.Entry) { e.Properties = []vfs.Property{prop("", "")} }),
		"too many properties": with(func(e *object.Entry) {
			e.Properties = []vfs.Property{prop("a", strings.Repeat("x", 1<<16-1)), prop("b", "")}
		}),
		"an empty folder of some bytes":  with(func(e *object.Entry) { e.Kind, e.Size = object.Folder, 1 }),
		"an empty folder of some things": with(func(e *object.Entry) { e.Kind, e.Count = object.Folder, 1 }),
		"a folder of nothing":            with(func(e *object.Entry) { e.Kind, e.Root = object.Folder, object.Ref{Blob: crypto.BlobName{1}, Len: 50} }),
		"a folder in itself":             with(func(e *object.Entry) { e.Kind, e.Count, e.Root = object.Folder, 1, home }),
		"a folder that ends in itself": with(func(e *object.Entry) {
			e.Kind, e.Count, e.Root = object.Folder, 1, object.Ref{Blob: home.Blob, Off: home.Off - 50, Len: 51}
		}),
		"one child":               {Level: 1, Children: []object.Child{child("a", 1, 1)}},
		"children out of order":   {Level: 1, Children: []object.Child{child("b", 1, 1), child("a", 1, 1)}},
		"a child twice":           {Level: 1, Children: []object.Child{child("a", 1, 1), child("a", 1, 1)}},
		"an empty child":          {Level: 1, Children: []object.Child{child("a", 1, 1), child("b", 0, 0)}},
		"a child from nothing on": {Level: 1, Children: []object.Child{child("", 1, 1), child("b", 1, 0)}},
		"too high":                {Level: object.MaxPageLevel + 1, Children: []object.Child{child("a", 1, 1), child("b", 1, 1)}},
	} {
		if _, err := object.DecodePage(object.AppendPage(nil, &p, home.Blob), home); !errors.Is(err, crypto.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOtherSpellings(t *testing.T) {
	p := object.Page{Entries: []object.Entry{{Name: "a", Kind: object.Folder}}}
	good := object.AppendPage(nil, &p, home.Blob) // 83 01 00 81 89 02 61 'a' 50 …
	if _, err := object.DecodePage(good, home); err != nil {
		t.Fatal(err)
	}
	splice := func(at, n int, by ...byte) []byte { return slices.Concat(good[:at], by, good[at+n:]) }
	for name, b := range map[string][]byte{
		"a long head of an array":   splice(0, 1, 0x98, 3),
		"a long number":             splice(1, 1, 0x18, 1),
		"a longer number":           splice(1, 1, 0x19, 0, 1),
		"a number of four bytes":    splice(1, 1, 0x1a, 0, 0, 0, 1),
		"a number of eight bytes":   splice(1, 1, 0x1b, 0, 0, 0, 0, 0, 0, 0, 1),
		"a negative number":         splice(1, 1, 0x20),
		"an indefinite array":       append(splice(0, 1, 0x9f), 0xff),
		"a reserved length":         splice(0, 1, 0x9c),
		"a tag":                     append([]byte{0xc1}, good...),
		"a map":                     splice(0, 1, 0xa3),
		"bytes for text":            splice(6, 1, 0x41),
		"a float":                   splice(1, 1, 0xf9, 0x3c, 0),
		"a commit":                  splice(1, 1, 3),
		"undefined for null":        splice(len(good)-1, 1, 0xf7),
		"an array of 2^64-1":        splice(3, 1, 0x9b, 255, 255, 255, 255, 255, 255, 255, 255),
		"text of 2^64-1 bytes":      splice(6, 1, 0x7b, 255, 255, 255, 255, 255, 255, 255, 255),
		"a blob's name for nothing": splice(len(good)-1, 1, 0x84, 0x41, 0),
	} {
		if _, err := object.DecodePage(b, home); !errors.Is(err, crypto.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
