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

// restAfter is how long after the last request the memory at rest is measured.
const restAfter = time.Minute

// measureMemory starts a server on an empty drive and measures its memory: the peak while all clients write small
// files, and the value a minute after the last request.
func measureMemory(ctx context.Context, s *server, files int, t *table) error {
	if err := s.reset(); err != nil {
		return err
	}
	if err := s.up(ctx); err != nil {
		return err
	}
	if _, err := s.memory("VmHWM"); err != nil {
		return nil //nolint:nilerr // only Linux reports it; elsewhere there are no such rows
	}
	const each = 1000 // files in a folder
	c := newClient(s)
	body := strings.Repeat("postern ", 50)
	begin := time.Now()
	for folder := range (files + each - 1) / each {
		if err := c.do(ctx, "MKCOL", fmt.Sprintf("%05d/", folder), "", nil, 0, io.Discard); err != nil {
			return err
		}
		if err := inParallel(ctx, min(each, files-folder*each), func(ctx context.Context, i int) error {
			return c.put(ctx, fmt.Sprintf("%05d/file-%05d.txt", folder, i), strings.NewReader(body), int64(len(body)))
		}); err != nil {
			return err
		}
	}
	t.line(fmt.Sprintf("%d files of %d bytes", files, len(body)), "1/s").add(s, float64(files)/time.Since(begin).Seconds())
	peak, err := s.memory("VmHWM")
	if err != nil {
		return err
	}
	l := t.line("memory meanwhile, at most", "MiB")
	l.limit = 150
	l.add(s, peak)
	c.http.CloseIdleConnections()
	select {
	case <-time.After(restAfter):
	case <-ctx.Done():
		return ctx.Err()
	}
	rest, err := s.memory("VmRSS")
	if err != nil {
		return err
	}
	l = t.line("memory a minute later", "MiB")
	l.limit = 60
	l.add(s, rest)
	return s.stop()
}

// memory returns a figure of the server's process in MiB: VmRSS now, VmHWM at its highest.
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

// resetPeak resets VmHWM.
func (s *server) resetPeak() error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", s.cmd.Process.Pid), []byte("5"), 0o600)
}
