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

// childFlag makes the program a gateway.
const childFlag = "-gateway"

// child is the parent's side of a gateway: a process that comes and goes over one home. Its methods are called by one
// goroutine, except address and lost.
type child struct {
	setup setup
	dir   string
	pulse *pulse

	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	ended   chan struct{} // closed when the process is gone
	ordered bool          // it was to end

	mu   sync.Mutex
	addr string        // empty: it is not up
	up   chan struct{} // closed when addr is set; made anew when it is down

	faultsMade, commits uint64 // of all processes so far
	made, committed     uint64 // of this one
}

func newChild(s setup, dir string, p *pulse) *child {
	return &child{setup: s, dir: dir, pulse: p, up: make(chan struct{})}
}

// address is where the gateway answers, once it is up.
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
	a, err := c.say(c.setup)
	if err != nil {
		c.reap()
		return fmt.Errorf("%s does not start (%w): see %s", deviceName(c.setup.Device), err, log.Name())
	}
	c.setAddress(a.Addr)
	return nil
}

// say writes one line and reads the one that answers.
func (c *child) say(what any) (a answer, err error) {
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
	if a.Faults >= c.made { // an answer to setup counts none
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
	_, err := c.say(order{Faults: &f})
	return err
}

// flush brings what is pending to the remote.
func (c *child) flush(limit time.Duration) (answer, error) { return c.say(order{Flush: limit}) }

// collect deletes garbage, and tells how many blobs.
func (c *child) collect() (int64, error) {
	a, err := c.say(order{Collect: 20 * time.Second})
	return a.Done, err
}

// kill ends the process as a power cut ends it, but for what the system has not yet written.
func (c *child) kill() {
	c.setAddress("")
	_ = c.cmd.Process.Kill()
	c.reap()
}

// stop ends the process in an orderly way.
func (c *child) stop() error {
	c.setAddress("")
	_, err := c.say(order{Stop: true})
	c.reap()
	return err
}

func (c *child) reap() {
	_ = c.in.Close()
	_ = c.cmd.Wait() // of a killed process always an error
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

// giveUp lets requests that wait for the gateway fail, for it will not come back.
func (c *child) giveUp() { c.setAddress("127.0.0.1:9") }
