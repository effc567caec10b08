package crypto

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// somePointer returns a signed pointer whose value is not sealed by anything.
func somePointer(t testing.TB, seed string, seq uint64) Pointer {
	t.Helper()
	return NewWriterKey(fresh[[32]byte](t, seed)).Sign(seq, PointerValue(someBytes(t, seed, PointerValueSize)))
}

func TestPointerRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := NewWriterKey([32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "seed")))
		seq := rapid.Uint64().Draw(t, "seq")
		v := PointerValue(rapid.SliceOfN(rapid.Byte(), PointerValueSize, PointerValueSize).Draw(t, "value"))
		sign := k.Sign
		if rapid.Bool().Draw(t, "listed") {
			sign = k.SignListed
		}
		p := sign(seq, v)
		if p.ID != k.ID() || p.Seq != seq || p.Value != v {
			t.Fatalf("signed is %+v", p)
		}
		if err := p.Verify(); err != nil {
			t.Fatal(err)
		}
		b := p.Marshal()
		if len(b) != PointerSize {
			t.Fatalf("%d bytes", len(b))
		}
		parsed, err := ParsePointer(b)
		if err != nil || parsed != p || parsed.Hash() != p.Hash() || !bytes.Equal(parsed.Marshal(), b) {
			t.Fatalf("parsed %+v, error %v", parsed, err)
		}
		if again := sign(seq, v); again != p {
			t.Fatal("signed again it is another pointer")
		}
	})
}

func TestPointerNoticesDamage(t *testing.T) {
	p := somePointer(t, "damage", 7)
	eachFlip(p.Marshal(), func(bit int, damaged []byte) {
		got, err := ParsePointer(damaged)
		if bit < 8*pointerOffID {
			wantKind(t, err, ErrFormat, "a flipped bit of the magic")
			return
		}
		if err != nil {
			t.Fatalf("bit %d: %v", bit, err)
		}
		wantKind(t, got.Verify(), ErrSignature, "a flipped bit")
		if got.Hash() == p.Hash() {
			t.Errorf("bit %d: the hash is the same", bit)
		}
	})
	eachLength(p.Marshal(), func(damaged []byte) {
		_, err := ParsePointer(damaged)
		wantKind(t, err, ErrFormat, "another length")
	})
}

// A signature is good for one pointer in one state.
func TestPointerCannotBeMixed(t *testing.T) {
	a, b, other := somePointer(t, "a", 1), somePointer(t, "a", 2), somePointer(t, "b", 1)
	for name, mixed := range map[string]Pointer{
		"another state's signature":   {ID: a.ID, Seq: a.Seq, Value: a.Value, Signature: b.Signature},
		"another pointer's signature": {ID: a.ID, Seq: a.Seq, Value: a.Value, Signature: other.Signature},
		"another pointer's id":        {ID: other.ID, Seq: a.Seq, Value: a.Value, Signature: a.Signature},
		"a later sequence number":     {ID: a.ID, Seq: b.Seq, Value: a.Value, Signature: a.Signature},
		"no signature":                {ID: a.ID, Seq: a.Seq, Value: a.Value, Signature: Signature{}},
		"nothing at all":              {},
	} {
		wantKind(t, mixed.Verify(), ErrSignature, name)
	}
}

// RFC 8032 §5.1.7: S must be below the order of the group, or anybody could make a second signature of a first.
func TestSignatureIsNotMalleable(t *testing.T) {
	p := somePointer(t, "malleable", 1)
	order := unhex(t, "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010") // little-endian
	carry := 0
	for i := range order {
		sum := int(p.Signature[32+i]) + int(order[i]) + carry
		p.Signature[32+i], carry = byte(sum), sum>>8
	}
	if carry != 0 {
		t.Fatal("S and the order do not fit 32 bytes")
	}
	wantKind(t, p.Verify(), ErrSignature, "S plus the order of the group")
}

func TestZeroWriterKeySignsNothing(t *testing.T) {
	wantKind(t, WriterKey{}.Sign(1, PointerValue{}).Verify(), ErrSignature, "the zero key")
}

func TestPointerHashText(t *testing.T) {
	p := somePointer(t, "text", 1)
	if h := p.Hash(); h.IsZero() || h.String() != NameOf(p.Marshal()).String() {
		t.Errorf("hash %v", h)
	}
	if !(PointerHash{}).IsZero() {
		t.Error("the zero hash is not zero")
	}
}

func TestListingIsSigned(t *testing.T) {
	k := NewWriterKey(fresh[[32]byte](t, "listed"))
	for _, p := range []Pointer{k.Sign(1, PointerValue{1}), k.SignListed(1, PointerValue{1})} {
		if err := p.Verify(); err != nil {
			t.Fatal(err)
		}
		other := p
		other.Listed = !p.Listed
		wantKind(t, other.Verify(), ErrSignature, "a state that was listed or hidden by somebody else")
		if other.Hash() == p.Hash() {
			t.Error("listed and unlisted, the hash is the same")
		}
	}
}
