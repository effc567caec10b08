package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// measureListings makes a folder of 10,000 files, with names of 15 characters, and lists it.
func measureListings(ctx context.Context, c client, out map[string][]float64, add add) error {
	if err := c.do(ctx, "MKCOL", "many/", "", nil, 0, io.Discard); err != nil {
		return err
	}
	if err := c.putSmall(ctx, "many/picture%04d.jpg", entries); err != nil {
		return err
	}
	var first firstByte
	list := func() error {
		first = firstByte{begin: time.Now()}
		return c.propfind(ctx, "many/", "1", &first)
	}
	if err := list(); err != nil { // once, to be warm
		return err
	}
	if err := add("PROPFIND of 10,000", 5*entries, func() error {
		for range 5 {
			if err := list(); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	out["its first byte, warm"] = append(out["its first byte, warm"], first.took.Seconds()*1000)

	var explorer firstByte
	if err := c.do(ctx, "PROPFIND", "many/", "Depth: 1\nUser-Agent: Microsoft-WebDAV-MiniRedir/10.0.22631", nil, 0, &explorer); err != nil {
		return err
	}
	out["all that Explorer asks for"] = append(out["all that Explorer asks for"], float64(explorer.n)/(entries+1))

	before, err := c.s.memory("VmRSS")
	if err != nil {
		return nil //nolint:nilerr // only Linux tells; elsewhere there is no such row
	}
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", c.s.cmd.Process.Pid), []byte("5"), 0o600); err != nil { // the peak begins anew
		return nil //nolint:nilerr // as above
	}
	if err := list(); err != nil {
		return err
	}
	peak, err := c.s.memory("VmHWM")
	if err != nil {
		return err
	}
	out["memory that a listing adds"] = append(out["memory that a listing adds"], max(0, peak-before))
	return nil
}

// firstByte counts bytes and notes when the first came.
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

// memory is a figure of the server's process, in MiB: VmRSS now, VmHWM at its highest.
func (s *server) memory(field string) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(status), field+":")
	value, _, _ := strings.Cut(strings.TrimSpace(after), " ")
	kib, err := strconv.ParseFloat(value, 64)
	return kib / 1024, err
}
