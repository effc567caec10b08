package crypto

import (
	"bytes"
	"testing"
)

type nodeVector struct {
	Name   string   `json:"name"`
	Key    hexBytes `json:"key"`
	Plain  hexBytes `json:"plain,omitempty"`
	Sealed hexBytes `json:"sealed"`
	Error  string   `json:"error,omitempty"`
}

func TestNodeVectors(t *testing.T) {
	const about = "OpenNode(key, sealed) is plain, or fails with error. SealNode(key, plain) is sealed."
	key := keyOf(0x10)
	sealed := SealNode(nil, key, []byte("a folder page"))
	made := []nodeVector{
		{"short", hexOf(key), hexBytes("a folder page"), sealed, ""},
		{"empty", hexOf(key), hexBytes{}, SealNode(nil, key, nil), ""},
		{"251 bytes", hexOf(keyOf(0x11)), counting(251), SealNode(nil, keyOf(0x11), counting(251)), ""},
		{"another key", hexOf(keyOf(0x11)), nil, sealed, "open"},
		{"first byte changed", hexOf(key), nil, flipped(sealed, 0), "open"},
		{"tag changed", hexOf(key), nil, flipped(sealed, len(sealed)-1), "open"},
		{"cut short", hexOf(key), nil, sealed[:len(sealed)-1], "open"},
		{"shorter than a tag", hexOf(key), nil, sealed[:15], "open"},
		{"without its label", hexOf(key), nil, sealOnce(nil, key, []byte("a folder page"), nil), "open"},
	}
	testVectors(t, "node", about, made, func(t *testing.T, v nodeVector) {
		plain, err := OpenNode(NodeKey(v.Key), v.Sealed)
		wantOutcome(t, v.Name, err, v.Error, bytes.Equal(plain, v.Plain))
	})
}

type chunkMetaVector struct {
	Name    string   `json:"name"`
	Key     hexBytes `json:"key"`
	Number  uint64   `json:"number,string"`
	Size    uint32   `json:"size"`
	Version hexBytes `json:"version,omitempty"`
	Sealed  hexBytes `json:"sealed"`
	Error   string   `json:"error,omitempty"`
}

func TestChunkMetaVectors(t *testing.T) {
	const about = "OpenChunkMeta(key, sealed) is number, size and version, or fails with error. SealChunkMeta of them " +
		"is sealed."
	key, version := keyOf(0x20), [16]byte(counting(16))
	seal := func(m ChunkMeta) []byte { return SealChunkMeta(nil, key, m) }
	good := func(name string, m ChunkMeta) chunkMetaVector {
		return chunkMetaVector{name, hexOf(key), m.Number, m.Size, m.Version[:], seal(m), ""}
	}
	bad := func(name string, sealed []byte, kind string) chunkMetaVector {
		return chunkMetaVector{Name: name, Key: hexOf(key), Sealed: sealed, Error: kind}
	}
	whole := seal(ChunkMeta{Number: 1, Size: 2, Version: version})
	reserved := make([]byte, metaPlainSize)
	reserved[3], reserved[metaOffSize+3], reserved[metaPlainSize-1] = metaLayout, 1, 1
	made := []chunkMetaVector{
		good("the smallest", ChunkMeta{Size: 1}),
		good("the first full one", ChunkMeta{Size: ChunkSize, Version: version}),
		good("the largest", ChunkMeta{Number: 1<<64 - 1, Size: ChunkSize, Version: version}),
		bad("an empty chunk", seal(ChunkMeta{}), "format"),
		bad("larger than a chunk", seal(ChunkMeta{Size: ChunkSize + 1}), "format"),
		bad("a reserved byte in use", sealOnce(nil, key, reserved, []byte(labelChunkMeta)), "format"),
		bad("layout 0", sealOnce(nil, key, make([]byte, metaPlainSize), []byte(labelChunkMeta)), "format"),
		bad("changed", flipped(whole, 5), "open"),
		bad("cut short", whole[:95], "format"),
		bad("one byte more", append(bytes.Clone(whole), 0), "format"),
	}
	testVectors(t, "chunk-meta", about, made, func(t *testing.T, v chunkMetaVector) {
		m, err := OpenChunkMeta(MetaKey(v.Key), v.Sealed)
		same := m.Number == v.Number && m.Size == v.Size && bytes.Equal(m.Version[:], v.Version)
		wantOutcome(t, v.Name, err, v.Error, same)
	})
}

