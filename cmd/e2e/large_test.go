//go:build e2e

package e2e

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
)

const (
	largeSize   = 3 << 30
	memoryLimit = 250 << 20
)

// pattern generates bytes that can be computed at any offset: block n is the block of noise rotated by n*4099.
type pattern struct {
	block []byte
	off   int64
	sum   hash.Hash
}

func newPattern() *pattern {
	p := &pattern{block: make([]byte, 1<<20), sum: sha256.New()}
	_, _ = rand.NewChaCha8([32]byte{3}).Read(p.block)
	return p
}

func (p *pattern) fill(b []byte, off int64) {
	for len(b) > 0 {
		n, at := off>>20, off&(1<<20-1)
		from := (at + n*4099) & (1<<20 - 1)
		count := copy(b[:min(int64(len(b)), 1<<20-at)], p.block[from:])
		b, off = b[count:], off+int64(count)
	}
}

func (p *pattern) Read(b []byte) (int, error) {
	if p.off == largeSize {
		return 0, io.EOF
	}
	b = b[:min(int64(len(b)), largeSize-p.off)]
	p.fill(b, p.off)
	_, _ = p.sum.Write(b)
	p.off += int64(len(b))
	return len(b), nil
}

// TestLargeFile writes and reads 3 GiB and reads random ranges; the gateway's memory stays bounded.
func TestLargeFile(t *testing.T) {
	g := serve(t)
	source := newPattern()
	req, err := http.NewRequest(http.MethodPut, g.url("/files/large.bin"), io.NopCloser(source))
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = largeSize
	req.SetBasicAuth("postern", g.password)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("PUT answered %s", resp.Status)
	}
	if out, err := g.postern("flush"); err != nil {
		t.Fatalf("flush: %v %s", err, out)
	}
	peakAfterWrite := peakMemory(t, g)

	req, _ = http.NewRequest(http.MethodGet, g.url("/files/large.bin"), nil)
	req.SetBasicAuth("postern", g.password)
	if resp, err = http.DefaultClient.Do(req); err != nil {
		t.Fatal(err)
	}
	got := sha256.New()
	n, err := io.Copy(got, resp.Body)
	_ = resp.Body.Close()
	if err != nil || n != largeSize {
		t.Fatalf("GET: %d bytes, %v", n, err)
	}
	if !bytes.Equal(got.Sum(nil), source.sum.Sum(nil)) {
		t.Fatal("the file read differs from the file written")
	}
	random := rand.New(rand.NewPCG(1, 2))
	offsets := []int64{0, 5<<20 - 1, 5 << 20, 640<<20 - 7, 640 << 20, largeSize - 1}
	for range 200 {
		offsets = append(offsets, random.Int64N(largeSize))
	}
	for _, off := range offsets {
		length := min(1+random.Int64N(200_000), largeSize-off)
		body := g.must(http.MethodGet, "/files/large.bin", nil, "Range", fmt.Sprintf("bytes=%d-%d", off, off+length-1))
		want := make([]byte, length)
		source.fill(want, off)
		if !bytes.Equal(body, want) {
			t.Fatalf("range of %d bytes at %d is wrong", length, off)
		}
	}
	peak := peakMemory(t, g)
	t.Logf("peak memory: %d MiB after the PUT, %d MiB after all", peakAfterWrite>>20, peak>>20)
	if peak > memoryLimit {
		t.Fatalf("the gateway took %d MiB of memory, more than %d", peak>>20, memoryLimit>>20)
	}
}

// peakMemory is the gateway's greatest resident size so far in bytes.
func peakMemory(t *testing.T, g *gateway) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.cmd.Process.Pid))
	if err != nil {
		t.Skipf("skipped: peak memory is read from /proc, which is not here: %v", err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatal("no VmHWM in the process's status")
	return 0
}
