package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// measurement is one row of the table. Figures are rates: more is better.
type measurement struct {
	name, unit string
	aim        float64 // what Postern should reach, as a multiple of rclone
}

var measurements = []measurement{
	{"large PUT", "MiB/s", 2},
	{"large GET, cold", "MiB/s", 1.5},
	{"large GET, warm", "MiB/s", 2},
	{"random 64 KiB ranges", "1/s", 10},
	{"small PUTs (4 KiB)", "1/s", 1},
	{"small GETs (4 KiB)", "1/s", 1},
	{"PROPFIND of 10,000", "entries/s", 1},
	{"PROPFIND of one", "1/s", 1},
}

const (
	smallFiles = 1000
	entries    = 10_000
	smallSize  = 4 << 10
	rangeSize  = 64 << 10
	clients    = 8 // connections that small requests come in by
)

// measureAll runs every measurement once on a fresh server and adds the figures to out.
func measureAll(ctx context.Context, s *server, size int64, out map[string][]float64) error {
	c := client{s: s, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients, WriteBufferSize: 1 << 20, ReadBufferSize: 1 << 20}}}
	add := func(name string, amount float64, f func() error) error {
		begin := time.Now()
		if err := f(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		out[name] = append(out[name], amount/time.Since(begin).Seconds())
		return nil
	}
	if err := s.up(ctx); err != nil {
		return err
	}
	mib := float64(size >> 20)
	if err := add("large PUT", mib, func() error { return c.put(ctx, "large.bin", newNoise(size), size) }); err != nil {
		return err
	}
	// Cold: the server was restarted and the kernel's cache dropped (where we may).
	if err := s.stop(); err != nil {
		return err
	}
	dropCaches()
	if err := s.up(ctx); err != nil {
		return err
	}
	defer func() { _ = s.stop() }()
	if err := add("large GET, cold", mib, func() error { return c.get(ctx, "large.bin", "") }); err != nil {
		return err
	}
	if err := add("large GET, warm", mib, func() error { return c.get(ctx, "large.bin", "") }); err != nil {
		return err
	}
	const ranges = 1000
	if err := add("random 64 KiB ranges", ranges, func() error {
		return inParallel(ctx, ranges, func(ctx context.Context, i int) error {
			off := rand.New(rand.NewPCG(7, uint64(i))).Int64N(size - rangeSize)
			return c.get(ctx, "large.bin", fmt.Sprintf("bytes=%d-%d", off, off+rangeSize-1))
		})
	}); err != nil {
		return err
	}
	return measureSmall(ctx, s, c, add)
}

func measureSmall(ctx context.Context, s *server, c client, add func(string, float64, func() error) error) error {
	if err := c.do(ctx, "MKCOL", "small/", "", nil, 0, io.Discard); err != nil {
		return err
	}
	body := make([]byte, smallSize)
	_, _ = newNoise(smallSize).Read(body)
	putSmall := func(folder string, n int) error {
		return inParallel(ctx, n, func(ctx context.Context, i int) error {
			return c.put(ctx, fmt.Sprintf("%s/file-%05d.txt", folder, i), bytes.NewReader(body), smallSize)
		})
	}
	if err := add("small PUTs (4 KiB)", smallFiles, func() error { return putSmall("small", smallFiles) }); err != nil {
		return err
	}
	if err := add("small GETs (4 KiB)", 10*smallFiles, func() error {
		return inParallel(ctx, 10*smallFiles, func(ctx context.Context, i int) error {
			return c.get(ctx, fmt.Sprintf("small/file-%05d.txt", i%smallFiles), "")
		})
	}); err != nil {
		return err
	}
	if err := c.do(ctx, "MKCOL", "many/", "", nil, 0, io.Discard); err != nil {
		return err
	}
	if err := putSmall("many", entries); err != nil {
		return err
	}
	if err := add("PROPFIND of 10,000", 5*entries, func() error {
		for range 5 {
			if err := c.propfind(ctx, "many/", "1"); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	return add("PROPFIND of one", 5000, func() error {
		return inParallel(ctx, 5000, func(ctx context.Context, i int) error {
			return c.propfind(ctx, fmt.Sprintf("small/file-%05d.txt", i%smallFiles), "0")
		})
	})
}

// inParallel calls f for 0 to n-1 from as many goroutines as there are clients.
func inParallel(ctx context.Context, n int, f func(ctx context.Context, i int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range clients {
		g.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= n || ctx.Err() != nil {
					return ctx.Err()
				}
				if err := f(ctx, i); err != nil {
					return err
				}
			}
		})
	}
	return g.Wait()
}

// dropCaches makes the kernel forget file contents, where the user may.
func dropCaches() {
	if f, err := os.OpenFile("/proc/sys/vm/drop_caches", os.O_WRONLY, 0); err == nil {
		_, _ = f.WriteString("1\n")
		_ = f.Close()
	}
}
