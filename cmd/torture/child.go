package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// childFlag is the argument that makes the program a gateway.
const childFlag = "-gateway"

// child is the parent's handle on a gateway: one process after another over one home. One goroutine calls its methods,
// except address and lost.
type child struct {
	setup setup
	dir   string
	pulse *pulse

	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	ended   chan struct{} // closed when the process has ended
	ordered bool          // the end was ordered

	mu   sync.Mutex
	addr string        // empty: not running
	up   chan struct{} // closed when addr is set; replaced when the process ends

	faultsMade, commits uint64 // over all processes
	made, committed     uint64 // of this process
}

func newChild(s setup, dir string, p *pulse) *child {
	return &child{setup: s, dir: dir, pulse: p, up: make(chan struct{})}
}

// address returns the gateway's address once it is running.
func (c *child) address() string {
	for {
		c.mu.Lock()
		addr, up := c.addr, c.up
		c.mu.Unlock()
		if addr != "" {
			return addr
		}
		<-up
	}
}

func (c *child) setAddress(addr string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.addr = addr; addr != "" {
		close(c.up)
	} else {
		c.up = make(chan struct{})
	}
}

// start runs the gateway and waits until it answers.
func (c *child) start() error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	log,
		err := os.OpenFile(filepath.Join(c.dir, filepath.Base(c.setup.Home)+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY,
		0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the child has its own handle
	c.cmd = exec.Command(program, childFlag)
	c.cmd.Env = append(os.Environ(), childVariable+"=1")
	c.cmd.Stderr = log
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	c.out = bufio.NewReader(out)
	if err := c.cmd.Start(); err != nil {
		return err
	}
	c.ended, c.ordered, c.made, c.committed = make(chan struct{}), false, 0, 0
	a, err := c.call(c.setup)
	if err != nil {
		c.reap()
		return fmt.Errorf("%s does not start (%w): see %s", deviceName(c.setup.Device), err, log.Name())
	}
	c.setAddress(a.Addr)
	return nil
}

// call writes one line and reads the answer.
func (c *child) call(what any) (a answer, err error) {
	line, err := json.Marshal(what)
	if err != nil {
		return a, err
	}
	if _, err := c.in.Write(append(line, '\n')); err != nil {
		return a, err
	}
	if err := readLine(c.out, &a); err != nil {
		return a, fmt.Errorf("%s has ended by itself: %w", deviceName(c.setup.Device), err)
	}
	c.pulse.beat()
	if a.Err != "" {
		err = errors.New(a.Err)
	}
	if a.Faults >= c.made { // the answer to setup has no counts
		c.faultsMade += a.Faults - c.made
		c.made = a.Faults
	}
	if a.Commits >= c.committed {
		c.commits += a.Commits - c.committed
		c.committed = a.Commits
	}
	return a, err
}

func (c *child) setFaults(f faults) error {
	c.setup.Faults = f
	_, err := c.call(order{Faults: &f})
	return err
}

// flush uploads pending changes to the remote.
func (c *child) flush(limit time.Duration) (answer, error) { return c.call(order{Flush: limit}) }

// collect deletes garbage and returns the number of blobs.
func (c *child) collect() (int64, error) {
	a, err := c.call(order{Collect: 20 * time.Second})
	return a.Done, err
}

// kill ends the process like a power cut, except that the system keeps what it has not written yet.
func (c *child) kill() {
	c.setAddress("")
	_ = c.cmd.Process.Kill()
	c.reap()
}

// stop ends the process in an orderly way.
func (c *child) stop() error {
	c.setAddress("")
	_, err := c.call(order{Stop: true})
	c.reap()
	return err
}

func (c *child) reap() {
	_ = c.in.Close()
	_ = c.cmd.Wait() // always an error for a killed process
	close(c.ended)
}

// running reports whether there is a process.
func (c *child) running() bool {
	if c.ended == nil {
		return false
	}
	select {
	case <-c.ended:
		return false
	default:
		return true
	}
}

// giveUp lets requests that wait for the gateway fail, since it will not restart.
func (c *child) giveUp() { c.setAddress("127.0.0.1:9") }
