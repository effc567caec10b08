package crypto

import (
	"bytes"
	"encoding/binary"
	"testing"

	"pgregory.net/rapid"
)

func TestValueRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := ReadKey(rapid.SliceOfN(rapid.Byte(), KeySize, KeySize).Draw(t, "key"))
		w := NewWriterKey([32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "seed")))
		seq := rapid.Uint64().Draw(t, "seq")
		plain := rapid.SliceOfN(rapid.Byte(), 0, MaxValue).Draw(t, "plain")
		v, err := SealValue(k, w.ID(), seq, plain, seeded("salt"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := OpenValue(k, w.Sign(seq, v))
		if err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("opened %x, error %v", got, err)
		}
	})
}

func TestValueNoticesDamage(t *testing.T) {
	k, w := fresh[ReadKey](t, "reader"), NewWriterKey(fresh[[32]byte](t, "writer"))
	v, err := SealValue(k, w.ID(), 5, []byte("the newest commit"), seeded("salt"))
	if err != nil {
		t.Fatal(err)
	}
	good := w.Sign(5, v)
	eachFlip(v[:], func(_ int, damaged []byte) {
		p := good
		p.Value = PointerValue(damaged)
		_, err := OpenValue(k, p)
		wantKind(t, err, ErrOpen, "a flipped bit")
	})
	eachFlip(k[:], func(_ int, other []byte) {
		_, err := OpenValue(ReadKey(other), good)
		wantKind(t, err, ErrOpen, "another key")
	})
	// Signed by the right writer, but for another place than the value was sealed for.
	_, err = OpenValue(k, w.Sign(6, v))
	wantKind(t, err, ErrOpen, "an old value under a new sequence number")
	_, err = OpenValue(k, NewWriterKey(fresh[[32]byte](t, "another")).Sign(5, v))
	wantKind(t, err, ErrOpen, "another pointer's value")
}

// Two values must share no key, even of the same state: a writer that failed may sign a sequence number twice.
func TestValuesHaveTheirOwnKeys(t *testing.T) {
	k, r := fresh[ReadKey](t, "reader"), seeded("salts")
	a, errA := SealValue(k, PointerID{}, 1, []byte("same"), r)
	b, errB := SealValue(k, PointerID{}, 1, []byte("same"), r)
	if errA != nil || errB != nil || bytes.Equal(a[:32], b[:32]) || bytes.Equal(a[32:], b[32:]) {
		t.Errorf("two seals of one value share bytes; errors %v, %v", errA, errB)
	}
}

func TestValueFails(t *testing.T) {
	k := fresh[ReadKey](t, "reader")
	if _, err := SealValue(k, PointerID{}, 1, make([]byte, MaxValue+1), seeded("")); err == nil {
		t.Error("a value that is too long is sealed")
	}
	_, err := SealValue(k, PointerID{}, 1, nil, &brokenRandom{31})
	wantKind(t, err, errNoRandomness, "no randomness")
}

// The padding is authentic, and still must be zero: one value, one encoding.
func TestValuePaddingIsStrict(t *testing.T) {
	padded := func(length int, fill byte) []byte {
		b := bytes.Repeat([]byte{fill}, valuePlainSize)
		binary.BigEndian.PutUint16(b, uint16(length))
		return b
	}
	for _, n := range []int{0, 1, 100, MaxValue} {
		if got, err := unpadValue(padded(n, 0)); err != nil || len(got) != n {
			t.Errorf("length %d: %d bytes, error %v", n, len(got), err)
		}
	}
	if got, err := unpadValue(padded(MaxValue, 1)); err != nil || len(got) != MaxValue {
		t.Errorf("a full value: %d bytes, error %v", len(got), err)
	}
	_, err := unpadValue(padded(MaxValue+1, 0))
	wantKind(t, err, ErrFormat, "a length beyond the value")
	_, err = unpadValue(padded(65535, 0))
	wantKind(t, err, ErrFormat, "the longest length")
	for i := valueLengthSize + 3; i < valuePlainSize; i++ {
		b := padded(3, 0)
		b[i] = 1
		_, err = unpadValue(b)
		wantKind(t, err, ErrFormat, "padding that is not zero")
	}
}