type chunkVector struct {
	Name      string   `json:"name"`
	Key       hexBytes `json:"key"`
	PlainSize int      `json:"plainSize"`
	Segments  int      `json:"segments"`
	Sealed    hexBytes `json:"sealed,omitempty"`
	BLAKE3    BlobName `json:"blake3"`
}

func TestChunkVectors(t *testing.T) {
	const about = "The plain bytes of a chunk are plainSize bytes 0, 1, … 250, 0, 1, …. Its sealed segments, " +
		"one after another and without the metadata, have this BLAKE3 hash; short ones are given whole."
	make1 := func(name string, key [32]byte, n int) chunkVector {
		sealed := bytes.Join(sealAll(NewSegments(key), counting(n)), nil)
		v := chunkVector{name, hexOf(key), n, SegmentCount(n), nil, NameOf(sealed)}
		if len(sealed) < 300 {
			v.Sealed = sealed
		}
		return v
	}
	key := keyOf(0x30)
	made := []chunkVector{
		make1("one byte", key, 1),
		make1("short", key, 100),
		make1("a segment less a byte", key, SegmentSize-1),
		make1("a segment", key, SegmentSize),
		make1("a segment and a byte", key, SegmentSize+1),
		make1("two segments", key, 2*SegmentSize),
		make1("a full chunk less a byte", key, ChunkSize-1),
		make1("a full chunk", keyOf(0x31), ChunkSize),
	}
	testVectors(t, "chunk", about, made, func(t *testing.T, v chunkVector) {
		segments := sealAll(NewSegments(BytesKey(v.Key)), counting(v.PlainSize))
		sealed := bytes.Join(segments, nil)
		if len(segments) != v.Segments || NameOf(sealed) != v.BLAKE3 || len(v.Sealed) > 0 && !bytes.Equal(sealed, v.Sealed) {
			t.Errorf("%s: sealed otherwise", v.Name)
		}
	})
}

type segmentVector struct {
	Name   string   `json:"name"`
	Key    hexBytes `json:"key"`
	Index  uint32   `json:"index"`
	Last   bool     `json:"last"`
	Plain  hexBytes `json:"plain,omitempty"`
	Sealed hexBytes `json:"sealed"`
	Error  string   `json:"error,omitempty"`
}

func TestSegmentVectors(t *testing.T) {
	const about = "Segment index of a chunk, the last or not, opens to plain or fails with error."
	key := keyOf(0x40)
	s := NewSegments(key)
	plain := []byte("the end of a film")
	sealed := s.Seal(nil, 3, true, plain)
	made := []segmentVector{
		{"the last of four", hexOf(key), 3, true, plain, sealed, ""},
		{"the only one", hexOf(key), 0, true, plain, s.Seal(nil, 0, true, plain), ""},
		{"the last possible", hexOf(key), 79, true, plain, s.Seal(nil, 79, true, plain), ""},
		{"an empty chunk", hexOf(key), 0, true, hexBytes{}, s.Seal(nil, 0, true, nil), ""},
		{"moved", hexOf(key), 2, true, nil, sealed, "open"},
		{"changed", hexOf(key), 3, true, nil, flipped(sealed, 3), "open"},
		{"cut short", hexOf(key), 3, true, nil, sealed[:len(sealed)-1], "open"},
		{"sealed as not the last", hexOf(key), 3, true, nil, s.Seal(nil, 3, false, plain), "open"},
		{"short, and not the last", hexOf(key), 3, false, nil, s.Seal(nil, 3, false, plain), "format"},
		{"empty, and not the first", hexOf(key), 3, true, nil, s.Seal(nil, 3, true, nil), "format"},
		{"beyond a chunk", hexOf(key), 80, true, nil, s.Seal(nil, 80, true, plain), "format"},
	}
	testVectors(t, "segment", about, made, func(t *testing.T, v segmentVector) {
		plain, err := NewSegments(BytesKey(v.Key)).Open(nil, v.Index, v.Last, v.Sealed)
		wantOutcome(t, v.Name, err, v.Error, bytes.Equal(plain, v.Plain))
	})
}

