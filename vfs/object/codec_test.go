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
	"postern/vfs/object"
)

func sortBy(names []string, key func(string) string) {
	slices.SortFunc(names, func(a, b string) int { return strings.Compare(key(a), key(b)) })
}

var author = crypto.NewAuthorKey([32]byte{7})

// generic checks an encoding with the strict decoder of package crypto: hand-written encodings must be canonical CBOR.
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
		for _, ref := range []*object.Ref{&want.Root.Root, &want.Roster} {
			if ref.Blob == home.Blob {
				ref.Blob = crypto.BlobName{} // as in the packer
			}
		}
		want.Sign(author)
		b := want.Encode(crypto.BlobName{})
		generic(t, b)
		got, err := object.DecodeCommit(b, home)
		for _, ref := range []*object.Ref{&want.Root.Root, &want.Roster} {
			if *ref != (object.Ref{}) && ref.Blob.IsZero() {
				ref.Blob = home.Blob
			}
		}
		if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); err != nil || d != "" {
			t.Fatalf("(-want +got) %v\n%s", err, d)
		}
		if got.Author != author.ID() || !bytes.Equal(got.Encode(home.Blob), b) ||
			object.HashCommit(b) == (object.CommitHash{}) {
			t.Fatal("not the same when encoded again")
		}
		i := rapid.IntRange(0, len(b)-1).Draw(t, "at")
		b[i] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if _, err := object.DecodeCommit(b, home); !errors.Is(err, crypto.ErrFormat) && !errors.Is(err, crypto.ErrSignature) {
			t.Fatalf("a commit with another byte %d: %v", i, err)
		}
	})
}

// damage flips a bit, cuts or lengthens an encoding: the result must be rejected, or be the encoding of another value.
func damage(t *rapid.T, b []byte, again func([]byte) ([]byte, error)) {
	for n := range b {
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
	head := func(commit object.Ref) []byte { return object.Head{Version: object.Version1, Commit: commit}.Encode() }
	b := head(home)
	for _, want := range []object.Head{{Version: object.Version1, Commit: home},
		{Version: object.Version2, Commit: home}} {
		b := want.Encode()
		if len(b) > crypto.MaxValue {
			t.Fatalf("%d bytes do not fit into a pointer's %d", len(b), crypto.MaxValue)
		}
		if got, err := object.DecodeHead(b); err != nil || got != want {
			t.Errorf("got %+v (%v)", got, err)
		}
	}
	for name, bad := range map[string][]byte{
		"empty":             nil,
		"cut short":         b[:len(b)-1],
		"a byte too many":   append(bytes.Clone(b), 0),
		"version 0":         append([]byte{b[0], 0}, b[2:]...),
		"a later version":   append([]byte{b[0], 3}, b[2:]...),
		"in no blob":        head(object.Ref{Len: 100}),
		"nothing there":     head(object.Ref{Blob: home.Blob, Len: crypto.NodeOverhead}),
		"past all blobs":    head(object.Ref{Blob: home.Blob, Off: crypto.MaxBlobSize - 50, Len: 51}),
		"larger than nodes": head(object.Ref{Blob: home.Blob, Len: object.MaxNode + crypto.NodeOverhead + 1}),
	} {
		if got, err := object.DecodeHead(bad); !errors.Is(err, crypto.ErrFormat) {
			t.Errorf("%s: got %+v (%v)", name, got, err)
		}
	}
}

func TestRosters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := object.Roster{Space: fill[crypto.PointerID](t, "space"), Epoch: rapid.Uint32().Draw(t, "epoch")}
		for i, id := range rapid.SliceOfNDistinct(rapid.Byte(), 0, 6, rapid.ID[byte]).Draw(t, "authors") {
			want.Authors = append(want.Authors, object.Author{
				ID: crypto.AuthorID{id}, Rights: object.Rights(1 + i%2), Name: rapid.StringN(0, 20, 80).Draw(t, "name"),
			})
		}
		slices.SortFunc(want.Authors, func(a, b object.Author) int { return bytes.Compare(a.ID[:], b.ID[:]) })
		want.Sign(author)
		b := want.Encode()
		generic(t, b)
		got, err := object.DecodeRoster(b)
		if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); err != nil || d != "" {
			t.Fatalf("(-want +got) %v\n%s", err, d)
		}
		for _, a := range want.Authors {
			if got.Rights(a.ID) != a.Rights {
				t.Fatalf("%v has the rights %d", a.ID, got.Rights(a.ID))
			}
		}
		if got.Rights(author.ID()) != object.MayWrite || got.Rights(crypto.AuthorID{1, 2, 3}) != 0 {
			t.Fatal("the owner can't write, or a stranger has rights")
		}
		i := rapid.IntRange(0, len(b)-1).Draw(t, "at")
		b[i] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if _, err := object.DecodeRoster(b); !errors.Is(err, crypto.ErrFormat) && !errors.Is(err, crypto.ErrSignature) {
			t.Fatalf("a roster with another byte %d: %v", i, err)
		}
	})
}

