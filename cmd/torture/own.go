package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// anyProp stands for an unknown property of a file that came from the shared folder.
const anyProp = "*"

// node is the expected state of a file or folder.
type node struct {
	folder  bool
	content id
	prop    string
}

// state is the expected state of a tree, by path. It is immutable.
type state map[string]node

func parent(path string) string { return path[:strings.LastIndexByte(path, '/')] }

func within(path, folder string) bool { return path == folder || strings.HasPrefix(path, folder+"/") }

func (s state) isFolder(path string) bool { return s[path].folder }

// without returns s without the path and everything below it.
func (s state) without(path string) state {
	next := maps.Clone(s)
	maps.DeleteFunc(next, func(p string, _ node) bool { return within(p, path) })
	return next
}

func (s state) with(path string, n node) state {
	next := maps.Clone(s)
	next[path] = n
	return next
}

// A change returns the state after an operation, and false if the operation must be refused.
type change func(state) (state, bool)

func (s state) put(path string, c id) (state, bool) {
	was, exists := s[path]
	if !s.isFolder(parent(path)) || exists && was.folder {
		return nil, false
	}
	return s.with(path, node{content: c, prop: was.prop}), true
}

func (s state) mkcol(path string) (state, bool) {
	if _, exists := s[path]; exists || !s.isFolder(parent(path)) {
		return nil, false
	}
	return s.with(path, node{folder: true}), true
}

func (s state) remove(path string) (state, bool) {
	if _, exists := s[path]; !exists {
		return nil, false
	}
	return s.without(path), true
}

func (s state) patch(path, value string) (state, bool) {
	n, exists := s[path]
	if !exists {
		return nil, false
	}
	n.prop = value
	return s.with(path, n), true
}

// transfer is COPY or, with moving, MOVE.
func (s state) transfer(from, to string, moving, replace, shallow bool) (state, bool) {
	src, exists := s[from]
	_, taken := s[to]
	switch {
	case !exists, from == to, within(from, to), within(to, from) && src.folder, !s.isFolder(parent(to)), taken && !replace:
		return nil, false
	}
	next := s.without(to)
	for p, n := range s {
		if within(p, from) && (p == from || !shallow) {
			next[to+p[len(from):]] = n
		}
	}
	if moving {
		next = next.without(from)
	}
	return next, true
}

// place is put for files from or to the shared folder: the state before does not matter.
func (s state) place(path string, c id) (state, bool) {
	if !s.isFolder(parent(path)) {
		return nil, false
	}
	return s.without(path).with(path, node{content: c, prop: anyProp}), true
}

func (s state) key() string {
	var b strings.Builder
	for _, p := range slices.Sorted(maps.Keys(s)) {
		fmt.Fprintf(&b, "%s %v\n", p, s[p])
	}
	return b.String()
}

// owned is a folder that only one worker writes to, one request after the other. So its state is known, except after
// requests of unknown outcome: each of them leaves two possible states, until an observation decides between them.
type owned struct {
	root   string
	states []state
}

// maxStates is the number of possible states of a folder at which its writer must observe the folder first. Each
// request of unknown outcome may double them.
const maxStates = 32

// unsure reports whether there are so many possible states that the worker should observe the folder before it changes
// anything.
func (o *owned) unsure() bool { return len(o.states) >= maxStates }

func newOwned(root string) *owned { return &owned{root: root, states: []state{{root: {folder: true}}}} }

// answered checks an answer against the model and applies the change.
func (o *owned) answered(r reply, do change) error {
	if r.away() {
		return nil // the drive may have done nothing
	}
	var next []state
	for _, s := range o.states {
		after, can := do(s)
		switch {
		case r.unknown():
			next = append(next, s)
			if can {
				next = append(next, after)
			}
		case r.ok() && can:
			next = append(next, after)
		case !r.ok() && !can:
			next = append(next, s)
		}
	}
	if len(next) == 0 {
		return fmt.Errorf("the answer was %d, which must not be in the state\n%s", r.code, o.states[0].key())
	}
	o.setStates(next)
	return nil
}

// see drops the states that contradict an observation.
func (o *owned) see(what string, holds func(state) error) error {
	var next []state
	var why error
	for _, s := range o.states {
		if err := holds(s); err == nil {
			next = append(next, s)
		} else if why == nil {
			why = err
		}
	}
	if len(next) == 0 {
		return fmt.Errorf("%s, in %d possible states: %w; the first is\n%s", what, len(o.states), why, o.states[0].key())
	}
	o.setStates(next)
	return nil
}

// setStates sets the possible states without duplicates.
func (o *owned) setStates(states []state) {
	seen := map[string]bool{}
	o.states = o.states[:0:0]
	for _, s := range states {
		if k := s.key(); !seen[k] {
			seen[k] = true
			o.states = append(o.states, s)
		}
	}
}

// matches returns how a state differs from a listing. Contents with a zero id were not read.
func (s state) matches(root string, listed map[string]resource, contents map[string]id) error {
	for p, n := range s {
		if p == root {
			continue
		}
		r, there := listed[p]
		switch {
		case !there:
			return fmt.Errorf("%s is missing", p)
		case r.folder != n.folder:
			return fmt.Errorf("%s: is it a folder? %v", p, r.folder)
		case n.prop != anyProp && r.prop != n.prop:
			return fmt.Errorf("%s has the property %q and not %q", p, r.prop, n.prop)
		}
		if c, looked := contents[p]; looked && !n.folder && c != n.content {
			return fmt.Errorf("%s holds %v and not %v", p, c, n.content)
		}
	}
	for p := range listed {
		if _, there := s[p]; !there {
			return fmt.Errorf("%s is there and must not be", p)
		}
	}
	return nil
}
