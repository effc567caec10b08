package local

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"testing"

	"postern/crypto"
)

// FuzzDecode checks that a decoded record is encoded back to the same bytes, and that it has one or two parts of
// different spaces.
func FuzzDecode(f *testing.F) {
	own, other, third := crypto.PointerID{1}, crypto.PointerID{2}, crypto.PointerID{3}
	op, blobs := []byte{1, 2}, []crypto.BlobName{{4}}
	for _, r := range []Record{
		One(Part{Space: own, Op: op, Blobs: blobs}),
		One(Part{Space: own, Theirs: op, Device: "laptop", Time: 5}),
		One(Part{Space: own, Notes: op}),
		One(Part{Space: own, Op: op, Blobs: blobs, Notes: op}),
		One(Part{Space: own, Theirs: op, Notes: op}),
		One(Part{Space: other, Op: op}),
		{Parts: []Part{{Space: own, Op: op, Blobs: blobs}, {Space: other, Op: op}}},
		{Parts: []Part{{Space: other, Op: op}, {Space: third, Theirs: op}}},
		{Parts: []Part{{Space: other, Op: op}, {Space: other, Op: op}}},
	} {
		b, err := r.encode(own)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte{manyMark, 0x80})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decode(b, own)
		if err != nil {
			return
		}
		again, err := r.encode(own)
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x became %x, %v", b, again, err)
		}
		switch n := len(r.Parts); {
		case n == 2 && (r.Parts[0].Space == r.Parts[1].Space || len(r.Parts[0].Op) == 0 || len(r.Parts[1].Op) == 0):
			t.Errorf("two parts that can't be applied: %+v", r)
		case n != 1 && n != 2:
			t.Errorf("%d parts", n)
		}
	})
}

// TestEarlierRecords checks that records from before there was a private state are read, and still written with the
// same bytes.
func TestEarlierRecords(t *testing.T) {
	own, other := crypto.PointerID{1}, crypto.PointerID{2}
	op, blobs := []byte{1, 2}, []crypto.BlobName{{4}}
	for text, r := range map[string]Record{
		"854201028158200400000000000000000000000000000000000000000000000000000000000000406000": One(Part{Space: own, Op: op, Blobs: blobs}),
		"854080420102666c6170746f7005": One(Part{Space: own, Theirs: op, Device: "laptop", Time: 5}),
		"8182865820010000000000000000000000000000000000000000000000000000000000000042010281582004000000000000" +
			"0000000000000000000000000000000000000000000000000040600086582002000000000000000000000000000000000000" +
			"0000000000000000000000000042010280406000": {Parts: []Part{{Space: own, Op: op, Blobs: blobs}, {Space: other, Op: op}}},
	} {
		want, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := r.encode(own); err != nil || !bytes.Equal(b, want) {
			t.Errorf("%+v is written as %x, %v", r, b, err)
		}
		if got, err := decode(want, own); err != nil || fmt.Sprint(got) != fmt.Sprint(r) {
			t.Errorf("%s is read as %+v, %v", text, got, err)
		}
	}
}
