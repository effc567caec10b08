package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// stallLimit is how long a run may go without an answer from any gateway. A single request times out sooner, see
// requestLimit.
const stallLimit = 2 * time.Minute

// memoryLimit is the most memory that a run may take, its gateways included, in bytes. It catches a model that grows
// with the run.
const memoryLimit = 2 << 30

var errStalled = errors.New("the run stalled")

// pulse counts the answers that a run has received.
type pulse struct{ answers atomic.Int64 }

func (p *pulse) beat() { p.answers.Add(1) }

// stalled returns once no answer has come for limit, or ctx has ended.
func (p *pulse) stalled(ctx context.Context, limit time.Duration) error {
	tick := time.NewTicker(limit / 4)
	defer tick.Stop()
	seen, still := p.answers.Load(), 0
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if now := p.answers.Load(); now != seen {
			seen, still = now, 0
		} else if still++; still == 4 {
			return fmt.Errorf("%w: nothing was answered for %v", errStalled, limit)
		}
	}
}

// watched does a run and fails it if it stalls. The stacks of all goroutines go to the logs of the gateways, and for
// the run itself to the output.
func watched(r *run, limit time.Duration) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done, stalled := make(chan error, 1), make(chan error, 1)
	go func() { done <- r.torture() }()
	go func() { stalled <- r.record.pulse.stalled(ctx, limit) }()
	select {
	case err := <-done:
		if errors.Is(err, errHang) {
			r.dump()
		}
		return err
	case err := <-stalled:
		r.dump()
		stacks := make([]byte, 1<<20)
		_, _ = fmt.Fprintf(r.out, "%s\n", stacks[:runtime.Stack(stacks, true)])
		return fmt.Errorf("%w; the stacks are above, and in the logs of the gateways", err)
	}
}

// dump makes all gateways write their stacks.
func (r *run) dump() {
	for _, c := range r.childs {
		c.dump()
	}
}

// dumpLimit is how long a process may take to write its stacks. A blocked process never does.
const dumpLimit = 5 * time.Second

// dump makes a process write its stacks to its log and end.
func (c *child) dump() {
	if c == nil || c.cmd == nil || c.cmd.Process == nil {
		return
	}
	if c.cmd.Process.Signal(syscall.SIGQUIT) != nil {
		return // it has ended
	}
	written := make(chan struct{})
	go func() {
		defer close(written)
		_, _ = c.cmd.Process.Wait()
	}()
	select {
	case <-written:
	case <-time.After(dumpLimit):
	}
}

// memory returns the peak memory of this process and the gateways, in bytes; 0 if the system does not report it.
func (r *run) memory() (all int64) {
	pids := []int{os.Getpid()}
	for _, c := range r.childs {
		if c.running() {
			pids = append(pids, c.cmd.Process.Pid)
		}
	}
	for _, pid := range pids {
		all += peak(pid)
	}
	return all
}

// peak returns the peak memory of a process.
func peak(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64) // 0 if it is of another form
			return kib << 10
		}
	}
	return 0
}
