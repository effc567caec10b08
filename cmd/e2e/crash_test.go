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
)

// rounds of killing; each takes well under a second.
const rounds = 50

// stamped is a body that names its file and version in every 16 bytes, so that a mix of two versions shows anywhere.
func stamped(file, version, size int) []byte {
	b := make([]byte, size)
	for i := 0; i+16 <= size; i += 16 {
		binary.LittleEndian.PutUint32(b[i:], uint32(file))
		binary.LittleEndian.PutUint32(b[i+4:], uint32(version))
		binary.LittleEndian.PutUint64(b[i+8:], uint64(i)*0x9E3779B97F4A7C15)
	}
	return b
}

// history is what one writer was told about one file.
type history struct {
	acked int // the newest version answered 2xx; 0 for none
	tried int // the newest version sent
	sizes map[int]int
}

// TestKill kills the gateway at random moments while four writers overwrite files small and large, 50 times. After each restart every
// file that was answered 2xx is whole: the version that was answered or a later one that was on its way, never a mix, never older.
func TestKill(t *testing.T) {
	g := serve(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	const files = 16
	known := make([]*history, files)
	for i := range known {
		known[i] = &history{sizes: map[int]int{}}
	}
	acked := 0
	for round := range rounds {
		acked += writeUntilKilled(g, known, random.Uint64(), time.Duration(20+random.IntN(300))*time.Millisecond)
		g.start()
		for i, h := range known {
			check(t, g, round, i, h)
		}
	}
	if acked < rounds {
		t.Fatalf("only %d writes were answered in %d rounds: the test proves nothing", acked, rounds)
	}
	t.Logf("%d writes answered, %d rounds", acked, rounds)
}

// writeUntilKilled lets four writers work, kills the gateway after a while, and returns how many writes were answered.
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

// check reads one file back and holds it against what its writer was told.
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
	h.acked = version // what was seen once must not go away again
}
