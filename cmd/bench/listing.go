package main

import (
	"context"
	"io"
	"time"
)

// measureListings makes a folder of 10,000 files, with names of 15 characters, and lists it.
func measureListings(ctx context.Context, c client, first bool, t *table) error {
	defer c.http.CloseIdleConnections()
	if first {
		if err := c.do(ctx, "MKCOL", "many/", "", nil, 0, io.Discard); err != nil {
			return err
		}
		if err := c.putSmall(ctx, "many/picture%04d.jpg", entries); err != nil {
			return err
		}
		c.s.quiet()
	}
	var begun firstByte
	list := func(ctx context.Context, c client) error {
		begun = firstByte{begin: time.Now()}
		return c.propfind(ctx, "many/", "1", &begun)
	}
	listed := row{name: "PROPFIND of 10,000", unit: "entries/s", amount: 5 * entries, before: list,
		do: func(ctx context.Context, c client) error {
			for range 5 {
				if err := list(ctx, c); err != nil {
					return err
				}
			}
			return nil
		}}
	if err := listed.measure(ctx, c, t); err != nil {
		return err
	}
	l := t.line("its first byte, warm", "ms")
	l.limit = 50
	l.add(c.s, begun.took.Seconds()*1000)

	var explorer firstByte
	if err := c.do(ctx, "PROPFIND", "many/", "Depth: 1\nUser-Agent: Microsoft-WebDAV-MiniRedir/10.0.22631", nil, 0,
		&explorer); err != nil {
		return err
	}
	l = t.line("all that Explorer asks for", "bytes/entry")
	l.limit = 260
	l.add(c.s, float64(explorer.n)/(entries+1))

	if c.s.kinds&memory == 0 {
		return nil
	}
	before, err := c.s.memory("VmRSS")
	if err != nil {
		return nil //nolint:nilerr // only Linux reports it; elsewhere there is no such row
	}
	if err := c.s.resetPeak(); err != nil {
		return nil //nolint:nilerr // as above
	}
	if err := list(ctx, c); err != nil {
		return err
	}
	peak, err := c.s.memory("VmHWM")
	if err != nil {
		return err
	}
	l = t.line("memory that a listing adds", "MiB")
	l.limit = 8
	l.add(c.s, max(0, peak-before))
	return nil
}

// firstByte counts bytes and records when the first came.
type firstByte struct {
	begin time.Time
	took  time.Duration
	n     int64
}

func (f *firstByte) Write(p []byte) (int, error) {
	if f.n == 0 {
		f.took = time.Since(f.begin)
	}
	f.n += int64(len(p))
	return len(p), nil
}
