package crypto

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// update writes the vectors anew: `make vectors`. That changes the format, unless it only adds vectors.
var update = flag.Bool("update", false, "write testdata/vectors anew")

// vectorFile is one file of testdata/vectors: the meaning of its vectors, and the vectors.
type vectorFile[V any] struct {
	About   string `json:"about"`
	Vectors []V    `json:"vectors"`
}

// hexBytes are bytes that a vector holds as hexadecimal digits.
type hexBytes []byte

func (b hexBytes) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, b), nil }

func (b *hexBytes) UnmarshalText(text []byte) (err error) {
	*b, err = hex.AppendDecode([]byte{}, text)
	return err
}

// testVectors checks a file of vectors in both directions: this build makes the vectors in the file, and each vector of
// the file, read as another implementation would read it, passes check.
func testVectors[V any](t *testing.T, name, about string, made []V, check func(t *testing.T, v V)) {
	t.Helper()
	path := filepath.Join("testdata", "vectors", name+".json")
	want, err := json.MarshalIndent(vectorFile[V]{about, made}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(have), string(want)); diff != "" {
		t.Errorf("this build does not write the format that %s holds (-file +build):\n%s", path, diff)
	}
	var file vectorFile[V]
	d := json.NewDecoder(bytes.NewReader(have))
	d.DisallowUnknownFields()
	if err := d.Decode(&file); err != nil {
		t.Fatal(err)
	}
	for _, v := range file.Vectors {
		check(t, v)
	}
	if len(file.Vectors) == 0 {
		t.Errorf("%s holds no vectors", path)
	}
}

// kindOf names an error as vectors do. The empty name is success.
func kindOf(t *testing.T, err error) string {
	t.Helper()
	kinds := map[string]error{"open": ErrOpen, "format": ErrFormat, "signature": ErrSignature, "retired": ErrRetired,
		"recipient": ErrRecipient, "password": ErrPassword, "revoked": ErrRevoked}
	for name, kind := range kinds {
		if errors.Is(err, kind) {
			return name
		}
	}
	if err != nil {
		t.Fatalf("an error of no kind: %v", err)
	}
	return ""
}

// wantOutcome compares the outcome of a vector with the expected one.
func wantOutcome(t *testing.T, name string, err error, kind string, same bool) {
	t.Helper()
	if got := kindOf(t, err); got != kind {
		t.Errorf("%s: error %q, want %q", name, got, kind)
	} else if err == nil && !same {
		t.Errorf("%s: another outcome", name)
	}
}

// flipped returns a copy of b with the lowest bit of one byte flipped.
func flipped(b []byte, at int) []byte {
	damaged := bytes.Clone(b)
	damaged[at] ^= 1
	return damaged
}

// counting returns the n bytes 0, 1, … 250, 0, 1, …, as in the vectors of BLAKE3.
func counting(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i % 251)
	}
	return b
}

// keyOf returns 32 bytes b, b+1, b+2, …
func keyOf(b byte) (key [32]byte) {
	for i := range key {
		key[i] = b + byte(i)
	}
	return key
}

// hexOf returns a copy of 32 bytes for a vector.
func hexOf(b [32]byte) hexBytes { return b[:] }

// testdata/second is an independent implementation, written from FORMAT.md, which must agree with the vectors. So the
// document is complete, and the vectors are not just the behaviour of this build.
func TestSecondImplementation(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3 here")
	}
	var stderr bytes.Buffer
	check := exec.Command(python, "-B", filepath.Join("testdata", "second", "check.py"))
	check.Stderr = &stderr
	out, err := check.Output()
	if err != nil {
		t.Fatalf("it disagrees: %v\n%s", err, stderr.Bytes())
	}
	if agreed, err := strconv.Atoi(string(bytes.TrimSpace(out))); err != nil || agreed < 80 {
		t.Errorf("it looked at %q vectors", out)
	}
}

// kept returns the bytes of the first vector of an existing file, so that vectors with the system's randomness stay the
// same; first makes them if there is no file.
func kept[V any](t *testing.T, name string, bytesOf func(V) hexBytes, first func() []byte) []byte {
	t.Helper()
	have, err := os.ReadFile(filepath.Join("testdata", "vectors", name+".json"))
	if errors.Is(err, fs.ErrNotExist) && *update {
		return first()
	}
	var file vectorFile[V]
	if err == nil {
		err = json.Unmarshal(have, &file)
	}
	if err != nil || len(file.Vectors) == 0 {
		t.Fatalf("no vector is kept: %v", err)
	}
	return bytesOf(file.Vectors[0])
}