func TestRostersThatCantBe(t *testing.T) {
	a := func(id byte) object.Author { return object.Author{ID: crypto.AuthorID{id}, Rights: object.MayRead} }
	many := make([]object.Author, object.MaxAuthors+1)
	for i := range many {
		many[i] = object.Author{ID: crypto.AuthorID{byte(i >> 8), byte(i)}, Rights: object.MayRead}
	}
	for name, authors := range map[string][]object.Author{
		"out of order":        {a(2), a(1)},
		"twice":               {a(1), a(1)},
		"without rights":      {{ID: crypto.AuthorID{1}}},
		"with unknown rights": {{ID: crypto.AuthorID{1}, Rights: object.MayWrite + 1}},
		"the owner":           {{ID: author.ID(), Rights: object.MayRead}},
		"too many":            many,
		"a long name": {
			{ID: crypto.AuthorID{1}, Rights: object.MayRead, Name: strings.Repeat("x", object.MaxDevice+1)},
		},
	} {
		o := object.Roster{Authors: authors}
		o.Sign(author)
		if _, err := object.DecodeRoster(o.Encode()); !errors.Is(err, crypto.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMountsThatCantBe(t *testing.T) {
	good := mountOf("x", true, false)
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*object.Entry){
		"no target":      func(e *object.Entry) { e.Target = nil },
		"a size":         func(e *object.Entry) { e.Size = 1 },
		"a count":        func(e *object.Entry) { e.Count = 1 },
		"a root":         func(e *object.Entry) { e.Root = home },
		"a content type": func(e *object.Entry) { e.ContentType = "text/plain" },
		"a capability that writes": func(e *object.Entry) {
			e.Target = &object.Target{Capability: crypto.SpaceSecret{1}.Keys()}
		},
		"a target of a file":   func(e *object.Entry) { e.Kind = object.File },
		"a target of a folder": func(e *object.Entry) { e.Kind = object.Folder },
	} {
		e := good
		change(&e)
		if err := e.Check(); err == nil {
			t.Errorf("%s: it passes", name)
		}
	}
	// A page with the writer seed in the clear, and one with a seed of zeros.
	open := good
	c := crypto.SpaceSecret{1}.Keys()
	open.Target = &object.Target{Capability: c}
	plain := object.AppendEntry(nil, &open, crypto.BlobName{})
	if err := new(object.Entry).UnmarshalCBOR(plain); !errors.Is(err, crypto.ErrFormat) {
		t.Errorf("a writer seed in the clear is taken: %v", err)
	}
	none := mountOf("x", false, false)
	b := object.AppendEntry(nil, &none, crypto.BlobName{})
	zeros := slices.Concat(b[:len(b)-2], []byte{0x58, crypto.SealedSeedSize}, make([]byte, crypto.SealedSeedSize),
		b[len(b)-1:])
	if err := new(object.Entry).UnmarshalCBOR(zeros); !errors.Is(err, crypto.ErrFormat) {
		t.Errorf("a writer seed of zeros is taken: %v", err)
	}
}
