package staging

import (
	"bytes"
	"testing"

	"postern/remote/localfs/simfs"
)

// TestBuffersAreBounded: however many blobs are written at once, few of them have large buffers, and all buffers are
// returned.
func TestBuffersAreBounded(t *testing.T) {
	const blobs = 500
	total, taken := 0, make([]*[]byte, blobs)
	before := inUse.Load()
	for i := range taken {
		taken[i] = takeBuffer()
		total += len(*taken[i])
	}
	if limit := manyBuffers*bufferSize + blobs*smallBuffer; total > limit {
		t.Errorf("%d blobs hold %d bytes, more than %d", blobs, total, limit)
	}
	for _, b := range taken {
		giveBuffer(b)
	}
	if now := inUse.Load(); now != before {
		t.Errorf("%d large buffers were in use, %d are now", before, now)
	}
}

// TestSmallBuffers writes blobs while others have all large buffers.
func TestSmallBuffers(t *testing.T) {
	var taken []*[]byte
	for range manyBuffers {
		taken = append(taken, takeBuffer())
	}
	defer func() {
		for _, b := range taken {
			giveBuffer(b)
		}
	}()
	a, err := Open("/staging", Options{FS: simfs.New()})
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{1, smallBuffer, 3*smallBuffer + 5000} {
		want := bytes.Repeat([]byte{byte(size), 1, 2}, size)[:size]
		b := a.Begin()
		name, err := b.Add(t.Context(), want)
		if err == nil {
			err = b.Seal(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		if got, err := a.Get(t.Context(), name); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes came back as %d: %v", size, len(got), err)
		}
	}
}
