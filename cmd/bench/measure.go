package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	smallFiles = 1000
	entries    = 10_000
	smallSize  = 4 << 10
	rangeSize  = 64 << 10
	clients    = 8 // connections for small requests
)

// row is one measurement.
type row struct {
	name, unit string
	kind       kinds
	amount     float64 // units that do does
	do         func(ctx context.Context, c client) error
	// before prepares the server and is not measured; nil: nothing.
	before func(ctx context.Context, c client) error
	// settles means that the server works on after its answer, and that this work counts as its CPU time.
	settles bool
}

// rows returns the measurements of each round, with a large file of the given size.
func rows(size int64) []row {
	mib := float64(size >> 20)
	large := func(ctx context.Context, c client) error { return c.get(ctx, "large.bin", "") }
	const ranges = 2000
	list := []row{
		{name: "large PUT", unit: "MiB/s", kind: bodies, amount: mib, settles: true,
			do: func(ctx context.Context, c client) error {
				return c.put(ctx, "large.bin", newNoise(size), size)
			}},
		{name: "PUT, then GET: the GET", unit: "MiB/s", kind: bodies, amount: mib, do: large,
			before: func(ctx context.Context, c client) error {
				return c.put(ctx, "large.bin", newNoise(size), size)
			}},
		{name: "large GET, warm", unit: "MiB/s", kind: bodies, amount: mib, do: large,
			before: func(ctx context.Context, c client) error {
				c.s.quiet()
				return large(ctx, c)
			}},
		{name: "random 64 KiB ranges", unit: "1/s", kind: bodies, amount: ranges,
			do: func(ctx context.Context, c client) error {
				return inParallel(ctx, ranges, func(ctx context.Context, i int) error {
					off := rand.New(rand.NewPCG(7, uint64(i))).Int64N(size - rangeSize)
					return c.get(ctx, "large.bin", fmt.Sprintf("bytes=%d-%d", off, off+rangeSize-1))
				})
			}},
		{name: "small PUTs (4 KiB)", unit: "1/s", kind: bodies, amount: smallFiles,
			do: func(ctx context.Context, c client) error {
				return c.putSmall(ctx, "small/file-%05d.txt", smallFiles)
			}},
		{name: "small GETs (4 KiB)", unit: "1/s", kind: bodies, amount: 10 * smallFiles,
			do: func(ctx context.Context, c client) error {
				return inParallel(ctx, 10*smallFiles, func(ctx context.Context, i int) error {
					return c.get(ctx, fmt.Sprintf("small/file-%05d.txt", i%smallFiles), "")
				})
			}},
		{name: "PROPFIND of one", unit: "1/s", kind: entries1, amount: 5000, do: func(ctx context.Context, c client) error {
			return inParallel(ctx, 5000, func(ctx context.Context, i int) error {
				return c.propfind(ctx, fmt.Sprintf("small/file-%05d.txt", i%smallFiles), "0", io.Discard)
			})
		}},
	}
	if !mayDropCaches() {
		return list
	}
	// Both caches are cold: the server was restarted, and the kernel has dropped its own.
	return append(list, row{name: "large GET, cold", unit: "MiB/s", kind: bodies, amount: mib, do: large,
		before: func(ctx context.Context, c client) error {
			if err := c.s.stop(); err != nil {
				return err
			}
			dropCaches()
			return c.s.up(ctx)
		}})
}

// measure measures every row of the wanted kinds once for all servers, each row's servers one right after the other.
func measure(ctx context.Context, all []*server, wanted kinds, o options, round int, t *table) error {
	for _, s := range all {
		if s.kinds&wanted == 0 {
			continue
		}
		if s.cmd == nil {
			if err := s.up(ctx); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
		if round == 0 {
			if err := newClient(s).do(ctx, "MKCOL", "small/", "", nil, 0, io.Discard); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	for _, r := range rows(o.size) {
		if o.rows != nil && !o.rows.MatchString(r.name) {
			continue
		}
		for i := range all {
			s := all[(i+round)%len(all)]
			if s.kinds&wanted&r.kind == 0 {
				continue
			}
			if err := r.measure(ctx, newClient(s), t); err != nil {
				return fmt.Errorf("%s: %s: %w", s.name, r.name, err)
			}
		}
	}
	for i := range all {
		s := all[(i+round)%len(all)]
		if s.kinds&wanted&listings == 0 {
			continue
		}
		if err := measureListings(ctx, newClient(s), round == 0, t); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// measure measures the row for one server.
func (r row) measure(ctx context.Context, c client, t *table) error {
	defer c.http.CloseIdleConnections()
	if r.before != nil {
		if err := r.before(ctx, c); err != nil {
			return err
		}
	}
	theirs, ours := c.s.cpu(), ownCPU()
	begin := time.Now()
	if err := r.do(ctx, c); err != nil {
		return err
	}
	took := time.Since(begin)
	ours = ownCPU() - ours
	if r.settles {
		c.s.quiet()
	}
	t.rate(r, c.s, r.amount/took.Seconds())
	t.cpu(r, c.s, c.s.cpu()-theirs, ours)
	c.s.quiet() // its later work must not slow the next server
	return nil
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

// newClient returns a client with connections of its own.
func newClient(s *server) client {
	return client{s: s, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients,
		WriteBufferSize: 1 << 20, ReadBufferSize: 1 << 20}}}
}

const dropFile = "/proc/sys/vm/drop_caches"

// mayDropCaches reports whether this user may make the kernel drop its caches.
func mayDropCaches() bool { return os.Getuid() == 0 && syscall.Access(dropFile, 2) == nil }

// dropCaches makes the kernel write dirty pages and drop its page cache.
func dropCaches() {
	syscall.Sync()
	_ = os.WriteFile(dropFile, []byte("1\n"), 0)
}
