package alloctest_test

import (
	"testing"

	"postern/crypto/alloctest"
)

var sink []byte

func TestAllocated(t *testing.T) {
	const size = 8 << 20
	got := alloctest.Allocated(func() {
		for range 4 {
			sink = make([]byte, size)
		}
	})
	if got < 4*size || got > 5*size {
		t.Fatalf("allocating %d bytes is measured as %d", 4*size, got)
	}
}
