package crypto

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// sample has one of every shape that the format uses.
type sample struct {
	Name   string            `cbor:"1,keyasint"`
	Size   int64             `cbor:"2,keyasint"`
	Kind   uint8             `cbor:"3,keyasint"`
	Key    NodeKey           `cbor:"4,keyasint"`
	Bytes  []byte            `cbor:"5,keyasint"`
	List   []sampleItem      `cbor:"6,keyasint"`
	Counts map[string]uint64 `cbor:"7,keyasint"`
	Maybe  uint32            `cbor:"8,keyasint,omitempty"`
	Flag   bool              `cbor:"9,keyasint"`
}

type sampleItem struct {
	_    struct{} `cbor:",toarray"`
	Name BlobName
	Off  uint32
}

func TestCBORRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := sample{
			Name:   rapid.String().Draw(t, "name"),
			Size:   rapid.Int64().Draw(t, "size"),
			Kind:   rapid.Uint8().Draw(t, "kind"),
			Key:    NodeKey(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "key")),
			Bytes:  rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"),
			Counts: rapid.MapOf(rapid.String(), rapid.Uint64()).Draw(t, "counts"),
			Maybe:  rapid.Uint32().Draw(t, "maybe"),
			Flag:   rapid.Bool().Draw(t, "flag"),
		}
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			s.List = append(s.List, sampleItem{Name: NameOf(s.Bytes), Off: s.Maybe})
		}
		b, err := Encode(s)
		if err != nil {
			t.Fatal(err)
		}
		var got sample
		if err := Decode(b, &got); err != nil {
			t.Fatal(err)
		}
		again, err := Encode(got)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x becomes %x, error %v", b, again, err)
		}
		for n := range b {
			wantFormat(t, b[:n], "a truncation")
		}
		wantFormat(t, append(bytes.Clone(b), 0), "a byte too many")
	})
}

func wantFormat(t rapid.TB, b []byte, what string) {
	t.Helper()
	var s sample
	if err := Decode(b, &s); err == nil || !strings.Contains(err.Error(), ErrFormat.Error()) {
		t.Errorf("%s: %x is taken, error %v", what, b, err)
	}
}

func TestCBORWritesCanonically(t *testing.T) {
	for _, c := range []struct {
		v    any
		want string
	}{
		{0, "00"}, {23, "17"}, {24, "1818"}, {256, "190100"}, {1 << 32, "1b0000000100000000"}, {-1, "20"},
		{"ü", "62c3bc"},
		{[]byte{1, 2}, "420102"},
		{[2]byte{1, 2}, "420102"},
		{[]byte(nil), "40"},
		{[]uint(nil), "80"},
		{map[string]int(nil), "a0"},
		{map[string]int{"b": 1, "a": 2, "aa": 3}, "a3616102616201626161" + "03"},
		{map[int]int{100: 1, -1: 2, 10: 3}, "a30a0318640120" + "02"},
		{true, "f5"},
		{1.5, "f93e00"},
	} {
		if got, err := Encode(c.v); err != nil || hex.EncodeToString(got) != c.want {
			t.Errorf("%v becomes %x, want %s, error %v", c.v, got, c.want, err)
		}
	}
	if _, err := Encode(func() {}); err == nil {
		t.Error("a function is encoded")
	}
	if _, err := Encode(make([]byte, maxCBORSize)); err == nil {
		t.Error("more than a blob holds is encoded")
	}
}

func TestCBORIsStrict(t *testing.T) {
	type pair struct {
		A uint64 `cbor:"1,keyasint"`
		B []byte `cbor:"2,keyasint,omitempty"`
	}
	var p pair
	if err := Decode(unhex(t, "a20105024101"), &p); err != nil || p.A != 5 || !bytes.Equal(p.B, []byte{1}) {
		t.Fatalf("the good one: %+v, error %v", p, err)
	}
	for name, b := range map[string]string{
		"nothing":                   "",
		"a number longer than need": "a2011805024101",
		"a length longer than need": "a2010502580101",
		"a key longer than needed":  "a218010502" + "4101",
		"keys out of order":         "a202410101" + "05",
		"a key twice":               "a201050105",
		"an unknown key":            "a2010503" + "05",
		"a missing key":             "a1024101",
		"an empty optional":         "a201050240",
		"null for bytes":            "a2010502f6",
		"undefined for bytes":       "a2010502f7",
		"an indefinite map":         "bf0105024101ff",
		"indefinite bytes":          "a20105025f4101ff",
		"a tag":                     "a201c105024101",
		"a self-describing tag":     "d9d9f7a20105024101",
		"a big number":              "a201c24105024101",
		"a float for a number":      "a201f94500024101",
		"a negative number":         "a20120024101",
		"text for bytes":            "a20105026101",
		"an array for bytes":        "a20105028101",
		"two values":                "a2010502410100",
		"an array":                  "80",
		"null":                      "f6",
		"a reserved length":         "a2011c024101",
		"a number cut short":        "a20119",
		"bytes cut short":           "a20105024401",
		"a map that claims much":    "bb7fffffffffffffff",
		"bytes that claim much":     "a20105025b7fffffffffffffff",
	} {
		var p pair
		err := Decode(unhex(t, b), &p)
		wantKind(t, err, ErrFormat, name)
	}
}

func TestCBORStringsAndArrays(t *testing.T) {
	var s string
	wantKind(t, Decode([]byte{0x61, 0xff}, &s), ErrFormat, "text that is not UTF-8")
	var four [4]byte
	wantKind(t, Decode(unhex(t, "43010203"), &four), ErrFormat, "three bytes for four")
	wantKind(t, Decode(unhex(t, "450102030405"), &four), ErrFormat, "five bytes for four")
	if err := Decode(unhex(t, "4401020304"), &four); err != nil || four != [4]byte{1, 2, 3, 4} {
		t.Errorf("four bytes: %v, error %v", four, err)
	}
	var small uint8
	wantKind(t, Decode(unhex(t, "190100"), &small), ErrFormat, "a number beyond its type")
}

func TestCBORIsBounded(t *testing.T) {
	var v any
	wantKind(t, Decode(append(bytes.Repeat([]byte{0x81}, 200), 0), &v), ErrFormat, "deep nesting")
	wantKind(t, Decode(make([]byte, maxCBORSize+1), &v), ErrFormat, "more bytes than a blob holds")
	many, err := Encode(make([]uint, maxCBORItems+1))
	if err != nil {
		t.Fatal(err)
	}
	var list []uint
	wantKind(t, Decode(many, &list), ErrFormat, "too many items")
}

func TestDecodeNeedsAPointer(t *testing.T) {
	for _, v := range []any{nil, 5, sample{}, (*sample)(nil)} {
		if err := Decode([]byte{0}, v); err == nil {
			t.Errorf("%T is decoded into", v)
		}
	}
}
