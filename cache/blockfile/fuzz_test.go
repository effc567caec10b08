package blockfile

import (
	"bytes"
	"strings"
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

// FuzzName: a file name that parses is the name of its key.
func FuzzName(f *testing.F) {
	name := crypto.NameOf([]byte("fuzz")).String()
	for _, s := range []string{name + "-00", name + "-ff", name + "-FF", name + "-0", name, "", "-",
		strings.ToUpper(name) + "-00", name + "-00.new"} {
		f.Add(s)
	}
	disk := newTier("dir", Options{})
	f.Fuzz(func(t *testing.T, in string) {
		alloctest.Check(t, len(in), func() {
			k, ok := parseName(in)
			if ok && !strings.HasSuffix(disk.path(k), "/"+in) {
				t.Errorf("%q was read as %+v, which is written as %s", in, k, disk.path(k))
			}
		})
	})
}
