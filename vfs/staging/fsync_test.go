package staging

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"postern/remote/localfs/simfs"
)

// TestFailedDirectorySyncIsNotForgotten: a blob that was renamed before a failed sync of the directory is not sealed by
// the next sync, which may succeed without having written the rename.
func TestFailedDirectorySyncIsNotForgotten(t *testing.T) {
	sim := simfs.New()
	a := open(t, Options{FS: sim})
	stage := func(n int) *Batch {
		b := a.Begin()
		if _, err := b.Add(t.Context(), blob(n, 100)); err != nil {
			t.Fatal(err)
		}
		b.wg.Wait() // the blob has been renamed
		return b
	}
	failed, renamed := stage(1), stage(2)
	sim.FailSyncsOf(func(path string) error {
		if path == dir {
			return io.ErrClosedPipe
		}
		return nil
	})
	if err := failed.Seal(t.Context()); !errors.Is(err, io.ErrClosedPipe) {
		t.Fatalf("seal: %v", err)
	}
	failed.Abort()
	sim.FailSyncsOf(nil)
	if err := renamed.Seal(t.Context()); err == nil {
		t.Error("a batch was sealed, though the sync that it needed had failed")
	}
	if err := renamed.Seal(t.Context()); err == nil {
		t.Error("a batch that failed was sealed")
	}
	renamed.Abort()
	later := stage(3)
	if err := later.Seal(t.Context()); err != nil {
		t.Fatalf("after the disk is well: %v", err)
	}
	later.Done()
	for seed := range uint64(20) {
		after, err := Open(dir, Options{FS: sim.PowerLoss(rand.New(rand.NewPCG(seed, 0)))})
		if err != nil {
			t.Fatal(err)
		}
		holds(t, after, later.Names()[0], blob(3, 100))
	}
}

// TestFaultsAndPowerLoss: whichever syncs fail and whenever the disk is full, sealed blobs survive a power loss whole.
func TestFaultsAndPowerLoss(t *testing.T) {
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		sim := simfs.New()
		a, err := Open(dir, Options{FS: sim, KeepFree: -1})
		if err != nil {
			t.Fatal(err)
		}
		sealed := map[int]*Batch{}
		for i := range 12 {
			kind := rnd.IntN(4)
			sim.FailSyncsOf(func(path string) error {
				file := strings.HasSuffix(path, tempSuffix)
				if kind == 1 && file || kind == 2 && filepath.Clean(path) == dir {
					return io.ErrUnexpectedEOF
				}
				return nil
			})
			sim.SetCapacity(-1)
			if kind == 3 {
				sim.SetCapacity(sim.Used() + int64(rnd.IntN(9000)))
			}
			b := a.Begin()
			_, err := b.Add(context.Background(), blob(i, 8000))
			if err == nil {
				err = b.Seal(context.Background())
			}
			if err != nil {
				b.Abort()
				continue
			}
			b.Done()
			sealed[i] = b
		}
		if len(sealed) == 0 {
			continue
		}
		after, err := Open(dir, Options{FS: sim.PowerLoss(rnd)})
		if err != nil {
			t.Fatal(err)
		}
		for i, b := range sealed {
			holds(t, after, b.Names()[0], blob(i, 8000))
		}
	}
}
