package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"postern/vfs/layout"
)

// server is one contestant, with the means to set it up, start it and reach it.
type server struct {
	name  string
	dir   string                                           // everything it stores
	files string                                           // the URL path under which files are made
	start func(s *server, addr string) (*exec.Cmd, error)  // the command that serves on addr
	auth  func(s *server) (user, password string, _ error) // called once it has started; nil: no login
	// durable waits until everything is at the store; nil: a PUT is answered only then. Only over distance.
	durable func(ctx context.Context) error
	// fill makes a folder with the small files of a local one, by the quickest way. Only over distance.
	fill func(ctx context.Context, from, folder string) error
	// kinds are the rows that it takes part in.
	kinds kinds

	cmd            *exec.Cmd
	base           string // http://host:port + files
	user, password string
	past           time.Duration // CPU time of this server's processes that have ended
}

// kinds are kinds of rows.
type kinds uint8

const (
	bodies   kinds = 1 << iota // PUT and GET of file contents
	entries1                   // PROPFIND of one file
	listings                   // PROPFIND of a folder
	memory                     // of the process
)

func newPostern(name, binary, dir string) *server {
	return &server{
		name: name, dir: filepath.Join(dir, name), files: layout.Files + "/", kinds: bodies | entries1 | listings | memory,
		start: func(s *server, addr string) (*exec.Cmd, error) {
			return exec.Command(binary, "serve", "--home", s.dir, "--addr", addr), nil
		},
		auth: func(s *server) (string, string, error) {
			password, err := os.ReadFile(filepath.Join(s.dir, "dav-password"))
			return "postern", strings.TrimSpace(string(password)), err
		},
	}
}

// newCrypt returns rclone on a crypt remote.
func newCrypt(binary, dir string) *server {
	return &server{
		name: "crypt", dir: filepath.Join(dir, "crypt"), files: "/", kinds: bodies | entries1 | listings,
		start: func(s *server, addr string) (*exec.Cmd, error) {
			data := filepath.Join(s.dir, "data")
			if err := os.MkdirAll(data, 0o700); err != nil {
				return nil, err
			}
			return s.crypt(binary, addr, data, "")
		},
	}
}

// crypt returns the command that serves an rclone crypt remote over another remote, which settings may define.
func (s *server) crypt(binary, addr, over, settings string) (*exec.Cmd, error) {
	secret, err := exec.Command(binary, "obscure", "a passphrase for the benchmark").Output()
	if err != nil {
		return nil, fmt.Errorf("rclone obscure: %w", err)
	}
	conf := filepath.Join(s.dir, "rclone.conf")
	settings += fmt.Sprintf("[secret]\ntype = crypt\nremote = %s\npassword = %s\n", over,
		strings.TrimSpace(string(secret)))
	if err := os.WriteFile(conf, []byte(settings), 0o600); err != nil {
		return nil, err
	}
	return exec.Command(binary, "serve", "webdav", "--config", conf, "--addr", addr, "secret:"), nil
}

// newFolder returns rclone on a plain folder.
func newFolder(binary, dir string) *server {
	return &server{
		name: "folder", dir: filepath.Join(dir, "folder"), files: "/", kinds: listings,
		start: func(s *server, addr string) (*exec.Cmd, error) {
			return exec.Command(binary, "serve", "webdav", "--config", os.DevNull, "--addr", addr, s.dir), nil
		},
	}
}

// reset stops the server and removes all its data.
func (s *server) reset() error {
	if err := s.stop(); err != nil {
		return err
	}
	return os.RemoveAll(s.dir)
}

// up starts the server on a free port and returns when it answers.
func (s *server) up(ctx context.Context) error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	addr := listener.Addr().String()
	_ = listener.Close()
	if s.cmd, err = s.start(s, addr); err != nil {
		return err
	}
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.base = "http://" + addr + s.files
	if err := s.await(ctx); err != nil {
		return errors.Join(err, s.stop())
	}
	if s.auth != nil {
		s.user, s.password, err = s.auth(s)
	}
	return err
}

// await sends requests until the server answers, for a minute at most.
func (s *server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodOptions, s.base, nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			return resp.Body.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer at %s", s.name, s.base)
		case <-tick.C:
		}
	}
}

// stop shuts the server down.
func (s *server) stop() error {
	if s.cmd == nil {
		return nil
	}
	cmd := s.cmd
	s.past += s.running()
	s.cmd = nil
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		return err
	}
	return nil
}