type frameVector struct {
	Name   string   `json:"name"`
	Key    hexBytes `json:"key"`
	N      uint64   `json:"n,string"`
	AD     hexBytes `json:"ad"`
	Plain  hexBytes `json:"plain,omitempty"`
	Sealed hexBytes `json:"sealed"`
	Error  string   `json:"error,omitempty"`
}

func TestFrameVectors(t *testing.T) {
	const about = "Frame n of a local file, with this associated data, opens to plain or fails with error."
	key := keyOf(0x50)
	ad, plain := []byte("length"), []byte("an operation")
	sealed := SealFrame(nil, key, 1, ad, plain)
	made := []frameVector{
		{"frame 1", hexOf(key), 1, ad, plain, sealed, ""},
		{"frame 0 without associated data", hexOf(key), 0, hexBytes{}, plain, SealFrame(nil, key, 0, nil, plain), ""},
		{"the last frame", hexOf(key), 1<<64 - 1, ad, hexBytes{}, SealFrame(nil, key, 1<<64-1, ad, nil), ""},
		{"another number", hexOf(key), 2, ad, nil, sealed, "open"},
		{"other associated data", hexOf(key), 1, hexBytes("Length"), nil, sealed, "open"},
		{"cut short", hexOf(key), 1, ad, nil, sealed[:3], "open"},
	}
	testVectors(t, "frame", about, made, func(t *testing.T, v frameVector) {
		plain, err := OpenFrame(FrameKey(v.Key), v.N, v.AD, v.Sealed)
		wantOutcome(t, v.Name, err, v.Error, bytes.Equal(plain, v.Plain))
	})
}

type cborVector struct {
	Name    string   `json:"name"`
	Encoded hexBytes `json:"encoded"`
	Number  uint64   `json:"number,string"`
	Bytes   hexBytes `json:"bytes,omitempty"`
	Error   string   `json:"error,omitempty"`
}

func TestCBORVectors(t *testing.T) {
	const about = "A map of 1: an unsigned number, and 2: bytes, left out when empty; decoded strictly, or refused."
	type pair struct {
		Number uint64 `cbor:"1,keyasint"`
		Bytes  []byte `cbor:"2,keyasint,omitempty"`
	}
	bad := func(name, encoded string) cborVector {
		return cborVector{Name: name, Encoded: unhex(t, encoded), Error: "format"}
	}
	made := []cborVector{
		{"both", unhex(t, "a20105024101"), 5, hexBytes{1}, ""},
		{"bytes left out", unhex(t, "a10100"), 0, nil, ""},
		{"the largest number", unhex(t, "a1011bffffffffffffffff"), 1<<64 - 1, nil, ""},
		bad("nothing", ""),
		bad("a number longer than needed", "a2011805024101"),
		bad("a length longer than needed", "a2010502580101"),
		bad("keys out of order", "a20241010105"),
		bad("a key twice", "a201050105"),
		bad("an unknown key", "a201050305"),
		bad("a missing key", "a1024101"),
		bad("empty bytes that are there", "a201050240"),
		bad("null", "a2010502f6"),
		bad("an indefinite map", "bf0105024101ff"),
		bad("a tag", "a201c105024101"),
		bad("a float", "a101f94500"),
		bad("a byte too many", "a1010000"),
	}
	testVectors(t, "cbor", about, made, func(t *testing.T, v cborVector) {
		var p pair
		err := Decode(v.Encoded, &p)
		wantOutcome(t, v.Name, err, v.Error, p.Number == v.Number && bytes.Equal(p.Bytes, v.Bytes))
		if v.Error == "" {
			again, err := Encode(p)
			wantOutcome(t, v.Name+", encoded", err, "", bytes.Equal(again, v.Encoded))
		}
	})
}
