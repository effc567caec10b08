package main

import (
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

// measurement is one row of the table. Figures are rates, of which more is better, unless there is a limit.
type measurement struct {
	name, unit string
	rival      int     // who is compared with: the contestants' number
	aim        float64 // what Postern should reach, as a multiple of the rival
	limit      float64 // what Postern should stay within; there is no rival then
}

// The numbers of the contestants.
const (
	crypt  = 1
	folder = 2
)

var measurements = []measurement{
	{name: "large PUT", unit: "MiB/s", rival: crypt, aim: 2},
	{name: "large GET, cold", unit: "MiB/s", rival: crypt, aim: 1.5},
	{name: "large GET, warm", unit: "MiB/s", rival: crypt, aim: 2},
	{name: "random 64 KiB ranges", unit: "1/s", rival: crypt, aim: 10},
	{name: "small PUTs (4 KiB)", unit: "1/s", rival: crypt, aim: 1},
	{name: "small GETs (4 KiB)", unit: "1/s", rival: crypt, aim: 1},
	{name: "PROPFIND of one", unit: "1/s", rival: crypt, aim: 1},
	{name: "PROPFIND of 10,000", unit: "entries/s", rival: folder, aim: 1},
	{name: "its first byte, warm", unit: "ms", limit: 50},
	{name: "all that Explorer asks for", unit: "bytes/entry", limit: 260},
	{name: "memory that a listing adds", unit: "MiB", limit: 8},
}

const (
	smallFiles = 1000
	entries    = 10_000
	smallSize  = 4 << 10
	rangeSize  = 64 << 10
	clients    = 8 // connections that small requests come in by
)

// measure runs the measurements once on a fresh server, perhaps only those of listings, and adds the figures to out.
func measure(ctx context.Context, s *server, size int64, out map[string][]float64, listings bool) error {
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
	defer func() { _ = s.stop() }()
	if !listings {
		if err := measureLarge(ctx, s, c, size, add); err != nil {
			return err
		}
		if err := measureSmall(ctx, c, add); err != nil {
			return err
		}
	}
	return measureListings(ctx, c, out, add)
}

// add measures how often something is done in a second.
type add func(name string, amount float64, f func() error) error

func measureLarge(ctx context.Context, s *server, c client, size int64, add add) error {
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
	if err := add("large GET, cold", mib, func() error { return c.get(ctx, "large.bin", "") }); err != nil {
		return err
	}
	if err := add("large GET, warm", mib, func() error { return c.get(ctx, "large.bin", "") }); err != nil {
		return err
	}
	const ranges = 1000
	return add("random 64 KiB ranges", ranges, func() error {
		return inParallel(ctx, ranges, func(ctx context.Context, i int) error {
			off := rand.New(rand.NewPCG(7, uint64(i))).Int64N(size - rangeSize)
			return c.get(ctx, "large.bin", fmt.Sprintf("bytes=%d-%d", off, off+rangeSize-1))
		})
	})
}

func measureSmall(ctx context.Context, c client, add add) error {
	if err := c.do(ctx, "MKCOL", "small/", "", nil, 0, io.Discard); err != nil {
		return err
	}
	if err := add("small PUTs (4 KiB)", smallFiles, func() error { return c.putSmall(ctx, "small/file-%05d.txt", smallFiles) }); err != nil {
		return err
	}
	if err := add("small GETs (4 KiB)", 10*smallFiles, func() error {
		return inParallel(ctx, 10*smallFiles, func(ctx context.Context, i int) error {
			return c.get(ctx, fmt.Sprintf("small/file-%05d.txt", i%smallFiles), "")
		})
	}); err != nil {
		return err
	}
	return add("PROPFIND of one", 5000, func() error {
		return inParallel(ctx, 5000, func(ctx context.Context, i int) error {
			return c.propfind(ctx, fmt.Sprintf("small/file-%05d.txt", i%smallFiles), "0", io.Discard)
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
