package crypto

import (
	"encoding/binary"
	"testing"

	"pgregory.net/rapid"
)

func TestChunkMetaRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := MetaKey(rapid.SliceOfN(rapid.Byte(), KeySize, KeySize).Draw(t, "key"))
		m := ChunkMeta{
			Number:  rapid.Uint64().Draw(t, "number"),
			Size:    rapid.Uint32Range(1, ChunkSize).Draw(t, "size"),
			Version: [16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "version")),
		}
		sealed := SealChunkMeta([]byte("before"), k, m)
		if len(sealed) != len("before")+ChunkMetaSize {
			t.Fatalf("%d bytes", len(sealed))
		}
		if got, err := OpenChunkMeta(k, sealed[len("before"):]); err != nil || got != m {
			t.Fatalf("got %+v, error %v", got, err)
		}
	})
}

func TestChunkMetaNoticesDamage(t *testing.T) {
	k := fresh[MetaKey](t, "meta")
	sealed := SealChunkMeta(nil, k, ChunkMeta{Number: 7, Size: 100})
	eachFlip(sealed, func(_ int, damaged []byte) {
		_, err := OpenChunkMeta(k, damaged)
		wantKind(t, err, ErrOpen, "a flipped bit")
	})
	eachLength(sealed, func(damaged []byte) {
		_, err := OpenChunkMeta(k, damaged)
		wantKind(t, err, ErrFormat, "another length")
	})
}

// Authentic bytes may still be malformed, by a later version or a malicious friend.
func TestChunkMetaIsStrict(t *testing.T) {
	k := fresh[MetaKey](t, "strict")
	good := func() []byte {
		b := make([]byte, metaPlainSize)
		binary.BigEndian.PutUint32(b, metaLayout)
		binary.BigEndian.PutUint32(b[metaOffSize:], ChunkSize)
		return b
	}
	open := func(plain []byte) error {
		_, err := OpenChunkMeta(k, sealOnce(nil, k, plain, []byte(labelChunkMeta)))
		return err
	}
	if err := open(good()); err != nil {
		t.Fatalf("the good one: %v", err)
	}
	for name, spoil := range map[string]func([]byte){
		"layout 0":     func(b []byte) { b[3] = 0 },
		"layout 2":     func(b []byte) { b[3] = 2 },
		"layout 2^24":  func(b []byte) { b[0] = 1 },
		"an empty one": func(b []byte) { clear(b[metaOffSize:metaOffNumber]) },
		"too large":    func(b []byte) { b[metaOffSize+3]++ },
	} {
		b := good()
		spoil(b)
		wantKind(t, open(b), ErrFormat, name)
	}
	for i := metaOffZero; i < metaPlainSize; i++ {
		b := good()
		b[i] = 1
		wantKind(t, open(b), ErrFormat, "a reserved byte")
	}
}
