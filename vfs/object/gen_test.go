package object_test

import (
	"strings"

	"pgregory.net/rapid"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/object"
)

// home is the place of the nodes in these tests: late in a blob, so that there is room before them.
var home = object.Ref{Blob: crypto.BlobName{0xaa, 31: 0xbb}, Off: 3 << 20, Len: 1000, Key: crypto.NodeKey{1}}

func fill[T ~[16]byte | ~[20]byte | ~[32]byte | ~[64]byte](t *rapid.T, what string) (v T) {
	b := rapid.SliceOfN(rapid.Byte(), len(v), len(v)).Draw(t, what)
	for i := range b {
		v[i] = b[i]
	}
	return v
}

func blobName(t *rapid.T) crypto.BlobName {
	if rapid.Bool().Draw(t, "same blob") {
		return home.Blob
	}
	name := fill[crypto.BlobName](t, "blob")
	name[0] |= 1 // never zero
	return name
}

func ref(t *rapid.T) object.Ref {
	return object.Ref{
		Blob: blobName(t),
		Off:  rapid.Uint32Range(0, home.Off-object.MaxNode).Draw(t, "off"),
		Len:  rapid.Uint32Range(crypto.NodeOverhead+1, object.MaxNode).Draw(t, "len"),
		Key:  fill[crypto.NodeKey](t, "key"),
	}
}

func content(t *rapid.T, size int64) (c object.Content) {
	level, items := object.Shape(size)
	c.Level = level
	for range items {
		if level > 0 {
			c.Nodes = append(c.Nodes, ref(t))
			continue
		}
		c.Chunks = append(c.Chunks, object.Chunk{
			Blob: blobName(t), Off: rapid.Uint32Range(0, home.Off-1).Draw(t, "off"),
			Meta: fill[crypto.MetaKey](t, "meta"), Bytes: fill[crypto.BytesKey](t, "bytes"),
		})
	}
	return c
}

func properties(t *rapid.T) []vfs.Property {
	var props []vfs.Property
	for i := range rapid.IntRange(0, 3).Draw(t, "properties") {
		props = append(props, vfs.Property{
			Name: vfs.PropertyName{Space: rapid.SampledFrom([]string{"", "DAV:"}).Draw(t, "space") + strings.Repeat("~", i),
				Local: rapid.StringN(1, 9, 30).Draw(t, "local")},
			Lang:  rapid.SampledFrom([]string{"", "de-CH"}).Draw(t, "lang"),
			Value: rapid.String().Draw(t, "value"),
		})
	}
	for i := 1; i < len(props); i++ {
		if object.CompareProperties(props[i-1].Name, props[i].Name) >= 0 {
			return props[:i]
		}
	}
	return props
}

func entry(t *rapid.T, name string) object.Entry {
	e := object.Entry{
		Name: name, Kind: object.Folder, Version: fill[vfs.Version](t, "version"),
		Modified: rapid.Int64().Draw(t, "modified"), Created: rapid.Int64().Draw(t, "created"), Properties: properties(t),
	}
	if rapid.IntRange(0, 7).Draw(t, "mount") == 0 {
		m := mountOf(name, rapid.Bool().Draw(t, "writable"), rapid.Bool().Draw(t, "of a file"))
		e.Kind, e.Target = m.Kind, m.Target
	} else if rapid.Bool().Draw(t, "file") {
		e.Kind = object.File
		e.Size = rapid.OneOf(rapid.Int64Range(0, 30<<20), rapid.Int64Range(0, object.MaxFileSize)).Draw(t, "size")
		e.ContentType = rapid.SampledFrom([]string{"", "text/plain", "image/jpeg"}).Draw(t, "type")
		e.MD5, e.SHA1 = fill[[16]byte](t, "md5"), fill[[20]byte](t, "sha1")
		e.Content = content(t, e.Size)
	} else if rapid.Bool().Draw(t, "filled") {
		e.Root = ref(t)
		e.Size, e.Count = rapid.Int64Min(0).Draw(t, "size"), rapid.Int64Min(1).Draw(t, "count")
	}
	return e
}

func page(t *rapid.T) (p object.Page) {
	names := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) string {
		return strings.Map(func(r rune) rune {
			if r == '/' || r == 0 || r == 0xfffd {
				return 'x'
			}
			return r
		}, rapid.StringN(1, 20, 100).Draw(t, "name")) + "~" // neither "." nor ".."
	}), 2, 6, object.SortKey).Draw(t, "names")
	sortBy(names, object.SortKey)
	if p.Level = rapid.Uint8Range(0, 3).Draw(t, "level"); p.Level == 0 {
		for _, name := range names {
			p.Entries = append(p.Entries, entry(t, name))
		}
		return p
	}
	for _, name := range names {
		p.Children = append(p.Children, object.Child{
			First: object.SortKey(name), Page: ref(t),
			Count: rapid.Int64Range(1, 1<<60).Draw(t, "count"), Size: rapid.Int64Range(0, 1<<60).Draw(t, "size"),
		})
	}
	return p
}

func commit(t *rapid.T) object.Commit {
	c := object.Commit{Root: entry(t, "x"), Time: rapid.Int64().Draw(t, "time"),
		Device: rapid.StringN(0, 20, 80).Draw(t, "device"), Front: fill[crypto.BlobName](t, "front")}
	for c.Root.Kind != object.Folder {
		c.Root = entry(t, "x")
	}
	c.Root.Name = ""
	if rapid.Bool().Draw(t, "parent") {
		c.Parent = object.Parent{Commit: ref(t), Hash: fill[object.CommitHash](t, "hash")}
		c.Parent.Commit.Blob = crypto.BlobName{9}
	}
	if rapid.Bool().Draw(t, "roster") {
		c.Roster = ref(t)
	}
	for range rapid.IntRange(0, 3).Draw(t, "devices") {
		c.Applied = object.WithApplied(c.Applied, fill[object.DeviceID](t, "id"), uint64(rapid.Int64Min(0).Draw(t, "seq")))
	}
	return c
}
