package pin

import (
	"slices"
	"strings"
)

// Status describes the state of a Pinner.
type Status struct {
	Paths  []PathStatus `json:"paths"`
	Blobs  int          `json:"blobs"`            // available locally, for all paths
	Bytes  int64        `json:"bytes"`            // of those blobs; shared parts count once
	Busy   bool         `json:"busy"`             // fetching, or finding out what to fetch
	Failed string       `json:"failed,omitempty"` // why the last run did not finish; it is retried
}

// PathStatus describes one pinned path. Counts are of sealed blobs, which contain other data as well.
type PathStatus struct {
	Path    string `json:"path"`
	Known   bool   `json:"known"`   // all needed blobs are known; otherwise the counts cover those found so far
	Absent  bool   `json:"absent"`  // nothing exists at the path; it is kept once something does
	Blobs   int    `json:"blobs"`   // needed and available locally
	Bytes   int64  `json:"bytes"`   // of those blobs
	Missing int    `json:"missing"` // needed and not available locally
	// MissingBytes is the number of needed bytes in the missing blobs. Blobs are fetched whole, so at least this much is
	// still to be fetched.
	MissingBytes int64 `json:"missing_bytes"`
}

// Complete reports whether everything that the path needs is in the Store.
func (s PathStatus) Complete() bool { return s.Known && s.Missing == 0 }

// Status returns the Pinner's state without any request.
func (p *Pinner) Status() Status {
	paths := p.Paths()
	st := Status{Paths: make([]PathStatus, 0, len(paths))}
	p.mu.Lock()
	defer p.mu.Unlock()
	var failed []string
	for store, k := range p.stores {
		blobs, n := store.Held()
		st.Blobs, st.Bytes, st.Busy = st.Blobs+blobs, st.Bytes+n, st.Busy || k.busy
		if k.failed != nil {
			failed = append(failed, strings.ReplaceAll(k.failed.Error(), "\n", "; "))
		}
	}
	slices.Sort(failed)
	st.Failed = strings.Join(failed, "; ")
	for _, path := range paths {
		if pin := p.pins[path]; pin != nil {
			st.Paths = append(st.Paths, p.pathStatus(path, pin))
		}
	}
	return st
}

// pathStatus returns the status of one path. The caller holds the lock.
func (p *Pinner) pathStatus(path string, pin *pinned) PathStatus {
	of := PathStatus{Path: path, Absent: true}
	if p.mounted == nil {
		return of
	}
	of.Known = true
	for _, m := range p.mounted(path) {
		part := pin.parts[m.Path]
		if part == nil {
			of.Known, of.Absent = false, false
			continue
		}
		of.Known, of.Absent = of.Known && part.known, of.Absent && part.absent
		m.Store.mu.Lock()
		for name, n := range part.needs {
			if h, ok := m.Store.held[name]; ok {
				of.Blobs, of.Bytes = of.Blobs+1, of.Bytes+h.size
			} else {
				of.Missing, of.MissingBytes = of.Missing+1, of.MissingBytes+n
			}
		}
		m.Store.mu.Unlock()
	}
	return of
}
