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
)

// server is one contestant: how it is set up, started and reached.
type server struct {
	name  string
	dir   string                                           // everything it stores
	files string                                           // the URL path under which files are made
	start func(s *server, addr string) (*exec.Cmd, error)  // the command that serves on addr
	auth  func(s *server) (user, password string, _ error) // once it has started
	// listings tells that it only takes part where folders are listed.
	listings bool

	cmd            *exec.Cmd
	base           string // http://host:port + files
	user, password string
}

func newPostern(binary, dir string) *server {
	return &server{
		name: "postern", dir: filepath.Join(dir, "postern"), files: "/files/",
		start: func(s *server, addr string) (*exec.Cmd, error) {
			return exec.Command(binary, "serve", "--home", s.dir, "--addr", addr), nil
		},
		auth: func(s *server) (string, string, error) {
			password, err := os.ReadFile(filepath.Join(s.dir, "dav-password"))
			return "postern", strings.TrimSpace(string(password)), err
		},
	}
}

// newRclone is rclone on a crypt remote, or on a plain folder.
func newRclone(binary, dir string, crypt bool) *server {
	if !crypt {
		return &server{
			name: "rclone folder", dir: filepath.Join(dir, "folder"), files: "/", listings: true,
			start: func(s *server, addr string) (*exec.Cmd, error) {
				return exec.Command(binary, "serve", "webdav", "--config", os.DevNull, "--addr", addr, s.dir), nil
			},
			auth: func(*server) (string, string, error) { return "", "", nil },
		}
	}
	return &server{
		name: "rclone crypt", dir: filepath.Join(dir, "rclone"), files: "/",
		start: func(s *server, addr string) (*exec.Cmd, error) {
			if err := os.MkdirAll(filepath.Join(s.dir, "data"), 0o700); err != nil {
				return nil, err
			}
			secret, err := exec.Command(binary, "obscure", "a passphrase for the benchmark").Output()
			if err != nil {
				return nil, fmt.Errorf("rclone obscure: %w", err)
			}
			conf := filepath.Join(s.dir, "rclone.conf")
			text := fmt.Sprintf("[secret]\ntype = crypt\nremote = %s\npassword = %s\n", filepath.Join(s.dir, "data"), strings.TrimSpace(string(secret)))
			if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
				return nil, err
			}
			return exec.Command(binary, "serve", "webdav", "--config", conf, "--addr", addr, "secret:"), nil
		},
		auth: func(*server) (string, string, error) { return "", "", nil },
	}
}

// reset stops the server and forgets all that it stored.
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
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.base = "http://" + addr + s.files
	if err := s.await(ctx); err != nil {
		return errors.Join(err, s.stop())
	}
	s.user, s.password, err = s.auth(s)
	return err
}

// await asks until the server answers, a minute at the most.
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

// stop ends the server in good order.
func (s *server) stop() error {
	if s.cmd == nil {
		return nil
	}
	cmd := s.cmd
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
