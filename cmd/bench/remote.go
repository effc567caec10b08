package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"postern/remote/s3"
)

// The bucket of the comparison over distance, and its keys.
const (
	bucket    = "bench"
	accessKey = "bench"
	secretKey = "bench-secret"
)

// What is measured over distance.
const (
	farFiles   = 2000 // small files that rclone copies
	farRanges  = 100
	farEntries = 10_000 // in one folder
)

// startStore starts a versitygw on a folder, and returns its address. It ends with ctx.
func startStore(ctx context.Context, dir string) (addr string, err error) {
	if err := os.MkdirAll(filepath.Join(dir, bucket), 0o700); err != nil {
		return "", err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	addr = listener.Addr().String()
	_ = listener.Close()
	// Connections are kept, as the stores that people rent keep them.
	store := exec.CommandContext(ctx, "versitygw", "--port", addr, "--keep-alive", "--quiet", "posix", dir)
	store.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+accessKey, "ROOT_SECRET_KEY="+secretKey)
	store.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := store.Start(); err != nil {
		return "", fmt.Errorf("versitygw: %w (make tools installs it)", err)
	}
	end := time.Now().Add(time.Minute)
	for {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			return addr, conn.Close()
		}
		if time.Now().After(end) {
			return "", fmt.Errorf("versitygw does not answer: %w", err)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// inBucket makes a Postern keep its drive in the bucket behind a line.
func (s *server) inBucket(binary, line string) *server {
	s.start = func(s *server, addr string) (*exec.Cmd, error) {
		place := s3.Place{Bucket: bucket, Prefix: s.name, Endpoint: "http://" + line}
		cmd := exec.Command(binary, "serve", "--home", s.dir, "--addr", addr, "--remote", place.String(), "--create")
		cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+accessKey, "AWS_SECRET_ACCESS_KEY="+secretKey)
		return cmd, nil
	}
	s.durable = func(ctx context.Context) error {
		return exec.CommandContext(ctx, binary, "flush", "--home", s.dir).Run()
	}
	s.fill = func(ctx context.Context, _, folder string) error {
		c := newClient(s)
		defer c.http.CloseIdleConnections()
		if err := c.do(ctx, "MKCOL", folder+"/", "", nil, 0, io.Discard); err != nil {
			return err
		}
		if err := c.putSmall(ctx, folder+"/"+smallName, farEntries); err != nil {
			return err
		}
		return s.durable(ctx)
	}
	return s
}

// newFarCrypt returns rclone on a crypt remote in the bucket behind a line.
func newFarCrypt(binary, dir, line string) *server {
	s := newCrypt(binary, dir)
	s.start = func(s *server, addr string) (*exec.Cmd, error) {
		return s.crypt(binary, addr, "far:"+bucket+"/crypt", fmt.Sprintf("[far]\ntype = s3\nprovider = Other\n"+
			"access_key_id = %s\nsecret_access_key = %s\nendpoint = http://%s\n", accessKey, secretKey, line))
	}
	s.fill = func(ctx context.Context, from, folder string) error { // through its server it would take many minutes
		return exec.CommandContext(ctx, binary, "copy", "--config", filepath.Join(s.dir, "rclone.conf"),
			"--transfers", "32", from, "secret:"+folder).Run()
	}
	return s
}

// smallName is the form of the names of small files.
const smallName = "file-%05d.txt"

// makeSmall makes a folder with n small files.
func makeSmall(dir string, n int) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	body := make([]byte, smallSize)
	_, _ = newNoise(smallSize).Read(body)
	for i := range n {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf(smallName, i)), body, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// copyTo copies a folder to the server with rclone. By default rclone waits 10 ms between two calls, and would measure
// little else.
func (s *server) copyTo(ctx context.Context, rclone, from, folder string) error {
	args := []string{"copy", "--config", os.DevNull, from, ":webdav:" + folder, "--webdav-url", s.base,
		"--webdav-pacer-min-sleep", "0"}
	if s.user != "" {
		hidden, err := exec.CommandContext(ctx, rclone, "obscure", s.password).Output()
		if err != nil {
			return fmt.Errorf("rclone obscure: %w", err)
		}
		args = append(args, "--webdav-user", s.user, "--webdav-pass", strings.TrimSpace(string(hidden)))
	}
	if said, err := exec.CommandContext(ctx, rclone, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("rclone copy: %w: %s", err, said)
	}
	return nil
}

// measureRemote compares drives in a bucket behind a long line.
func measureRemote(ctx context.Context, o options) (err error) {
	ctx, end := context.WithCancel(ctx)
	defer end()
	store, err := startStore(ctx, filepath.Join(o.dir, "store"))
	if err != nil {
		return err
	}
	line, err := startLine(ctx, store, o.roundTrip, o.mbit*1e6/8)
	if err != nil {
		return err
	}
	all := []*server{newPostern("postern", o.postern, o.dir).inBucket(o.postern, line.addr()),
		newFarCrypt(o.rclone, o.dir, line.addr())}
	defer func() {
		for _, s := range all {
			err = errors.Join(err, s.stop())
		}
	}()
	for dir, n := range map[string]int{"copied": farFiles, "listed": farEntries} {
		if err := makeSmall(filepath.Join(o.dir, dir), n); err != nil {
			return err
		}
	}
	t := newTable(all)
	for round := range o.rounds {
		for i := range all {
			s := all[(i+round)%len(all)]
			if err := s.far(ctx, o, round, t); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	for _, s := range all {
		if o.rows != nil && !o.rows.MatchString(listingRow) {
			break
		}
		if err := s.farListing(ctx, o, t); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return t.print()
}

// far measures all rows over distance for one server.
func (s *server) far(ctx context.Context, o options, round int, t *table) error {
	if s.cmd == nil {
		if err := s.up(ctx); err != nil {
			return err
		}
	}
	mib := float64(o.size >> 20)
	c := newClient(s)
	defer c.http.CloseIdleConnections()
	row := func(name, unit string, amount float64, do func() error) error {
		begin := time.Now()
		if err := do(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		t.rate(row{name: name, unit: unit}, s, amount/time.Since(begin).Seconds())
		return nil
	}
	large := fmt.Sprintf("large-%d.bin", round)
	begin := time.Now()
	if err := row("large PUT, as the client sees it", "MiB/s", mib, func() error {
		return c.put(ctx, large, newNoise(o.size), o.size)
	}); err != nil {
		return err
	}
	if err := s.settled(ctx); err != nil {
		return err
	}
	l := t.line("large PUT, until it is at the store", "MiB/s")
	l.compared = true
	l.add(s, mib/time.Since(begin).Seconds())
	s.peak(t, "memory until then, at most")
	if err := s.cold(ctx); err != nil {
		return err
	}
	var first firstByte
	if err := row("large GET, cold", "MiB/s", mib, func() error {
		first = firstByte{begin: time.Now()}
		return c.do(ctx, "GET", large, "", nil, 0, &first)
	}); err != nil {
		return err
	}
	t.line("its first byte", "ms").add(s, first.took.Seconds()*1000)
	s.peak(t, "memory meanwhile, at most")
	if err := s.cold(ctx); err != nil {
		return err
	}
	if err := row("64 KiB ranges, cold", "1/s", farRanges, func() error {
		return inParallel(ctx, farRanges, func(ctx context.Context, i int) error {
			off := int64(i) * ((o.size - rangeSize) / farRanges)
			return c.get(ctx, large, fmt.Sprintf("bytes=%d-%d", off, off+rangeSize-1))
		})
	}); err != nil {
		return err
	}
	return row("rclone copy of 2,000, until all is at the store", "1/s", farFiles, func() error {
		if err := s.copyTo(ctx, o.rclone, filepath.Join(o.dir, "copied"), fmt.Sprintf("small-%d", round)); err != nil {
			return err
		}
		return s.settled(ctx)
	})
}

// listingRow is measured once, since it takes rclone more than ten minutes.
const listingRow = "listing of 10,000, cold, once"

// farListing measures the cold listing of a large folder.
func (s *server) farListing(ctx context.Context, o options, t *table) error {
	if s.cmd == nil {
		if err := s.up(ctx); err != nil {
			return err
		}
	}
	if err := s.fill(ctx, filepath.Join(o.dir, "listed"), "many"); err != nil {
		return err
	}
	if err := s.cold(ctx); err != nil {
		return err
	}
	c := newClient(s)
	defer c.http.CloseIdleConnections()
	begin := time.Now()
	if err := c.propfind(ctx, "many/", "1", io.Discard); err != nil {
		return err
	}
	t.rate(row{name: listingRow, unit: "entries/s"}, s, farEntries/time.Since(begin).Seconds())
	return nil
}

// peak adds a row with the most memory that the server has taken, where the system reports it.
func (s *server) peak(t *table, name string) {
	if peak, err := s.memory("VmHWM"); err == nil {
		l := t.line(name, "MiB")
		l.limit = 250
		l.add(s, peak)
	}
}

// settled returns once everything is at the store.
func (s *server) settled(ctx context.Context) error {
	if s.durable == nil {
		return nil // it answers only then
	}
	return s.durable(ctx)
}

// cold restarts the server without its cache.
func (s *server) cold(ctx context.Context) error {
	if err := s.stop(); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(s.dir, "cache")); err != nil {
		return err
	}
	return s.up(ctx)
}
