package object_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"slices"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/object"
)

var update = flag.Bool("update", false, "write the vectors anew; only right before the format is in use")

// vector is one encoding in testdata/vectors.json, for this and every other implementation.
type vector struct {
	Name       string `json:"name"`
	Kind       string `json:"kind"`           // page, index, commit, head, entry
	Blob       string `json:"blob,omitempty"` // the blob that the node lies in
	Off        uint32 `json:"off,omitempty"`
	Plain      string `json:"plain"`      // hex
	Diagnostic string `json:"diagnostic"` // RFC 8949, 8

	plain []byte
}

func bytesFrom[T ~[16]byte | ~[20]byte | ~[32]byte](first byte) (v T) {
	for i := range len(v) {
		v[i] = first + byte(i)
	}
	return v
}

// mountOf returns a mount of a space whose keys are derived from its name.
func mountOf(name string, writable, file bool) object.Entry {
	secret := crypto.SpaceSecret(crypto.NameOf([]byte(name)))
	c := secret.Keys()
	c.Owner, c.Store, c.Epoch = author.ID(), bytesFrom[crypto.StoreID](0x60), 3
	target := &object.Target{Capability: c.ReadOnly(), File: file}
	if writable {
		target.Seed = crypto.WriterSeed(bytesFrom[crypto.NodeKey](0x33)).SealSeed(c.Writer)
	}
	return object.Entry{
		Name: name, Kind: object.Mount, Version: bytesFrom[vfs.Version](0x93), Modified: 2, Created: 1, Target: target,
	}
}

