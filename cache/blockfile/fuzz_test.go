package blockfile

import (
	"bytes"
	"testing"

	"postern/cache/tier"
	"postern/crypto"
	"postern/crypto/alloctest"
)

// FuzzParse: for any file, the parsed block encodes to the same bytes.
func FuzzParse(f *testing.F) {
	k := tier.Key{Blob: crypto.NameOf([]byte("fuzz")), Index: 7}
	file := append(header(k, tier.Block{Data: []byte("block"), Size: 12345}), "block"...)
	f.Add(file)
	f.Add(file[:len(file)-1])
	f.Add(append(file, "more"...))
	f.Add(append(header(tier.Key{Index: 7}, tier.Block{Data: []byte("block")}), "block"...))
	f.Add(header(k, tier.Block{}))
	f.Add([]byte(headerMagic))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, in []byte) {
		alloctest.Check(t, len(in), func() {
			b, err := parse(bytes.NewReader(in), k)
			if err != nil {
				return
			}
			if again := append(header(k, b), b.Data...); !bytes.HasPrefix(in, again) {
				t.Errorf("%x was read as %d bytes, size %d, which are written as %x", in, len(b.Data), b.Size, again)
			}
		})
	})
}

// FuzzBlocksIn: in any file, each block that is found lies within it and behind the one before.
func FuzzBlocksIn(f *testing.F) {
	k := tier.Key{Blob: crypto.NameOf([]byte("fuzz")), Index: 7}
	one := append(header(k, tier.Block{Data: []byte("block"), Size: 12345}), "block"...)
	k.Index = 8
	two := append(header(k, tier.Block{}), one...)
	f.Add(one)
	f.Add(two)
	f.Add(append(two, one...))
	f.Add(two[:len(two)-1])
	f.Add(append(one, make([]byte, 100)...))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, in []byte) {
		alloctest.Check(t, len(in), func() {
			b := blocksIn(bytes.NewReader(in), k.Blob, int64(len(in)))
			sum := b.dead
			for index, at := range b.blocks {
				sum += int64(at.n)
				if at.off < 0 || at.off+int64(at.n) > b.size || at.n < headerSize || index > tier.MaxIndex {
					t.Errorf("block %d lies at %+v", index, at)
				}
			}
			if sum != b.size || b.size > int64(len(in)) {
				t.Errorf("%d bytes of blocks in %d of %d bytes", sum, b.size, len(in))
			}
		})
	})
}
