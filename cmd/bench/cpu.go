package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ticks is how many units of CPU time /proc counts in a second; Linux has no other value for programs.
const ticks = 100

// cpu returns the CPU time of the server and its workers since the benchmark began; 0 where there is no /proc.
func (s *server) cpu() time.Duration { return s.past + s.running() }

// running returns the CPU time of the processes that run now.
func (s *server) running() time.Duration {
	if s.cmd == nil || s.cmd.Process == nil {
		return 0
	}
	total := time.Duration(0)
	for _, pid := range family(s.cmd.Process.Pid) {
		fields := statOf(pid)
		if len(fields) < 17 {
			continue
		}
		for _, field := range fields[11:15] { // its own, and those of children that have ended
			n, _ := strconv.ParseInt(field, 10, 64)
			total += time.Duration(n) * time.Second / ticks
		}
	}
	return total
}

// family returns a process and its children.
func family(parent int) []int {
	all := []int{parent}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			continue
		}
		if fields := statOf(pid); len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			all = append(all, pid)
		}
	}
	return all
}

// statOf returns the fields of a process's stat from the third on: after its name, which may hold spaces.
func statOf(pid int) []string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	return strings.Fields(string(text)[strings.LastIndexByte(string(text), ')')+1:])
}

// ownCPU returns the CPU time of this process: the client's.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// quiet waits until the server has finished its work after an answer, half a minute at most.
func (s *server) quiet() {
	const each = 200 * time.Millisecond
	tick := time.NewTicker(each)
	defer tick.Stop()
	calm := 0
	for range 30 * time.Second / each {
		before := s.cpu()
		<-tick.C
		if calm++; s.cpu() > before { // by at least a tick of the kernel's clock
			calm = 0
		}
		if calm == 3 {
			return
		}
	}
}