func vectors() []vector {
	other := bytesFrom[crypto.BlobName](0x10)
	meta, byteKey, node := bytesFrom[crypto.MetaKey](0x30), bytesFrom[crypto.BytesKey](0x50),
		bytesFrom[crypto.NodeKey](0x70)
	far, near := object.Ref{Blob: other, Off: 70_000, Len: 4000, Key: node},
		object.Ref{Blob: home.Blob, Off: 23, Len: 300, Key: node}
	small := object.Entry{
		Name: "Zo\u00eb.txt", Kind: object.File, Version: bytesFrom[vfs.Version](0x90), Modified: 1_763_632_800_000_000_001,
		Created: -1,
		Size:    5, ContentType: "text/plain; charset=utf-8", MD5: bytesFrom[[16]byte](0xa0), SHA1: bytesFrom[[20]byte](0xb0),
		Properties: []vfs.Property{{Name: vfs.PropertyName{Space: "urn:x", Local: "p"}, Lang: "de", Value: "<v/>"}},
		Content:    object.Content{Chunks: []object.Chunk{{Blob: home.Blob, Meta: meta, Bytes: byteKey}}},
	}
	large := object.Entry{
		Name: "film.mkv", Kind: object.File, Version: bytesFrom[vfs.Version](0x91), Modified: 1, Created: 1,
		Size: 129 * crypto.ChunkSize, Content: object.Content{Level: 1, Nodes: []object.Ref{far, near}},
	}
	none := object.Entry{Name: "none", Kind: object.File}
	folder := object.Entry{Name: "a", Kind: object.Folder, Version: bytesFrom[vfs.Version](0x92), Size: 300, Count: 2,
		Root: near}
	vacant := object.Entry{Name: "b", Kind: object.Folder}
	journal := small
	journal.Content = object.Content{Chunks: []object.Chunk{{Meta: meta, Bytes: byteKey}}}
	root := folder
	root.Name = ""
	first := object.Commit{Root: object.Entry{Kind: object.Folder}, Time: 1_763_632_800_000_000_000, Device: "laptop",
		Front: crypto.NameOf(nil)}
	later := object.Commit{
		Root: root, Parent: object.Parent{Commit: far, Hash: object.HashCommit([]byte("parent"))},
		Time: 1_763_632_900_000_000_000, Device: "Zo\u00eb's phone",
		Applied: []object.Applied{{Device: bytesFrom[object.DeviceID](1), Seq: 7},
			{Device: bytesFrom[object.DeviceID](2), Seq: 1 << 40}}, Front: other,
	}
	leaf := object.Page{Entries: []object.Entry{small, folder, vacant, large, none}}
	inner := object.Page{Level: 1,
		Children: []object.Child{{First: "a", Count: 40, Size: 1 << 33, Page: near}, {First: "\u00e9", Count: 1, Page: far}}}

	var all []vector
	add := func(name, kind string, plain []byte) {
		v := vector{Name: name, Kind: kind, Plain: hex.EncodeToString(plain), plain: plain}
		if kind == "page" || kind == "commit" {
			v.Blob, v.Off = home.Blob.String(), home.Off
		}
		v.Diagnostic, _ = cbor.Diagnose(plain)
		all = append(all, v)
	}
	sign := func(c object.Commit) []byte {
		// A signature covers the commit as stored in its blob.
		if c.Root.Root.Blob == home.Blob {
			c.Root.Root.Blob = crypto.BlobName{}
		}
		if c.Roster.Blob == home.Blob {
			c.Roster.Blob = crypto.BlobName{}
		}
		c.Sign(author)
		return c.Encode(crypto.BlobName{})
	}
	add("a leaf: a small file of the same blob, a folder, an empty one, a large file, an empty one", "page",
		object.AppendPage(nil, &leaf, home.Blob))
	add("an inner page of two leaves", "page", object.AppendPage(nil, &inner, home.Blob))
	add("an index of two chunks", "index",
		object.AppendIndex(nil,
			object.Content{Chunks: slices.Repeat([]object.Chunk{{Blob: other, Off: 9, Meta: meta, Bytes: byteKey}}, 2)}))
	add("an index of one index", "index", object.AppendIndex(nil, object.Content{Level: 1, Nodes: []object.Ref{far}}))
	add("the first commit of an empty space", "commit", sign(first))
	add("a later commit", "commit", sign(later))
	add("a pointer's value", "head", object.Head{Version: object.Version1, Commit: far}.Encode())
	for _, e := range []object.Entry{journal, large, folder} {
		far := e
		if e.Kind == object.Folder {
			far.Root.Blob = other
		}
		if e.Content.Level > 0 {
			far.Content = object.Content{Level: 1, Nodes: []object.Ref{{Blob: other, Len: 50}, {Blob: other, Len: 60}}}
		}
		add("an entry in a journal", "entry", object.AppendEntry(nil, &far, crypto.BlobName{}))
	}

	// Format 2.
	readable, writable := mountOf("photos", false, false), mountOf("talk.pdf", true, true)
	mounts := object.Page{Entries: []object.Entry{readable, writable}}
	add("a leaf: a mount that is read, a mount of a file that is written", "page",
		object.AppendPage(nil, &mounts, home.Blob))
	add("a mount in a journal", "entry", object.AppendEntry(nil, &writable, crypto.BlobName{}))
	shared := later
	shared.Roster = near
	shared.Root.Count = 1
	add("a commit of a space with a roster", "commit", sign(shared))
	add("a pointer's value of version 2", "head", object.Head{Version: object.Version2, Commit: far}.Encode())
	alone := object.Roster{Space: readable.Target.Capability.ID}
	alone.Sign(author)
	add("a roster of the owner alone", "roster", alone.Encode())
	several := object.Roster{Space: readable.Target.Capability.ID, Epoch: 3, Authors: []object.Author{
		{ID: bytesFrom[crypto.AuthorID](0x20), Rights: object.MayRead, Name: "Zo\u00eb"},
		{ID: bytesFrom[crypto.AuthorID](0x40), Rights: object.MayWrite},
	}}
	several.Sign(author)
	add("a roster of two more", "roster", several.Encode())
	return all
}

func TestVectors(t *testing.T) {
	const file = "testdata/vectors.json"
	have := vectors()
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
	var want []vector
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, have, cmp.FilterPath(func(p cmp.Path) bool {
		return p.Last().String() == ".plain"
	}, cmp.Ignore())); d != "" {
		t.Errorf("the format has changed (-want +got):\n%s", d)
	}
	for _, v := range want {
		plain, err := hex.DecodeString(v.Plain)
		if err != nil {
			t.Fatal(err)
		}
		switch v.Kind {
		case "page":
			_, err = object.DecodePage(plain, home)
		case "index":
			if _, err = object.DecodeIndex(plain, object.Ref{}, 1); err != nil {
				_, err = object.DecodeIndex(plain, object.Ref{}, 2)
			}
		case "commit":
			_, err = object.DecodeCommit(plain, home)
		case "head":
			_, err = object.DecodeHead(plain)
		case "roster":
			_, err = object.DecodeRoster(plain)
		case "entry":
			err = new(object.Entry).UnmarshalCBOR(plain)
		default:
			err = errors.New("a vector of no kind")
		}
		if err != nil {
			t.Errorf("%s: %v", v.Name, err)
		}
	}
}
