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
