package main

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"postern/vfs/layout"
)

// convergeLimit is how long two gateways may take to agree once no more faults happen.
const convergeLimit = time.Minute

// converge ends all faults, waits until the gateways agree, and checks their files against all answers. With end, a new
// gateway that has only the account's secret must see the same tree.
func (r *run) converge(end bool) error {
	for g := range gateways {
		if err := r.setFaults(g, faults{}); err != nil {
			return err
		}
	}
	listed, err := r.waitAlike()
	if err != nil {
		return err
	}
	all, err := r.readAll(r.workers[0][0].client.insistent(), listed, end)
	if err != nil {
		return fmt.Errorf("gateway 0: %w", err)
	}
	if end {
		if err := r.sameContents(r.workers[1][0].client.insistent(), listed, all); err != nil {
			return fmt.Errorf("gateway 1: %w", err)
		}
	}
	for _, workers := range r.workers {
		for _, w := range workers {
			below := map[string]resource{}
			for p, x := range listed {
				if within(p, w.own.root) && p != w.own.root {
					below[p] = x
				}
			}
			if err := w.own.see("the final state", func(s state) error {
				return s.matches(w.own.root, below, all)
			}); err != nil {
				return err
			}
		}
	}
	v, err := r.shared.check(all)
	r.record.counts.Checks.Add(1)
	r.record.counts.Held.Add(int64(v.held))
	r.record.counts.Conflicts.Add(int64(v.conflicts))
	for p := range listed {
		if plain(p) != p && !within(p, sharedRoot) {
			return fmt.Errorf("%s: a conflict in a folder with one writer", p)
		}
	}
	r.tally()
	if err == nil && end {
		err = r.newcomer(listed, all)
	}
	return err
}

// tally adds up the counts of all processes.
func (r *run) tally() {
	var made, commits uint64
	for _, c := range r.childs {
		made += c.faultsMade
		commits += c.commits
	}
	r.record.counts.Faults.Store(int64(made))
	r.record.counts.Commits.Store(int64(commits))
}

// waitAlike waits until both gateways have the same tree and nothing is pending.
func (r *run) waitAlike() (map[string]resource, error) {
	limit := time.Now().Add(convergeLimit)
	for {
		for _, c := range r.childs {
			if _, err := c.flush(convergeLimit); err != nil {
				return nil, fmt.Errorf("flush of %s without any fault: %w", deviceName(c.setup.Device), err)
			}
		}
		var seen [gateways]map[string]resource
		var codes [gateways]int
		for g := range gateways {
			var rep reply
			var err error
			if seen[g], rep, err = r.workers[g][0].client.insistent().walk(files); err != nil {
				return nil, err
			}
			codes[g] = rep.code
			// 404: another gateway's commit came between two listings.
			if rep.code != http.StatusMultiStatus && rep.code != http.StatusNotFound {
				return nil, fmt.Errorf("gateway %d answered %d to PROPFIND, without any fault: %.500s", g, rep.code, rep.body)
			}
		}
		if codes == [gateways]int{http.StatusMultiStatus, http.StatusMultiStatus} && maps.Equal(seen[0], seen[1]) {
			return seen[0], nil
		}
		if time.Now().After(limit) {
			return nil, fmt.Errorf("the gateways do not agree:\n%s", difference(seen[0], seen[1]))
		}
		wait(pollEvery / 2)
	}
}

// difference returns some of the paths at which two trees differ.
func difference(a, b map[string]resource) string {
	var lines []string
	for _, p := range slices.Sorted(maps.Keys(a)) {
		if a[p] != b[p] {
			lines = append(lines, fmt.Sprintf("%s: %+v and %+v", p, a[p], b[p]))
		}
	}
	for _, p := range slices.Sorted(maps.Keys(b)) {
		if _, there := a[p]; !there {
			lines = append(lines, fmt.Sprintf("%s: only in the second: %+v", p, b[p]))
		}
	}
	return strings.Join(lines[:min(len(lines), 20)], "\n")
}

// readAll reads every file, or only those whose entity tags are unknown.
func (r *run) readAll(c *client, listed map[string]resource, all bool) (map[string]id, error) {
	contents := map[string]id{}
	for p, x := range listed {
		if x.folder {
			continue
		}
		if known, ok := r.record.tagged(x.etag); ok && !all {
			contents[p] = known
			continue
		}
		rep, err := c.do(http.MethodGet, p, nil)
		if err == nil && rep.code != http.StatusOK {
			err = fmt.Errorf("GET %s, which is listed, answered %d, without any fault: %.500s", p, rep.code, rep.body)
		}
		if err != nil {
			return nil, err
		}
		if int64(len(rep.body)) != x.size {
			return nil, fmt.Errorf("%s has %d bytes and is listed with %d", p, len(rep.body), x.size)
		}
		if contents[p], err = r.record.read(rep.body, rep.header.Get("ETag")); err != nil {
			return nil, fmt.Errorf("GET %s: %w", p, err)
		}
	}
	return contents, nil
}

func (r *run) sameContents(c *client, listed map[string]resource, want map[string]id) error {
	got, err := r.readAll(c, listed, true)
	if err != nil {
		return err
	}
	for p := range want {
		if got[p] != want[p] {
			return fmt.Errorf("%s holds %v and at the other gateway %v", p, got[p], want[p])
		}
	}
	return nil
}

// newcomer starts a new gateway with an empty home.
func (r *run) newcomer(listed map[string]resource, all map[string]id) (err error) {
	s := r.childs[0].setup
	s.Device, s.Limit, s.Faults = gateways, 0, faults{}
	s.Home = homeOf(r.dir, s.Device)
	if err := os.RemoveAll(s.Home); err != nil {
		return err
	}
	c := newChild(s, r.dir, &r.record.pulse)
	if err := c.start(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	client := newClient(c).insistent()
	seen, rep, err := client.walk(files)
	if err == nil && rep.code != http.StatusMultiStatus {
		err = fmt.Errorf("PROPFIND answered %d", rep.code)
	}
	if err == nil && !maps.Equal(seen, listed) {
		err = fmt.Errorf("it has another tree:\n%s", difference(listed, seen))
	}
	if err == nil {
		err = r.sameContents(client, listed, all)
	}
	if err == nil {
		_, err = c.call(order{Fsck: convergeLimit})
	}
	if err == nil {
		err = r.history(client)
	}
	if err != nil {
		return fmt.Errorf("a new gateway: %w", err)
	}
	return nil
}

// history checks that some states of the history, from the oldest to the newest, are whole.
func (r *run) history(c *client) error {
	states, rep, err := c.list(layout.History)
	if err != nil || rep.code != http.StatusMultiStatus {
		return fmt.Errorf("PROPFIND of the history answered %d: %w", rep.code, err)
	}
	for i := 0; i < len(states); i += 1 + len(states)/4 {
		listed, rep, err := c.walk(states[i].path)
		if err == nil && rep.code != http.StatusMultiStatus {
			err = fmt.Errorf("PROPFIND answered %d", rep.code)
		}
		if err == nil {
			_, err = r.readAll(c, listed, true)
		}
		if err != nil {
			return fmt.Errorf("the history, %s: %w", states[i].path, err)
		}
	}
	return nil
}
