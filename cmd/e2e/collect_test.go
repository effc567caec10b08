//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"testing"
	"time"
)

// The number of killed collections; each takes a second or two, in a bucket some more.
const (
	collectRounds         = 8
	collectRoundsInBucket = 4
)

// TestKillCollect kills the collection of garbage, by a running gateway and by a command without one, at random moments
// and once blobs disappear. Each time every file reads as before. A collection that then completes deletes the blobs
// that nothing needs, and the drive is whole.
func TestKillCollect(t *testing.T) {
	g := serve(t, "--log", "error")
	collectKilled(t, g, filepath.Join(g.home, "remote"), collectRounds)
}

// TestKillCollectInBucket is TestKillCollect with the drive in a bucket.
func TestKillCollectInBucket(t *testing.T) {
	g, objects := serveInBucket(t)
	collectKilled(t, g, objects, collectRoundsInBucket)
}

// collectKilled is TestKillCollect for a fresh drive whose remote's files are in the folder store.
func collectKilled(t *testing.T, g *gateway, store string, rounds int) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	g.env = []string{"POSTERN_CACHE_MEMORY=off", "POSTERN_CACHE_DISK=off", "POSTERN_GC_AUTO=off",
		"POSTERN_HISTORY_ALL=none", "POSTERN_HISTORY_HOURLY=none", "POSTERN_HISTORY_DAILY=none"}
	g.stop()
	g.start()
	const files = 48
	versions := make([]int, files)
	body := func(file, version int) []byte {
		return stamped(file, version, []int{2000, 60_000, 1 << 20}[file%3]) // the largest have blobs of their own
	}
	change := func() {
		for file := range files {
			if versions[file] > 0 && random.IntN(3) == 0 {
				continue
			}
			versions[file]++
			g.must(http.MethodPut, fmt.Sprintf("/files/f%02d", file), bytes.NewReader(body(file, versions[file])))
		}
		if out, err := g.postern("flush"); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	whole := func(when string) {
		t.Helper()
		for file, version := range versions {
			got := g.must(http.MethodGet, fmt.Sprintf("/files/f%02d", file), nil)
			if !bytes.Equal(got, body(file, version)) {
				t.Fatalf("%s: file %d is not its version %d", when, file, version)
			}
		}
	}
	collect := func() time.Duration {
		t.Helper()
		began := time.Now()
		if out, err := g.postern("gc", "--grace", "none"); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return time.Since(began)
	}

	change()
	change()
	took := collect()
	least := blobsIn(t, store)
	amid, collected := 0, 0
	for round := range rounds {
		change()
		before := blobsIn(t, store)
		serving := round%2 == 0
		if !serving {
			g.stop()
		}
		until := func() bool { return blobsIn(t, store) < before }
		if round%4 < 2 {
			until = after(time.Duration(random.Int64N(int64(took))))
		}
		killCollect(g, serving, until)
		left := blobsIn(t, store)
		g.start()
		whole(fmt.Sprintf("round %d, killed", round))
		collect()
		whole(fmt.Sprintf("round %d", round))
		now := blobsIn(t, store)
		if collected += before - now; left < before && left > now {
			amid++
		}
		if out, err := g.postern("fsck", "--read-data"); err != nil {
			t.Fatalf("round %d: the drive is damaged: %v %s", round, err, out)
		}
	}
	if now := blobsIn(t, store); now > 2*least || collected == 0 {
		t.Errorf("%d blobs are left of a drive that needed %d, and %d were collected", now, least, collected)
	}
	t.Logf("%d blobs were collected; %d of %d collections were killed amid the deletions", collected, amid, rounds)
}

// after returns a condition that is true once some time has passed.
func after(d time.Duration) func() bool {
	end := time.Now().Add(d)
	return func() bool { return time.Now().After(end) }
}

// killCollect starts a collection and kills the process that does it, the command or a gateway, once a condition is
// true or the collection has ended.
func killCollect(g *gateway, serving bool, until func() bool) {
	g.t.Helper()
	cmd, kill := g.begin(serving, "gc", "--grace", "none")
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }() // killed, or ended with its gateway
	for over := false; !over && !until(); {            // without pauses: the deletions take some milliseconds
		select {
		case <-ended:
			over = true
		default:
		}
	}
	kill()
	<-ended
}

// blobsIn returns the number of blobs of a remote whose files are in a folder.
func blobsIn(t *testing.T, store string) int {
	t.Helper()
	n := 0
	for _, b := range blobFiles(t, filepath.Join(store, "blobs")) {
		if len(filepath.Base(b.path)) == 64 {
			n++
		}
	}
	return n
}
