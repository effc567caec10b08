//go:build unix

package simfs

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

// TestLossIsOneMoment begins a write after a power loss has begun. The power loss leaves nothing of it, because noting
// could not know about it.
func TestLossIsOneMoment(t *testing.T) {
	root := t.TempDir()
	w, err := Watch(root, func() {})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	f, err := w.Create(filepath.Join(root, "x"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if err := w.SyncDir(root); err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for size := range int64(20) {
		after := t.TempDir()
		var write sync.WaitGroup
		err := w.PowerLoss(rnd, after, func() {
			write.Go(func() {
				if _, err := f.WriteAt([]byte("x"), size); err != nil {
					t.Error(err)
				}
			})
			for range 1000 { // the write does not wait for long, or it waits for the end of the power loss
				runtime.Gosched()
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		write.Wait()
		if left, err := os.ReadFile(filepath.Join(after, "x")); err != nil || int64(len(left)) > size {
			t.Errorf("there are %d bytes of %d: %v", len(left), size, err)
		}
	}
	if n, err := f.Size(); n != 20 || err != nil {
		t.Errorf("the file has %d bytes: %v", n, err)
	}
}
