package main

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// claim is the effect of one answered request: contents at a path. It holds until a later request removes them.
type claim struct {
	content  id
	paths    map[string]bool // where it may be now, apart from conflicts
	gateways map[int]bool    // whose requests put it there
	since    time.Time
	ended    bool // the request has ended
	answered bool // 2xx
	gone     bool // possibly removed
}

// shared has the claims on the folder that all workers of all gateways write to. Its state at a moment depends on when
// gateways get each other's commits; but acknowledged contents stay until a worker that can have seen them removes
// them. Requests that replace a file name its entity tag, so only that file goes; requests for folders remove
// everything that may be in them.
type shared struct {
	mu     sync.Mutex
	claims []*claim       // claims that may still hold
	gone   int            // number of claims that no longer hold
	online map[int][]span // by gateway
}

// size returns the number of claims.
func (s *shared) size() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.claims)
}

// forget drops the claims that no longer hold, which would otherwise fill the memory of a long run.
func (s *shared) forget() {
	before := len(s.claims)
	s.claims = slices.DeleteFunc(s.claims, func(c *claim) bool { return c.gone || c.ended && !c.answered })
	s.gone += before - len(s.claims)
}

// maxPaths is the number of possible paths at which a claim is dropped: folders moved into one another multiply them.
const maxPaths = 200

// span is a time in which a gateway could reach the remote. A zero end: it still can.
type span struct{ from, to time.Time }

func newShared() *shared { return &shared{online: map[int][]span{}} }

// setOnline records that a gateway can, or cannot, reach the remote from now on.
func (s *shared) setOnline(gateway int, is bool, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	spans := s.online[gateway]
	open := len(spans) > 0 && spans[len(spans)-1].to.IsZero()
	switch {
	case is && !open:
		s.online[gateway] = append(spans, span{from: now})
	case !is && open:
		spans[len(spans)-1].to = now
	}
}

// couldSee reports whether a change made through one gateway could be visible through another before a given time: the
// first must have reached the remote after the change, and then the second.
func (s *shared) couldSee(made time.Time, by, at int, before time.Time) bool {
	if by == at {
		return true
	}
	for _, x := range s.online[by] {
		if !x.to.IsZero() && x.to.Before(made) || x.from.After(before) {
			continue
		}
		out := x.from
		if out.Before(made) {
			out = made
		}
		for _, y := range s.online[at] {
			if (y.to.IsZero() || y.to.After(out)) && y.from.Before(before) {
				return true
			}
		}
	}
	return false
}

// begin adds a claim whose request is not answered yet.
func (s *shared) begin(gateway int, content id, path string) *claim {
	c := &claim{content: content, paths: map[string]bool{path: true}, gateways: map[int]bool{gateway: true},
		since: time.Now()}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.claims = append(s.claims, c)
	return c
}

// end records the answer to the request of a claim.
func (s *shared) end(c *claim, r reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.ended, c.answered = true, r.ok()
}

// takeFile drops the claims on contents at a path.
func (s *shared) takeFile(content id, path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.claims {
		if c.content == content && c.paths[path] {
			c.gone = true
		}
	}
}

// takeFolder drops the claims on everything that a gateway may have had at a path and below.
func (s *shared) takeFolder(gateway int, path string) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.claims {
		if c.gone || !slices.ContainsFunc(slices.Collect(maps.Keys(c.paths)), func(p string) bool {
			return within(p, path)
		}) {
			continue
		}
		for by := range c.gateways {
			if s.couldSee(c.since, by, gateway, now) {
				c.gone = true
			}
		}
	}
}

// moveFile adds a possible path to the claims on contents.
func (s *shared) moveFile(gateway int, content id, from, to string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.claims {
		if c.content == content && c.paths[from] {
			c.paths[to], c.gateways[gateway] = true, true
		}
	}
}

// moveFolder adds possible paths to the claims on everything at a path and below.
func (s *shared) moveFolder(gateway int, from, to string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.claims {
		for _, p := range slices.Collect(maps.Keys(c.paths)) {
			if within(p, from) && !within(p, to) {
				c.paths[to+p[len(from):]], c.gateways[gateway] = true, true
			}
		}
		if len(c.paths) > maxPaths {
			c.gone = true
		}
	}
}

// conflictMark matches what a merge adds to a name.
var conflictMark = regexp.MustCompile(` \(conflict, [^()/]*, \d{4}-\d\d-\d\d(, \d+)?\)`)

// plain returns a path without the marks of conflicts.
func plain(path string) string { return conflictMark.ReplaceAllString(path, "") }

// verdict has the counts of check.
type verdict struct{ held, conflicts, gone int }

// check checks the claims against all existing files.
func (s *shared) check(files map[string]id) (verdict, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := map[id][]string{}
	for p, c := range files {
		at[c] = append(at[c], p)
	}
	s.forget()
	v := verdict{gone: s.gone}
	for _, c := range s.claims {
		if !c.answered { // its request has not ended
			continue
		}
		found := false
		for _, p := range at[c.content] {
			if found = c.paths[p] || c.paths[plain(p)]; found {
				if !c.paths[p] {
					v.conflicts++
				}
				break
			}
		}
		if !found {
			return v, fmt.Errorf("%v was acknowledged by gateways %v, never removed, and is not at %s; it is at %q",
				c.content,
				slices.Sorted(maps.Keys(c.gateways)), strings.Join(slices.Sorted(maps.Keys(c.paths)), " or "), at[c.content])
		}
		v.held++
	}
	return v, nil
}
