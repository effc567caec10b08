package registry_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"postern/crypto"
	"postern/remote"
	"postern/remote/mem"
	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/registry"
	"postern/vfs/tree"
)

// nothing is where trees that are only in memory are read from.
type nothing struct{}

func (nothing) GetRange(context.Context, crypto.BlobName, int64, []byte) error {
	return errors.New("nothing is sealed")
}

func empty() tree.Tree { return tree.New(tree.NewNodes(nothing{}, tree.Options{}), object.Entry{}) }

func whole(t testing.TB, folder tree.Tree) tree.Tree {
	t.Helper()
	w, err := tree.New(tree.NewNodes(nothing{}, tree.Options{}), object.Entry{}).Graft(t.Context(), registry.Path, folder)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestTree checks that a state is read as it was written, also when it was written on top of an earlier one.
func TestTree(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a, b, _ := states(rt)
		later := registry.Join(a, b)
		folder, err := a.Tree(t.Context(), empty(), registry.State{})
		if err != nil {
			rt.Fatal(err)
		}
		for _, s := range []registry.State{a, later} {
			if s.Len() > 0 {
				got, err := registry.FromTree(t.Context(), whole(t, folder))
				if err != nil || !registry.Equal(got, s) {
					rt.Fatalf("%s became %s, %v", show(s), show(got), err)
				}
			}
			if folder, err = later.Tree(t.Context(), folder, a); err != nil {
				rt.Fatal(err)
			}
		}
	})
}

// TestEncode checks that a state is the join of its parts, as they are stored locally.
func TestEncode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, _, _ := states(t)
		var got registry.State
		for _, part := range s.Split() {
			b, err := part.Encode()
			if err != nil {
				t.Fatal(err)
			}
			one, err := registry.Decode(b)
			if err != nil {
				t.Fatal(err)
			}
			got = registry.Join(got, one)
		}
		if !registry.Equal(got, s) {
			t.Fatalf("%s became %s", show(s), show(got))
		}
	})
}

