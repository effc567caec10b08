package storage

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"postern/cmd/postern/command"
	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
	"postern/remote"
	"postern/remote/remotetest"
)

// examined is what a check found out about a remote.
type examined struct {
	Remote   string              `json:"remote"`
	Promises []promise           `json:"promises"`
	Features []feature           `json:"features"`
	Speed    remotetest.Measured `json:"speed"`
	Warnings []string            `json:"warnings"`

	mu      sync.Mutex
	drivers []remote.Store // that were opened
}

// promise is one part of the contract.
type promise struct {
	Name    string `json:"name"`
	Promise string `json:"promise"`
	Kept    bool   `json:"kept"`
	Error   string `json:"error,omitempty"`
}

// feature is what a remote can do or lacks.
type feature struct {
	Name  string `json:"name"`
	There bool   `json:"there"`
	Lacks string `json:"lacks,omitempty"` // what its lack means to the user
}

// look notes a driver that was opened.
func (e *examined) look(driver remote.Store) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.drivers = append(e.drivers, driver)
	if s, ok := driver.(interface{ Findings() []string }); ok {
		for _, finding := range s.Findings() {
			if !slices.Contains(e.Warnings, finding) {
				e.Warnings = append(e.Warnings, finding)
			}
		}
	}
}

// add notes the result of a check.
func (e *examined) add(check remotetest.Check, err error) {
	p := promise{Name: check.Name, Promise: check.Promise, Kept: err == nil}
	if err != nil {
		p.Error = err.Error()
	}
	e.Promises = append(e.Promises, p)
}

// broken counts the promises that the remote breaks.
func (e *examined) broken() (n int) {
	for _, p := range e.Promises {
		if !p.Kept {
			n++
		}
	}
	return n
}

// keeps reports whether the remote keeps all promises whose names begin so.
func (e *examined) keeps(prefix string) bool {
	return !slices.ContainsFunc(e.Promises, func(p promise) bool { return strings.HasPrefix(p.Name, prefix) && !p.Kept })
}

// measure finds how fast the remote is, and what it can do.
func (e *examined) measure(ctx context.Context, p *command.Program, open func() (remote.Store, error)) (err error) {
	store, err := open()
	if err != nil {
		return err
	}
	defer func() { err = say.Closing(err, store.Close) }()
	if e.broken() == 0 {
		if e.Speed, err = remotetest.Measure(ctx, store, p.Rand, time.Now); err != nil {
			return err
		}
	}
	space, err := store.Space(ctx)
	if err != nil {
		return err
	}
	roles := store.Roles()
	e.Features = []feature{
		{"conditional writes", e.keeps("pointer/"), "two devices would overwrite each other's changes"},
		{"range reads", e.keeps("blob/ranges"), "a part of a file can't be read alone"},
		{"listing", e.keeps("list/"), "garbage can't be collected, and copies can't be continued"},
		{"batched deletes", e.deletesTogether(), "a collection of garbage makes a request for each blob, and takes longer"},
		{"inbox", roles.Inbox != nil, "nobody can send you a request to share or to chat through this remote"},
		{"names", roles.Names != nil, "you can't claim a name there, and friends need your contact card instead"},
		{"watch", roles.Watch != nil, "changes of other devices are seen when the drive looks, within 15 seconds"},
		{"free space", space.Free >= 0, "file managers show no free space, and a full store shows when a write waits"},
	}
	for i := range e.Features {
		if e.Features[i].There {
			e.Features[i].Lacks = ""
		}
	}
	return nil
}

// deletesTogether reports whether no driver has met a store that deletes objects one by one only.
func (e *examined) deletesTogether() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return !slices.ContainsFunc(e.drivers, func(driver remote.Store) bool {
		s, ok := driver.(interface{ DeletesSingly() bool })
		return ok && s.DeletesSingly()
	})
}

// show prints what was found, for people.
func (e *examined) show(p *command.Program) {
	p.Printf("\n")
	for _, f := range e.Features {
		p.Printf("%-20s %s\n", f.Name, say.IfElse(f.There, "yes", "no: "+f.Lacks))
	}
	if m := e.Speed; m.Calls > 0 {
		p.Printf("%-20s median %v, worst %v, of %d small calls\n", "latency", rounded(m.Median), rounded(m.Worst), m.Calls)
		if m.Incomplete {
			p.Printf("%-20s so little that no blob passed in time\n", "throughput")
		} else {
			p.Printf("%-20s %v/s up, %v/s down\n", "throughput", home.Size(m.Up), home.Size(m.Down))
		}
		p.Printf("%-20s %v sent and %v received to measure it; the blobs are deleted again\n", "",
			home.Size(m.Sent), home.Size(m.Received))
	}
	for _, warning := range e.Warnings {
		p.Printf("%-20s %s\n", "WARNING", warning)
	}
	p.Printf("\n")
}

// rounded returns a time with two or three digits.
func rounded(d time.Duration) time.Duration {
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond)
	case d >= 10*time.Millisecond:
		return d.Round(time.Millisecond)
	}
	return d.Round(10 * time.Microsecond)
}
