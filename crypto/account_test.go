package crypto

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

// RFC 5869, appendix A, test case 3: no salt, no info. derive always has a label, so this calls the library directly;
// it tests that we use HKDF-SHA256.
func TestHKDFIsRFC5869(t *testing.T) {
	ikm := unhex(t, "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b")
	okm, err := hkdf.Key(sha256.New, ikm, nil, "", 42)
	want := "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
	if err != nil || hex.EncodeToString(okm) != want {
		t.Errorf("got %x, error %v", okm, err)
	}
}

func TestAccountKeysDiffer(t *testing.T) {
	s, other := fresh[AccountSecret](t, "account"), fresh[AccountSecret](t, "another")
	seen := make(map[[32]byte]string)
	for name, key := range map[string][32]byte{
		"the secret":            s,
		"writer":                s.Writer().ID(),
		"reader":                s.Reader(),
		"author":                s.Author().ID(),
		"frames":                s.Frames([32]byte{}),
		"frames, other salt":    s.Frames([32]byte{1}),
		"writer of another":     other.Writer().ID(),
		"reader of another":     other.Reader(),
		"author of another":     other.Author().ID(),
		"frames of another":     other.Frames([32]byte{}),
		"value key, no salt":    derive(s.Reader(), nil, labelValueKey),
		"value key of the root": derive(s, nil, labelValueKey),
	} {
		if before, ok := seen[key]; ok {
			t.Errorf("%s and %s are one key", name, before)
		}
		seen[key] = name
	}
	if again := fresh[AccountSecret](t, "account"); again.Writer() != s.Writer() || again.Reader() != s.Reader() ||
		again.Author() != s.Author() || again.Frames([32]byte{1}) != s.Frames([32]byte{1}) {
		t.Error("one secret gives two accounts")
	}
}

// A reader of a space must not be able to write it: the writer key is not derived from the read key, nor the other way
// round.
func TestReadingIsNotWriting(t *testing.T) {
	s := fresh[AccountSecret](t, "account")
	for _, label := range literals(t, "labels.go") {
		if NewWriterKey(derive(s.Reader(), nil, label)) == s.Writer() {
			t.Errorf("the read key gives the writer key by %q", label)
		}
	}
}
