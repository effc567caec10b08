package disk

import (
	"bytes"
	"strconv"
	"strings"
	"testing"

	"postern/crypto"
	"postern/crypto/alloctest"
)

func TestParseMarker(t *testing.T) {
	if v, err := parseMarker([]byte(markerText)); err != nil || v != formatVersion {
		t.Errorf("our own: %d, %v", v, err)
	}
	for text, want := range map[string]uint64{"postern-store 1\n": 1, "postern-store 27\nanything": 27,
		"postern-store 4294967295\n": 1<<32 - 1} {
		if v, err := parseMarker([]byte(text)); err != nil || v != want {
			t.Errorf("%q: %d, %v", text, v, err)
		}
	}
	for _, text := range []string{
		"", "\n", "postern-store", "postern-store 1", "postern-store\n", "postern-store \n", "postern-store 0\n",
		"postern-store 01\n",
		"postern-store +1\n", "postern-store -1\n", "postern-store 1 \n", "postern-store 1\r\n", "postern-store 4294967296\n",
		"Postern-store 1\n",
		"\ufeffpostern-store 1\n", "postern-store 1x\n",
	} {
		if v, err := parseMarker([]byte(text)); err == nil {
			t.Errorf("%q is format %d", text, v)
		}
	}
}

func FuzzMarker(f *testing.F) {
	f.Add([]byte(markerText))
	f.Add([]byte("postern-store 2\n"))
	f.Add([]byte("postern-store 01\nx"))
	f.Fuzz(func(t *testing.T, b []byte) {
		alloctest.Check(t, len(b), func() {
			v, err := parseMarker(b)
			if err == nil && !bytes.HasPrefix(b, []byte("postern-store "+strconv.FormatUint(v, 10)+"\n")) {
				t.Errorf("%q is format %d", b, v)
			}
			if err != nil && v != 0 {
				t.Errorf("%q is format %d, and %v", b, v, err)
			}
		})
	})
}

func FuzzBlobFile(f *testing.F) {
	name := crypto.NameOf([]byte("sealed")).String()
	f.Add(name[:2], name)
	f.Add("00", name)
	f.Add(name[:2], strings.ToUpper(name))
	f.Add("..", "../postern-store")
	f.Fuzz(func(t *testing.T, shard, file string) {
		alloctest.Check(t, len(shard)+len(file), func() {
			got, ok := parseBlobFile(shard, file)
			if ok != (len(file) == 64 && got.String() == file && file[:2] == shard) {
				t.Errorf("%q in %q is blob %v: %v", file, shard, got, ok)
			}
		})
	})
}

func FuzzPointerFile(f *testing.F) {
	key := crypto.NewWriterKey([32]byte{1})
	good := key.Sign(1, crypto.PointerValue{1}).Marshal()
	f.Add(good)
	f.Add(good[:100])
	f.Add(append(bytes.Clone(good), 0))
	f.Add(crypto.NewWriterKey([32]byte{2}).Sign(1, crypto.PointerValue{1}).Marshal())
	f.Fuzz(func(t *testing.T, b []byte) {
		alloctest.Check(t, len(b), func() {
			p, err := parsePointer(b, key.ID())
			if err != nil {
				if p != (crypto.Pointer{}) {
					t.Errorf("a pointer along with %v", err)
				}
				return
			}
			if p.ID != key.ID() || !bytes.Equal(p.Marshal(), b) {
				t.Errorf("%x is pointer %v of sequence %d", b, p.ID, p.Seq)
			}
		})
	})
}
