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

// claim is what one answered request says is there: contents at a place. It holds until a later request takes it away.
type claim struct {
	content  id
	paths    map[string]bool // where it may be by now, conflicts apart
	gateways map[int]bool    // through which it came there
	since    time.Time
	ended    bool // the request is
	answered bool // 2xx
	gone     bool // taken away, perhaps
}

// shared are the claims on the folder that all workers of all gateways write to. What is in it at a moment depends on
// when gateways see what others do; but what was answered stays until it is taken away by who can have seen it.
// Requests that take the place of a file name its entity tag, so just that file goes; those about folders take away all
// that may be in them.
type shared struct {
	mu     sync.Mutex
	claims []*claim       // those that may still hold
	gone   int            // those that were there and are not any more
	online map[int][]span // by gateway
}

// size is how many claims there are.
func (s *shared) size() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.claims)
}

// forget drops the claims that hold no longer, which else would be most of what a long run keeps.
func (s *shared) forget() {
	before := len(s.claims)
	s.claims = slices.DeleteFunc(s.claims, func(c *claim) bool { return c.gone || c.ended && !c.answered })
	s.gone += before - len(s.claims)
}

// maxPaths is how many places a claim may have before it is given up: folders that are moved into one another make more
// and more.
const maxPaths = 200

// span is a time at which a gateway reached the remote. A zero end: it does still.
type span struct{ from, to time.Time }

func newShared() *shared { return &shared{online: map[int][]span{}} }

// setOnline notes that from now on a gateway reaches the remote, or does not.
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

// couldSee reports whether what was made through one gateway at a time could be seen through another before a second
// time: the one must have reached the remote after it was made, and then the other.
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

// begin makes a claim that is not answered yet.
func (s *shared) begin(gateway int, content id, path string) *claim {
	c := &claim{content: content, paths: map[string]bool{path: true}, gateways: map[int]bool{gateway: true},
		since: time.Now()}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.claims = append(s.claims, c)
	return c
}

// end says what became of the request of a claim.
func (s *shared) end(c *claim, r reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.ended, c.answered = true, r.ok()
}

// takeFile gives up the claims on contents at a path.
func (s *shared) takeFile(content id, path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.claims {
		if c.content == content && c.paths[path] {
			c.gone = true
		}
	}
}

// takeFolder gives up the claims on all that a gateway may have had at a path and below.
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

// moveFile says that contents may have another place.
func (s *shared) moveFile(gateway int, content id, from, to string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.claims {
		if c.content == content && c.paths[from] {
			c.paths[to], c.gateways[gateway] = true, true
		}
	}
}

// moveFolder says that all at a path and below may have another place.
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

// conflictMark is what a merge adds to a name.
var conflictMark = regexp.MustCompile(` \(conflict, [^()/]*, \d{4}-\d\d-\d\d(, \d+)?\)`)

// plain is a path without the marks of conflicts.
func plain(path string) string { return conflictMark.ReplaceAllString(path, "") }

// verdict counts what check found.
type verdict struct{ held, conflicts, gone int }

// check holds the claims against all files there are.
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
		if !c.answered { // its request is still under way
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
			return v, fmt.Errorf("%v was answered through gateways %v, never taken away, and is not at %s; it is at %q",
				c.content,
				slices.Sorted(maps.Keys(c.gateways)), strings.Join(slices.Sorted(maps.Keys(c.paths)), " or "), at[c.content])
		}
		v.held++
	}
	return v, nil
}
