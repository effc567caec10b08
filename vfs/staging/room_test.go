package staging

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"postern/crypto"
	"postern/remote/localfs/simfs"
	"postern/vfs"
)

func TestFullDisk(t *testing.T) {
	sim := simfs.New()
	a := open(t, Options{FS: sim, KeepFree: -1})
	kept := stage(t, a, blob(1, 5000))
	for _, n := range []int{4096, bufferSize, 2*bufferSize + 5, crypto.MaxBlobSize} {
		sim.SetCapacity(sim.Used() + int64(n)/2)
		b := a.Begin()
		_, err := b.Add(t.Context(), blob(2, n))
		if err == nil {
			err = b.Seal(t.Context())
		}
		if !errors.Is(err, vfs.ErrFull) {
			t.Errorf("%d bytes: %v", n, err)
		}
		b.Abort()
		if list, _ := sim.List(dir); len(list) != 1 {
			t.Errorf("files left: %v", list)
		}
		if used, _ := a.Used(); used != 5000 {
			t.Errorf("%d bytes used", used)
		}
		sim.SetCapacity(-1)
		a.Release(stage(t, a, blob(2, n))...)
	}
	holds(t, a, kept[0], blob(1, 5000))
}

func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := open(t, Options{FS: simfs.New(), Limit: 100, Patience: 10 * time.Second})
		ctx := t.Context()
		if _, err := a.Reserve(ctx, 101); !errors.Is(err, vfs.ErrFull) {
			t.Errorf("more than there can ever be: %v", err)
		}
		first, err := a.Reserve(ctx, 60)
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		if _, err := a.Reserve(ctx, 50); !errors.Is(err, vfs.ErrFull) || time.Since(begun) != 10*time.Second {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if _, err := a.Reserve(short, 50); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a short context: %v", err)
		}
		order := make(chan string, 2)
		go func() {
			give, err := a.Reserve(ctx, 90)
			order <- fmt.Sprint("large ", err)
			give()
		}()
		synctest.Wait()
		go func() {
			give, err := a.Reserve(ctx, 20) // does not fit in addition to the large one
			order <- fmt.Sprint("small ", err)
			give()
		}()
		synctest.Wait()
		if len(order) != 0 {
			t.Error("who came later was served first")
		}
		first()
		first() // does nothing
		if got := <-order; got != "large <nil>" {
			t.Error(got)
		}
		if got := <-order; got != "small <nil>" {
			t.Error(got)
		}
		synctest.Wait()
		if used, limit := a.Used(); used != 0 || limit != 100 {
			t.Errorf("used %d of %d", used, limit)
		}
	})
}

// TestBudgetOfBlobs: a blob takes its room before the first byte.
func TestBudgetOfBlobs(t *testing.T) {
	a := open(t, Options{FS: simfs.New(), Limit: crypto.MaxBlobSize + 5000, Patience: -1})
	names := stage(t, a, blob(1, 5000))
	b := a.Begin()
	w, err := b.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Create(t.Context()); !errors.Is(err, vfs.ErrFull) {
		t.Errorf("a second blob: %v", err)
	}
	if _, err := w.Write(blob(2, crypto.MaxBlobSize)); err != nil {
		t.Error(err)
	}
	if _, err := w.Write([]byte{1}); err == nil {
		t.Error("a blob may not be longer than the longest")
	}
	w.Discard()
	a.Release(names...)
	if used, _ := a.Used(); used != 0 {
		t.Errorf("%d bytes used", used)
	}
}

// TestKeepFree: writes leave some space free on the disk.
func TestKeepFree(t *testing.T) {
	sim := simfs.New()
	a := open(t, Options{FS: sim, KeepFree: 10_000})
	sim.SetCapacity(20_000)
	if _, err := a.Reserve(t.Context(), 10_001); !errors.Is(err, vfs.ErrFull) {
		t.Errorf("what would leave less than there must be: %v", err)
	}
	stage(t, a, blob(1, 10_000))
	if _, err := a.Begin().Add(t.Context(), blob(2, 1)); !errors.Is(err, vfs.ErrFull) {
		t.Errorf("a byte into the spare room: %v", err)
	}
	if used, _ := a.Used(); used != 10_000 {
		t.Errorf("%d bytes used", used)
	}
}
