package object_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/object"
)

// TestRefused checks DecodePage against testdata/refused.json, which any implementation must reject.
func TestRefused(t *testing.T) {
	const file = "testdata/refused.json"
	have := map[string]string{}
	for _, set := range []map[string][]byte{pagesThatCantBe(), otherSpellings()} {
		for name, b := range set {
			if _, err := object.DecodePage(b, home); !errors.Is(err, crypto.ErrFormat) {
				t.Errorf("%s: %v", name, err)
			}
			if len(b) < 10_000 { // one is too long for the file
				have[name] = hex.EncodeToString(b)
			}
		}
	}
	if *update {
		b, err := json.MarshalIndent(have, "", "\t")
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
	var want map[string]string
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, have); d != "" {
		t.Errorf("the format has changed (-want +got):\n%s", d)
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		plain, err := hex.DecodeString(want[name])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := object.DecodePage(plain, home); !errors.Is(err, crypto.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// pagesThatCantBe returns encodings of impossible pages, by their fault.
func pagesThatCantBe() map[string][]byte {
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
	all := map[string][]byte{}
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
		"bytes in no chunk":            with(func(e *object.Entry) { e.Size = 1 }),
		"a chunk for no bytes":         with(func(e *object.Entry) { e.Content = chunks(1, far) }),
		"five chunks inline": with(func(e *object.Entry) {
			e.Size, e.Content = 5*crypto.ChunkSize, chunks(5, far)
		}),
		"a level too high": with(func(e *object.Entry) {
			e.Size, e.Content = 1, object.Content{Level: 1, Nodes: []object.Ref{home}}
		}),
		"a chunk later in the blob": with(func(e *object.Entry) {
			e.Size, e.Content = 1, chunks(1, object.Chunk{Blob: home.Blob, Off: home.Off})
		}),
		"a file beyond all files": with(func(e *object.Entry) { e.Size = object.MaxFileSize + 1 }),
		"a long content type": with(func(e *object.Entry) {
			e.ContentType = strings.Repeat("x", object.MaxContentType+1)
		}),
		"properties out of order": with(func(e *object.Entry) {
			e.Properties = []vfs.Property{prop("b", ""), prop("a", "")}
		}),
		"a property twice": with(func(e *object.Entry) {
			e.Properties = []vfs.Property{prop("a", ""), prop("a", "")}
		}),
		"a property without a name": with(func(e *object.Entry) { e.Properties = []vfs.Property{prop("", "")} }),
		"too many properties": with(func(e *object.Entry) {
			e.Properties = []vfs.Property{prop("a", strings.Repeat("x", 1<<16-1)), prop("b", "")}
		}),
		"an empty folder of some bytes":  with(func(e *object.Entry) { e.Kind, e.Size = object.Folder, 1 }),
		"an empty folder of some things": with(func(e *object.Entry) { e.Kind, e.Count = object.Folder, 1 }),
		"a folder of nothing": with(func(e *object.Entry) {
			e.Kind, e.Root = object.Folder, object.Ref{Blob: crypto.BlobName{1}, Len: 50}
		}),
		"a folder in itself": with(func(e *object.Entry) { e.Kind, e.Count, e.Root = object.Folder, 1, home }),
		"a folder that ends in itself": with(func(e *object.Entry) {
			e.Kind, e.Count, e.Root = object.Folder, 1, object.Ref{Blob: home.Blob, Off: home.Off - 50, Len: 51}
		}),
		"one child":               {Level: 1, Children: []object.Child{child("a", 1, 1)}},
		"children out of order":   {Level: 1, Children: []object.Child{child("b", 1, 1), child("a", 1, 1)}},
		"a child twice":           {Level: 1, Children: []object.Child{child("a", 1, 1), child("a", 1, 1)}},
		"an empty child":          {Level: 1, Children: []object.Child{child("a", 1, 1), child("b", 0, 0)}},
		"a child from nothing on": {Level: 1, Children: []object.Child{child("", 1, 1), child("b", 1, 0)}},
		"too high": {Level: object.MaxPageLevel + 1,
			Children: []object.Child{child("a", 1, 1), child("b", 1, 1)}},
	} {
		all[name] = object.AppendPage(nil, &p, home.Blob)
	}
	return all
}

// otherSpellings returns non-canonical encodings of a page, and encodings of other nodes.
func otherSpellings() map[string][]byte {
	p := object.Page{Entries: []object.Entry{{Name: "a", Kind: object.Folder}}}
	good := object.AppendPage(nil, &p, home.Blob) // 83 01 00 81 89 02 61 'a' 50 …
	splice := func(at, n int, by ...byte) []byte { return slices.Concat(good[:at], by, good[at+n:]) }
	f := object.Page{Entries: []object.Entry{{Name: "a", Kind: object.File}}}
	file := object.AppendPage(nil, &f, home.Blob) // 83 01 00 81 8b 01 61 'a' 50 …
	m := object.Page{Entries: []object.Entry{mountOf("a", false, false)}}
	mount := object.AppendPage(nil, &m, home.Blob) // … 58 75 01 … f6 f4
	capability := len(mount) - 2 - crypto.ReadCapabilitySize
	return map[string][]byte{
		"an unknown kind":         slices.Concat(file[:5], []byte{3}, file[6:]), // to a reader of format 1
		"a kind of no format":     splice(5, 1, 4),
		"a folder called a mount": splice(5, 1, 3),
		"a roster":                splice(1, 1, 4),
		"a mount of a number":     slices.Concat(mount[:len(mount)-1], []byte{1}),
		"a mount undefined":       slices.Concat(mount[:len(mount)-1], []byte{0xf7}),
		"a capability of no kind": slices.Concat(mount[:capability], []byte{3}, mount[capability+1:]),
		"a capability cut short": slices.Concat(mount[:capability-1], []byte{crypto.ReadCapabilitySize - 1},
			mount[capability:len(mount)-3], mount[len(mount)-2:]),
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
	}
}
