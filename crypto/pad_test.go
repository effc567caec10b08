package crypto

import (
	"bytes"
	"math"
	"testing"

	"pgregory.net/rapid"
)

// padme is the definition in the paper, in floating point; PaddedSize uses bits.
func padme(n int) int {
	e := math.Floor(math.Log2(float64(n)))
	s := math.Floor(math.Log2(e)) + 1
	mask := int(math.Pow(2, e-s)) - 1
	return (n + mask) / (mask + 1) * (mask + 1)
}

func TestPaddedSizeTable(t *testing.T) {
	for _, c := range []struct{ n, want int }{
		{-1, 4096}, {0, 4096}, {1, 4096}, {4095, 4096}, {4096, 4096},
		{4097, 4352}, {4352, 4352}, {4353, 4608},
		{9999, 10240}, {65535, 65536}, {65536, 65536}, {65537, 67584},
		{1 << 20, 1 << 20}, {1<<20 + 1, 1<<20 + 32768}, {4 << 20, 4 << 20},
		{4<<20 + 1, 4<<20 + 131072}, {MaxBlobSize - 1, MaxBlobSize}, {MaxBlobSize, MaxBlobSize},
		{MaxBlobSize + 1, MaxBlobSize + 1},
	} {
		if got := PaddedSize(c.n); got != c.want {
			t.Errorf("%d becomes %d, want %d", c.n, got, c.want)
		}
	}
}

// The whole range is small enough to test: 5 million sizes.
func TestPaddedSizeEverywhere(t *testing.T) {
	sizes, worst, before := 0, 0.0, 0
	for n := MinBlobSize; n <= MaxBlobSize; n++ {
		padded := PaddedSize(n)
		if padded < n || padded < before || padded > MaxBlobSize {
			t.Fatalf("%d becomes %d, the size before %d", n, padded, before)
		}
		if padded != before {
			sizes++
			if want := min(padme(n), MaxBlobSize); padded != want {
				t.Fatalf("%d becomes %d, by the paper %d", n, padded, want)
			}
			if PaddedSize(padded) != padded {
				t.Fatalf("%d becomes %d, and that %d", n, padded, PaddedSize(padded))
			}
		}
		worst = max(worst, float64(padded-n)/float64(n))
		before = padded
	}
	// THREATS.md gives both figures.
	if sizes != 266 {
		t.Errorf("there are %d sizes of blobs", sizes)
	}
	if worst < 0.0624 || worst > 0.0625 {
		t.Errorf("padding adds up to %.2f %%", 100*worst)
	}
}

func TestPad(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 200_000).Draw(t, "n")
		room := rapid.IntRange(0, 20_000).Draw(t, "room")
		blob := bytes.Repeat([]byte{7}, n+room)[:n]
		padded, err := Pad(blob, seeded("padding"))
		if err != nil || len(padded) != PaddedSize(n) || !bytes.Equal(padded[:n], bytes.Repeat([]byte{7}, n)) {
			t.Fatalf("%d bytes became %d, error %v", n, len(padded), err)
		}
		if tail := padded[n:]; len(tail) >= 16 &&
			(bytes.Count(tail, []byte{0}) > len(tail)/4 || bytes.Count(tail, []byte{7}) > len(tail)/4) {
			t.Fatalf("the padding is not random: %x", tail)
		}
	})
}

func TestPadFails(t *testing.T) {
	if _, err := Pad(make([]byte, MaxBlobSize+1), seeded("")); err == nil {
		t.Error("a blob that is too long is padded")
	}
	_, err := Pad(make([]byte, 4000), &brokenRandom{95})
	wantKind(t, err, errNoRandomness, "a byte of randomness too few")
	if _, err := Pad(make([]byte, MaxBlobSize), &brokenRandom{0}); err != nil {
		t.Errorf("a full chunk needs no padding: %v", err)
	}
}