// TestMany checks that a full state is written, read and encoded, and that one more record is refused.
func TestMany(t *testing.T) {
	var s registry.State
	for from := 0; from < registry.MaxRecords; from += 5000 {
		var notes []registry.Note
		for i := range 5000 {
			notes = append(notes, registry.Note{Kind: registry.Received, ID: fmt.Sprintf("%06d", from+i),
				Set: map[string][]byte{"day": []byte("20000")}})
		}
		var part registry.State
		part = part.With(notes...)
		s = registry.Join(s, part)
	}
	if _, _, err := s.Note(registry.Note{Kind: "a", ID: "one more"}); !errors.Is(err, vfs.ErrTooLarge) {
		t.Errorf("one record too many: %v", err)
	}
	folder, err := s.Tree(t.Context(), empty(), registry.State{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := registry.FromTree(t.Context(), whole(t, folder))
	if err != nil || !registry.Equal(got, s) {
		t.Errorf("%d records became %d: %v", s.Len(), got.Len(), err)
	}
	for _, part := range s.Split() {
		if _, err := part.Encode(); err != nil {
			t.Error(err)
		}
	}
}

// entryOf returns the only file of the folder of a state.
func entryOf(t testing.TB, notes ...registry.Note) object.Entry {
	t.Helper()
	folder, err := registry.State{}.With(notes...).Tree(t.Context(), empty(), registry.State{})
	if err != nil {
		t.Fatal(err)
	}
	for e, err := range folder.List(t.Context(), "/") {
		if err != nil {
			t.Fatal(err)
		}
		o, _ := e.Object()
		return o
	}
	t.Fatal("no file")
	return object.Entry{}
}

// read decodes a folder that holds one entry.
func read(t testing.TB, o object.Entry) (registry.State, error) {
	t.Helper()
	batch := tree.NewBatch(empty())
	var op tree.Op = tree.Graft{Path: "/" + o.Name, Entry: o}
	if err := batch.Apply(t.Context(), op); err != nil {
		t.Skip(err)
	}
	return registry.FromTree(t.Context(), whole(t, batch.Tree()))
}

// TestRefused checks that a folder which Tree would not have made is damage that names the folder, and never an empty
// state.
func TestRefused(t *testing.T) {
	note := registry.Note{Kind: registry.Friend, ID: "bob", Set: map[string][]byte{"key": []byte("k")}}
	good := entryOf(t, note)
	property := func(name, value string) func(*object.Entry) {
		return func(o *object.Entry) {
			o.Properties = []vfs.Property{{Name: vfs.PropertyName{Local: name}, Value: value}}
		}
	}
	for name, change := range map[string]func(o *object.Entry){
		"a name without an id":   func(o *object.Entry) { o.Name = "friend" },
		"an empty id":            func(o *object.Entry) { o.Name = "friend-" },
		"an id not in base64":    func(o *object.Entry) { o.Name = "friend-Ym9i=" },
		"an id with bits left":   func(o *object.Entry) { o.Name = "friend-Yn" },
		"an id with a line end":  func(o *object.Entry) { o.Name = "friend-Ym\n9i" },
		"a kind in upper case":   func(o *object.Entry) { o.Name = "Friend-Ym9i" },
		"a version":              func(o *object.Entry) { o.Version[0] = 1 },
		"a time":                 func(o *object.Entry) { o.Modified = 1 },
		"a content type":         func(o *object.Entry) { o.ContentType = "text/plain" },
		"another hash":           func(o *object.Entry) { o.SHA1[0] ^= 1 },
		"a folder":               func(o *object.Entry) { *o = object.Entry{Name: o.Name, Kind: object.Folder} },
		"a namespace":            func(o *object.Entry) { o.Properties[0].Name.Space = "x" },
		"a language":             func(o *object.Entry) { o.Properties[0].Lang = "de" },
		"no counter":             property("key", "aw"),
		"a counter of 0":         property("key", "0 aw"),
		"a counter with a zero":  property("key", "01 aw"),
		"a counter with a sign":  property("key", "+1 aw"),
		"a huge counter":         property("key", "9223372036854775808 aw"),
		"no value":               property("key", "1"),
		"a value with a padding": property("key", "1 aw=="),
		"a value with bits left": property("key", "1 ax"),
		"two spaces":             property("key", "1  aw"),
		"a field with a space":   property("a key", "1 aw"),
	} {
		o := good
		o.Properties = slices.Clone(good.Properties)
		change(&o)
		s, err := read(t, o)
		var e *vfs.Error
		if !errors.Is(err, vfs.ErrCorrupt) || !errors.As(err, &e) || e.Path != registry.Path || s.Len() > 0 {
			t.Errorf("%s: %s, %v", name, show(s), err)
		}
	}
	if s, err := read(t, good); err != nil || !registry.Equal(s, registry.State{}.With(note)) {
		t.Errorf("%s, %v", show(s), err)
	}
	file, err := empty().Sub(t.Context(), "/")
	if err != nil {
		t.Fatal(err)
	}
	batch := tree.NewBatch(file)
	op := tree.Put{Path: registry.Path, Entry: object.Entry{Kind: object.File}}
	if err := batch.Apply(t.Context(), op); err != nil {
		t.Fatal(err)
	}
	for name, whole := range map[string]tree.Tree{"an empty folder": whole(t, empty()), "a file": batch.Tree()} {
		if _, err := registry.FromTree(t.Context(), whole); !errors.Is(err, vfs.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLost checks that a missing or damaged page of the folder is an error, never an empty state.
func TestLost(t *testing.T) {
	store := mem.New()
	nodes := tree.NewNodes(store, tree.Options{})
	var s registry.State
	for i := range 200 {
		path := bytes.Repeat([]byte("p"), 100)
		s = s.With(registry.Note{Kind: registry.Share, ID: fmt.Sprint(i), Set: map[string][]byte{"path": path}})
	}
	folder, err := s.Tree(t.Context(), tree.New(nodes, object.Entry{}), registry.State{})
	if err != nil {
		t.Fatal(err)
	}
	w, err := tree.New(nodes, object.Entry{}).Graft(t.Context(), registry.Path, folder)
	if err != nil {
		t.Fatal(err)
	}
	var blobs []crypto.BlobName
	packed, err := tree.Pack(t.Context(), w, tree.Packing{Rand: rand.Reader,
		Emit: func(ctx context.Context, blob []byte) (crypto.BlobName, error) {
			blobs = append(blobs, crypto.NameOf(blob))
			return crypto.NameOf(blob), store.Put(ctx, crypto.NameOf(blob), remote.BytesBody(blob))
		},
		Commit: func(root object.Entry, front crypto.BlobName) ([]byte, error) {
			c := object.Commit{Root: root, Front: front}
			c.Sign(crypto.AccountSecret{1}.Author())
			return c.Encode(crypto.BlobName{}), nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	packed.Settle()
	sealed := tree.New(tree.NewNodes(store, tree.Options{}), packed.Root)
	if got, err := registry.FromTree(t.Context(), sealed); err != nil || !registry.Equal(got, s) {
		t.Fatalf("%d records, %v", got.Len(), err)
	}
	for _, name := range blobs {
		if err := store.Delete(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	sealed = tree.New(tree.NewNodes(store, tree.Options{}), packed.Root)
	if got, err := registry.FromTree(t.Context(), sealed); !errors.Is(err, vfs.ErrCorrupt) || got.Len() > 0 {
		t.Errorf("%d records, %v", got.Len(), err)
	}
}

// FuzzEntry checks that a file of the folder that is read is written again with the same bytes.
func FuzzEntry(f *testing.F) {
	for _, n := range []registry.Note{
		{Kind: registry.Friend, ID: "bob", Set: map[string][]byte{"key": []byte("k"), registry.Stage: []byte("2live")}},
		{Kind: "later", ID: "\x00/\xff", Set: map[string][]byte{"y.z_1-A": nil}},
		{Kind: "empty", ID: "e"},
	} {
		o := entryOf(f, n)
		f.Add(object.AppendEntry(nil, &o, crypto.BlobName{}))
		o.Version[0] = 1
		f.Add(object.AppendEntry(nil, &o, crypto.BlobName{}))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var o object.Entry
		if o.UnmarshalCBOR(b) != nil {
			return
		}
		s, err := read(t, o)
		if err != nil {
			return
		}
		folder, err := s.Tree(t.Context(), empty(), registry.State{})
		if err != nil {
			t.Fatal(err)
		}
		for e := range folder.List(t.Context(), "/") {
			again, _ := e.Object()
			if got := object.AppendEntry(nil, &again, crypto.BlobName{}); !bytes.Equal(got, b) {
				t.Errorf("%x became %x", b, got)
			}
		}
	})
}

// FuzzDecode checks that a local encoding that is read is written again with the same bytes.
func FuzzDecode(f *testing.F) {
	for _, s := range []registry.State{{}, registry.State{}.With(
		registry.Note{Kind: registry.Friend, ID: "bob", Set: map[string][]byte{"key": nil, registry.Stage: []byte("2")}},
		registry.Note{Kind: "later", ID: "\x00/\xff"})} {
		b, err := s.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := registry.Decode(b)
		if err != nil {
			return
		}
		if again, err := s.Encode(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x became %x, %v", b, again, err)
		}
	})
}
