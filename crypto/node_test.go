package crypto

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

func TestNodeRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := NodeKey(rapid.SliceOfN(rapid.Byte(), KeySize, KeySize).Draw(t, "key"))
		plain := rapid.SliceOfN(rapid.Byte(), 0, 3000).Draw(t, "plain")
		before := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "before")

		sealed := SealNode(bytes.Clone(before), k, plain)
		if !bytes.HasPrefix(sealed, before) || len(sealed) != len(before)+len(plain)+NodeOverhead {
			t.Fatalf("%d bytes after %d became %d", len(plain), len(before), len(sealed))
		}
		opened, err := OpenNode(k, sealed[len(before):])
		if err != nil || !bytes.Equal(opened, plain) {
			t.Fatalf("opened %x, error %v", opened, err)
		}
	})
}

func TestNodeNoticesDamage(t *testing.T) {
	k := fresh[NodeKey](t, "node")
	sealed := SealNode(nil, k, []byte("a page of a folder"))
	eachFlip(sealed, func(bit int, damaged []byte) {
		plain, err := OpenNode(k, damaged)
		wantKind(t, err, ErrOpen, "a flipped bit")
		if plain != nil {
			t.Errorf("bit %d: bytes leave unauthenticated", bit)
		}
	})
	eachLength(sealed, func(damaged []byte) {
		_, err := OpenNode(k, damaged)
		wantKind(t, err, ErrOpen, "another length")
	})
	eachFlip(k[:], func(_ int, other []byte) {
		_, err := OpenNode(NodeKey(other), sealed)
		wantKind(t, err, ErrOpen, "another key")
	})
}

// Bytes sealed for one purpose open for no other, even under the same key bytes.
func TestPurposesKeepApart(t *testing.T) {
	raw := fresh[[32]byte](t, "one key for all")
	plain := make([]byte, metaPlainSize)
	plain[3] = metaLayout
	plain[metaOffSize+3] = 1

	sealed := map[string][]byte{
		"node":    SealNode(nil, NodeKey(raw), plain),
		"meta":    SealChunkMeta(nil, MetaKey(raw), ChunkMeta{Size: 1}),
		"segment": NewSegments(BytesKey(raw)).Seal(nil, 0, true, plain),
		"frame":   SealFrame(nil, FrameKey(raw), 0, nil, plain),
	}
	open := map[string]func([]byte) error{
		"node":    func(b []byte) error { _, err := OpenNode(NodeKey(raw), b); return err },
		"meta":    func(b []byte) error { _, err := OpenChunkMeta(MetaKey(raw), b); return err },
		"segment": func(b []byte) error { _, err := NewSegments(BytesKey(raw)).Open(nil, 0, true, b); return err },
		"frame":   func(b []byte) error { _, err := OpenFrame(FrameKey(raw), 0, nil, b); return err },
	}
	for from, b := range sealed {
		for to, f := range open {
			err := f(b)
			if from == to && err != nil {
				t.Errorf("%s does not open as what it is: %v", from, err)
			}
			if from != to {
				wantKind(t, err, ErrOpen, from+" opened as "+to)
			}
		}
	}
}
