package crypto

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"postern/crypto/alloctest"
)

// Each parser is fuzzed: no input panics, rejected input gets the right kind of error, and accepted input is the one
// encoding of the result.

func FuzzParsePointer(f *testing.F) {
	p := somePointer(f, "fuzz", 1)
	f.Add(p.Marshal())
	f.Add(p.Marshal()[:PointerSize-1])
	f.Add([]byte(pointerMagic))
	listed := NewWriterKey(fresh[[32]byte](f, "fuzz, listed")).SignListed(1, PointerValue{})
	f.Add(listed.Marshal())
	f.Add(append([]byte(listedMagic), p.Marshal()[len(pointerMagic):]...))
	f.Fuzz(func(t *testing.T, b []byte) {
		alloctest.Check(t, len(b), func() {
			got, err := ParsePointer(b)
			if err != nil {
				wantKind(t, err, ErrFormat, "refused")
				return
			}
			if !bytes.Equal(got.Marshal(), b) {
				t.Errorf("%x is taken for %x", b, got.Marshal())
			}
			if err := got.Verify(); err != nil {
				wantKind(t, err, ErrSignature, "not verified")
			} else if got.ID == p.ID && got != p {
				t.Error("forged")
			}
		})
	})
}

func FuzzDecode(f *testing.F) {
	for _, s := range []sample{{}, {Name: "a", Size: -1, Counts: map[string]uint64{"b": 1}, List: []sampleItem{{Off: 7}},
		Maybe: 1, Flag: true}} {
		b, err := Encode(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte{0xbf, 0xff})
	f.Add([]byte{0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		alloctest.Check(t, len(b), func() {
			var s sample
			decodesToItself(t, b, &s)
			var free any
			decodesToItself(t, b, &free)
			var list []sampleItem
			decodesToItself(t, b, &list)
		})
	})
}

func decodesToItself(t *testing.T, b []byte, v any) {
	t.Helper()
	if err := Decode(b, v); err != nil {
		wantKind(t, err, ErrFormat, "refused")
		return
	}
	if again, err := Encode(v); err != nil || !bytes.Equal(again, b) {
		t.Errorf("%x is taken for %x, error %v", b, again, err)
	}
}

func FuzzOpenChunkMeta(f *testing.F) {
	k := fresh[MetaKey](f, "fuzz")
	good := SealChunkMeta(nil, k, ChunkMeta{Number: 1, Size: 2})
	f.Add(good, make([]byte, metaPlainSize))
	f.Add(good[:95], bytes.Repeat([]byte{0, 0, 0, 1}, metaPlainSize/4))
	f.Fuzz(func(t *testing.T, sealed, plain []byte) {
		alloctest.Check(t, len(sealed)+len(plain), func() {
			if _, err := OpenChunkMeta(k, sealed); (err == nil) != bytes.Equal(sealed, good) {
				t.Errorf("%x: error %v", sealed, err)
			}
			resealed := sealOnce(nil, k, plain, []byte(labelChunkMeta))
			m, err := OpenChunkMeta(k, resealed)
			if err != nil {
				wantKind(t, err, ErrFormat, "refused")
			} else if !bytes.Equal(SealChunkMeta(nil, k, m), resealed) {
				t.Errorf("%x is taken for %+v", plain, m)
			}
		})
	})
}

func FuzzOpenSegment(f *testing.F) {
	s := NewSegments(fresh[BytesKey](f, "fuzz"))
	good := s.Seal(nil, 1, true, []byte("plain"))
	f.Add(uint32(1), true, good)
	f.Add(uint32(80), false, []byte{})
	f.Fuzz(func(t *testing.T, index uint32, last bool, sealed []byte) {
		alloctest.Check(t, len(sealed), func() {
			plain, err := s.Open(nil, index, last, sealed)
			if (err == nil) != (index == 1 && last && bytes.Equal(sealed, good)) {
				t.Errorf("segment %d, last %v: %x, error %v", index, last, sealed, err)
			}
			if err != nil && (plain != nil || !errors.Is(err, ErrOpen) && !errors.Is(err, ErrFormat)) {
				t.Errorf("refused with %v and %x", err, plain)
			}
		})
	})
}

func FuzzOpenValue(f *testing.F) {
	k, w := fresh[ReadKey](f, "fuzz"), NewWriterKey(fresh[[32]byte](f, "fuzz"))
	f.Add(make([]byte, valuePlainSize))
	f.Add([]byte{0, 2, 1, 1})
	f.Fuzz(func(t *testing.T, start []byte) {
		alloctest.Check(t, len(start), func() {
			plain := make([]byte, valuePlainSize)
			copy(plain, start)
			var salt [valueSaltSize]byte
			v := PointerValue(sealOnce(salt[:], derive(k, salt[:], labelValueKey), plain, valueAD(w.ID(), 1)))
			got, err := OpenValue(k, Pointer{ID: w.ID(), Seq: 1, Value: v})
			if err != nil {
				wantKind(t, err, ErrFormat, "refused")
				return
			}
			again, err := SealValue(k, w.ID(), 1, got, bytes.NewReader(salt[:]))
			if err != nil || again != v {
				t.Errorf("%x is taken for %x, error %v", plain, got, err)
			}
		})
	})
}

func FuzzParseBlobName(f *testing.F) {
	f.Add(NameOf(nil).String())
	f.Add(strings.Repeat("F", 64))
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		alloctest.Check(t, len(s), func() {
			name, err := ParseBlobName(s)
			if err != nil {
				wantKind(t, err, ErrFormat, "refused")
			} else if name.String() != s {
				t.Errorf("%q is taken for %v", s, name)
			}
		})
	})
}

