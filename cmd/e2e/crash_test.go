//go:build e2e

package e2e

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"postern/remote/s3/s3test"
)

// The number of kills; each takes well under a second, in a bucket up to a second.
const (
	rounds         = 50
	roundsInBucket = 15
)

// stamped returns a body that names its file and version in every 16 bytes, so that a mix of two versions is detected.
func stamped(file, version, size int) []byte {
	b := make([]byte, size)
	for i := 0; i+16 <= size; i += 16 {
		binary.LittleEndian.PutUint32(b[i:], uint32(file))
		binary.LittleEndian.PutUint32(b[i+4:], uint32(version))
		binary.LittleEndian.PutUint64(b[i+8:], uint64(i)*0x9E3779B97F4A7C15)
	}
	return b
}

// history holds the answers that one writer received about one file.
type history struct {
	acked int         // the newest version answered 2xx; 0 for none
	tried int         // the newest version sent
	sizes map[int]int // by version
}

// TestKill kills the gateway at random moments while four writers overwrite files small and large, at least 50 times.
// After each restart every file that was answered 2xx is whole: it has the acknowledged version or a later one that was
// being sent, never a mix, never an older one.
func TestKill(t *testing.T) { killed(t, serve(t), rounds) }

// TestKillInBucket is TestKill with the drive in a bucket.
func TestKillInBucket(t *testing.T) {
	place := s3test.Versity(t)()
	killed(t, serve(t, "--remote", place.String(), "--create"), roundsInBucket)
}

// killed is TestKill for a fresh drive.
func killed(t *testing.T, g *gateway, rounds int) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	const files = 16
	known := make([]*history, files)
	for i := range known {
		known[i] = &history{sizes: map[int]int{}}
	}
	acked := 0
	// A busy machine may answer nothing in a short round, so rounds are added until enough writes have been answered.
	for round := 0; round < rounds || acked < rounds && round < 10*rounds; round++ {
		acked += writeUntilKilled(g, known, random.Uint64(), time.Duration(20+random.IntN(300))*time.Millisecond)
		g.start()
		for i, h := range known {
			check(t, g, round, i, h)
		}
	}
	if acked < rounds {
		t.Fatalf("only %d writes were answered in %d rounds: the test proves nothing", acked, 10*rounds)
	}
	t.Logf("%d writes answered", acked)
}

// writeUntilKilled runs four writers, kills the gateway after the given time, and returns the number of answered
// writes.
func writeUntilKilled(g *gateway, known []*history, seed uint64, after time.Duration) int {
	const writers = 4
	counts := make([]int, writers)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(w)))
			for {
				i := random.IntN(len(known)/writers)*writers + w // a file has one writer, so that "newest" has a meaning
				h := known[i]
				size := []int{16, 4000, 70_000, 600_000, 6 << 20, 12 << 20}[random.IntN(6)] / 16 * 16
				h.tried++
				h.sizes[h.tried] = size
				code, _, err := g.do(http.MethodPut, fmt.Sprintf("/files/f%02d", i), bytes.NewReader(stamped(i, h.tried, size)))
				if err != nil {
					return // killed
				}
				if code/100 != 2 {
					g.t.Errorf("PUT answered %d", code)
					return
				}
				h.acked = h.tried
				counts[w]++
			}
		})
	}
	<-time.After(after)
	g.kill()
	wg.Wait()
	total := 0
	for _, n := range counts {
		total += n
	}
	return total
}

// check reads one file and compares it with its history.
func check(t *testing.T, g *gateway, round, i int, h *history) {
	t.Helper()
	code, body, err := g.do(http.MethodGet, fmt.Sprintf("/files/f%02d", i), nil)
	if err != nil {
		t.Fatalf("round %d: GET: %v", round, err)
	}
	if code == http.StatusNotFound {
		if h.acked > 0 {
			t.Fatalf("round %d: file %d is gone, though version %d was answered 2xx", round, i, h.acked)
		}
		return
	}
	if code != http.StatusOK || len(body) < 16 {
		t.Fatalf("round %d: file %d: code %d, %d bytes", round, i, code, len(body))
	}
	version := int(binary.LittleEndian.Uint32(body[4:]))
	if version < h.acked || version > h.tried {
		t.Fatalf("round %d: file %d has version %d; %d was answered, %d tried", round, i, version, h.acked, h.tried)
	}
	if !bytes.Equal(body, stamped(i, version, h.sizes[version])) {
		t.Fatalf("round %d: file %d is a mix (version %d, %d bytes)", round, i, version, len(body))
	}
	h.acked = version // a version that was read once must not disappear again
}
