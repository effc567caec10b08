package vfstest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"postern/vfs"
)

// rounds returns the number of repetitions in tests of concurrency.
func rounds() int {
	if testing.Short() {
		return 10
	}
	return 40
}

// absent returns the condition If-None-Match: *.
func absent(path string) vfs.Cond {
	return func(ctx context.Context, at vfs.Stater) error {
		if _, err := at.Stat(ctx, path); errors.Is(err, vfs.ErrNotExist) {
			return nil
		}
		return errTest
	}
}

func testConcurrentCreate(d drive) {
	var wg sync.WaitGroup
	var wins [3]atomic.Int32
	for worker := range 8 {
		wg.Go(func() {
			for i := range rounds() {
				path := fmt.Sprintf("/files/own %d %d", worker, i)
				if _, _, err := tryPut(d.ctx(), d, path, []byte(path), vfs.CommitOptions{}); err != nil {
					d.t.Error(err)
				}
			}
			if _, _, err := tryPut(d.ctx(), d, "/files/one", []byte("x"),
				vfs.CommitOptions{Cond: absent("/files/one")}); err == nil {
				wins[0].Add(1)
			} else if !isOwn(err) {
				d.t.Error(err)
			}
			if err := d.Mkdir(d.ctx(), "/files/dir", nil); err == nil {
				wins[1].Add(1)
			} else if !errors.Is(err, vfs.ErrExist) {
				d.t.Error(err)
			}
			if _, err := d.copy(false)("/files/own 0 0", "/files/copy"); err == nil {
				wins[2].Add(1)
			} else if !errors.Is(err, vfs.ErrExist) && !errors.Is(err, vfs.ErrNotExist) {
				d.t.Error(err)
			}
		})
	}
	wg.Wait()
	if wins[0].Load() != 1 || wins[1].Load() != 1 || wins[2].Load() > 1 {
		d.t.Errorf("of 8 each, %d put, %d mkdir, %d copy made the same thing new", wins[0].Load(), wins[1].Load(),
			wins[2].Load())
	}
	for worker := range 8 {
		for i := range rounds() {
			path := fmt.Sprintf("/files/own %d %d", worker, i)
			if got := d.read(path); got != path {
				d.t.Errorf("%s holds %q", path, got)
			}
		}
	}
}

// testConcurrentSwap counts in a file under If-Match: no increment may be lost.
func testConcurrentSwap(d drive) {
	d.put("/files/n", "0")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for done := 0; done < rounds(); {
				f, err := d.Open(d.ctx(), "/files/n")
				if err != nil {
					d.t.Error(err)
					return
				}
				version := f.Info().Version
				buf := make([]byte, f.Info().Size)
				_, err = f.Read(buf)
				f.Close()
				n, bad := strconv.Atoi(string(buf))
				if err != nil || bad != nil {
					d.t.Errorf("read %q: %v", buf, err)
					return
				}
				_, _, err = tryPut(d.ctx(), d, "/files/n", []byte(strconv.Itoa(n+1)), vfs.CommitOptions{
					Cond: func(ctx context.Context, at vfs.Stater) error {
						if info, err := at.Stat(ctx, "/files/n"); err != nil || info.Version != version {
							return errTest
						}
						return nil
					},
				})
				if err == nil {
					done++
				} else if !isOwn(err) {
					d.t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if got, want := d.read("/files/n"), strconv.Itoa(4*rounds()); got != want {
		d.t.Errorf("the counter is at %s, want %s", got, want)
	}
}

// testConcurrentMove moves a file between two names of one folder: each listing has it exactly once.
func testConcurrentMove(d drive) {
	d.mkdir("/files/dir")
	d.put("/files/dir/a", "x")
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				infos, err := listAll(d.ctx(), d, "/files/dir")
				if err != nil || len(infos) != 1 {
					d.t.Errorf("a listing during moves has %d entries, %v", len(infos), err)
					return
				}
				if dir, err := d.Stat(d.ctx(), "/files/dir"); err != nil || dir.Size != 1 {
					d.t.Errorf("the folder is %+v during moves, %v", dir, err)
					return
				}
			}
		})
	}
	for range rounds() {
		for _, step := range [][2]string{{"a", "m"}, {"m", "z"}, {"z", "a"}} {
			_, err := d.move(true)("/files/dir/"+step[0], "/files/dir/"+step[1])
			d.must(err)
		}
	}
	close(stop)
	wg.Wait()
}

// testConcurrentReplace overwrites a file while it is read: each read returns one version, and versions never go back.
func testConcurrentReplace(d drive) {
	body := func(i int) []byte { return slices.Repeat([]byte(fmt.Sprintf("%08d", i)), 20000) }
	_, _, err := tryPut(d.ctx(), d, "/files/f", body(0), vfs.CommitOptions{})
	d.must(err)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for last := 0; ; {
				select {
				case <-stop:
					return
				default:
				}
				got, err := readAll(d.ctx(), d, "/files/f")
				if err != nil || len(got) < 8 {
					d.t.Errorf("%d bytes, %v", len(got), err)
					return
				}
				n, err := strconv.Atoi(string(got[:8]))
				if err != nil || string(got) != string(body(n)) || n < last {
					d.t.Errorf("a read gave version %d after %d, or a mixture", n, last)
					return
				}
				last = n
			}
		})
	}
	for i := range rounds() {
		_, _, err := tryPut(d.ctx(), d, "/files/f", body(i+1), vfs.CommitOptions{})
		d.must(err)
	}
	close(stop)
	wg.Wait()
}
