package crypto

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Some vectors of BLAKE3 itself: https://github.com/BLAKE3-team/BLAKE3/blob/master/test_vectors/test_vectors.json,
// whose input is 0, 1, … 250, 0, 1, …
func TestNameOfIsBLAKE3(t *testing.T) {
	for n, want := range map[int]string{
		0:    "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
		1:    "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213",
		1023: "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11",
		1024: "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7",
	} {
		input := make([]byte, n)
		for i := range input {
			input[i] = byte(i % 251)
		}
		if got := NameOf(input).String(); got != want {
			t.Errorf("%d bytes: %s, want %s", n, got, want)
		}
	}
}

func TestNewNameHash(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOf(rapid.SliceOfN(rapid.Byte(), 0, 5000)).Draw(t, "parts")
		h, whole := NewNameHash(), []byte{}
		for _, part := range parts {
			if _, err := h.Write(part); err != nil {
				t.Fatal(err)
			}
			whole = append(whole, part...)
		}
		if got := BlobName(h.Sum(nil)); got != NameOf(whole) {
			t.Fatalf("in parts %v, at once %v", got, NameOf(whole))
		}
	})
}

func TestBlobNameText(t *testing.T) {
	name := NameOf([]byte("some blob"))
	parsed, err := ParseBlobName(name.String())
	if err != nil || parsed != name {
		t.Errorf("parsed %v, error %v", parsed, err)
	}
	b, err := json.Marshal(map[string]BlobName{"name": name})
	if err != nil || string(b) != `{"name":"`+name.String()+`"}` {
		t.Errorf("as JSON %s, error %v", b, err)
	}
	var back map[string]BlobName
	if err := json.Unmarshal(b, &back); err != nil || back["name"] != name {
		t.Errorf("from JSON %v, error %v", back, err)
	}
	kept := name
	wantKind(t, kept.UnmarshalText([]byte("ff")), ErrFormat, "a short text")
	if kept != name {
		t.Error("a failed UnmarshalText changes the name")
	}
	if name.IsZero() || !(BlobName{}).IsZero() {
		t.Error("IsZero is wrong")
	}
}

func TestHexIsStrict(t *testing.T) {
	good := strings.Repeat("0f", 32)
	if _, err := ParseBlobName(good); err != nil {
		t.Errorf("the good one: %v", err)
	}
	for _, bad := range []string{
		"", "0f", good[1:], good + "0", good[:62] + "0F", "0x" + good[2:], good[:63] + "g", good[:63] + " ", " " + good[:63],
		good[:62] + "\u00e9", strings.Repeat("/", 64), good[:32] + "\x00" + good[33:],
	} {
		_, err := ParseBlobName(bad)
		wantKind(t, err, ErrFormat, bad)
		_, err = ParsePointerID(bad)
		wantKind(t, err, ErrFormat, bad)
	}
	if id, err := ParsePointerID(good); err != nil || id.String() != good {
		t.Errorf("pointer id %v, error %v", id, err)
	}
}