func FuzzSecretFromWords(f *testing.F) {
	f.Add(strings.Repeat("abandon ", 23) + "art")
	f.Add(strings.Repeat("ZOO\t", 23) + "vote\n")
	f.Add(strings.Repeat("zoo ", 24))
	f.Fuzz(func(t *testing.T, typed string) {
		alloctest.Check(t, len(typed), func() {
			words := strings.Fields(typed)
			s, err := SecretFromWords(words)
			if err != nil {
				if s != (AccountSecret{}) {
					t.Error("refused, and yet a secret")
				}
				return
			}
			for i, word := range words {
				words[i] = strings.ToLower(word)
			}
			if !slices.Equal(s.Words(), words) {
				t.Errorf("%q is taken for other words", typed)
			}
		})
	})
}

func FuzzNormalizeUser(f *testing.F) {
	for _, name := range []string{"alice", "\uff21lice", "..", "\u0130", "al\xffice", strings.Repeat("\u216b", 30)} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		alloctest.Check(t, len(name), func() {
			clean, err := NormalizeUser(name)
			if err != nil {
				return
			}
			if again, err := NormalizeUser(clean); err != nil || again != clean {
				t.Errorf("%q becomes %q, and that %q, error %v", name, clean, again, err)
			}
			if strings.Trim(clean, "abcdefghijklmnopqrstuvwxyz0123456789._-") != "" || len(clean) > maxUserName {
				t.Errorf("%q becomes %q", name, clean)
			}
		})
	})
}

func FuzzNormalizePassphrase(f *testing.F) {
	for _, phrase := range []string{"correct horse", "e\u0301", "\u00a0", "\xff", "\u0378", "\U0001f600"} {
		f.Add(phrase)
	}
	f.Fuzz(func(t *testing.T, phrase string) {
		alloctest.Check(t, len(phrase), func() {
			clean, err := normalizePassphrase(phrase)
			if err != nil {
				return
			}
			if again, err := normalizePassphrase(clean); err != nil || again != clean || !utf8.ValidString(clean) ||
				clean == "" {
				t.Errorf("%q becomes %q, and that %q, error %v", phrase, clean, again, err)
			}
		})
	})
}

func FuzzParseCapability(f *testing.F) {
	c := testCapability(0x90)
	f.Add(c.Marshal())
	f.Add(c.ReadOnly().Marshal())
	f.Fuzz(func(t *testing.T, b []byte) {
		alloctest.Check(t, len(b), func() {
			got, err := ParseCapability(b)
			if err != nil {
				wantKind(t, err, ErrFormat, "refused")
			} else if !bytes.Equal(got.Marshal(), b) {
				t.Errorf("%x is taken for another capability", b)
			}
		})
	})
}
