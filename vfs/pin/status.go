package pin

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
	s := p.o.Store
	p.mu.Lock()
	defer p.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	st.Blobs, st.Bytes, st.Busy = len(s.held), s.bytes, p.busy
	if p.failed != nil {
		st.Failed = p.failed.Error()
	}
	for _, path := range paths {
		pin := p.pins[path]
		if pin == nil {
			continue // no longer pinned
		}
		of := PathStatus{Path: path, Known: pin.walked, Absent: pin.absent}
		for name, n := range pin.needs {
			if h, ok := s.held[name]; ok {
				of.Blobs, of.Bytes = of.Blobs+1, of.Bytes+h.size
			} else {
				of.Missing, of.MissingBytes = of.Missing+1, of.MissingBytes+n
			}
		}
		st.Paths = append(st.Paths, of)
	}
	return st
}
