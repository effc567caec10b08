package page

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Status is the state of the drive's storage. The zero value means that all is well and nothing is pending.
type Status struct {
	Pending      int       // changes that have not reached the storage yet
	PendingBytes int64     // roughly their size there; 0 when unknown
	Offline      time.Time // since when the storage can't be reached; zero when it can
	Reason       string    // why it can't be reached, in a few words; empty when unknown
	Full         bool      // the storage has no room for what is pending
	Failing      string    // why the newest attempt to store changes failed otherwise; empty when it succeeded
	Blocked      string    // a sentence why nothing is uploaded and what to do; empty otherwise
	Notes        []string  // sentences about lesser troubles, such as a copy of the storage that is away
}

// Kind returns one word for the state, the worst that applies: "blocked", "full", "failing", "offline", "degraded",
// "pending", "calm".
func (s Status) Kind() string {
	switch {
	case s.Blocked != "":
		return "blocked"
	case s.Full:
		return "full"
	case !s.Offline.IsZero():
		return "offline"
	case s.Failing != "":
		return "failing"
	case len(s.Notes) > 0:
		return "degraded"
	case s.Pending > 0:
		return "pending"
	}
	return "calm"
}

// Sentence returns the state for people, with all notes.
func (s Status) Sentence() string {
	return strings.Join(append([]string{s.storing()}, s.Notes...), " ")
}

// storing returns a sentence about pending changes.
func (s Status) storing() string {
	switch s.Kind() {
	case "blocked":
		return s.Blocked
	case "full":
		if s.Pending == 0 {
			return "The storage is full: make room there."
		}
		return "The storage is full: make room there. Until then this machine keeps " + s.changes() + "."
	case "offline":
		line := "Offline since " + s.Offline.UTC().Format("2006-01-02 15:04") + " UTC"
		if s.Reason != "" {
			line += " (" + s.Reason + ")"
		}
		if s.Pending > 0 {
			return line + ". Go on working: " + s.changes() + " will be uploaded when the storage can be reached again."
		}
		return line + ". Go on working: changes are kept here meanwhile."
	case "failing":
		return "Uploading " + s.changes() + " failed and is tried again: " + strings.TrimSuffix(s.Failing, ".") + "."
	}
	if s.Pending > 0 {
		return "Uploading " + s.changes() + "."
	}
	return "All changes are stored."
}

func (s Status) changes() string {
	line := strconv.Itoa(s.Pending) + " changes"
	if s.Pending == 1 {
		line = "1 change"
	}
	if s.PendingBytes > 0 {
		line += " (" + size(s.PendingBytes) + ")"
	}
	return line
}

// serveStatus answers the regular status requests of open pages.
func (p *Pages) serveStatus(w http.ResponseWriter, r *http.Request) bool {
	if p.o.Status == nil {
		return false
	}
	s := p.o.Status()
	body, err := json.Marshal(struct {
		Kind     string `json:"kind"`
		Sentence string `json:"sentence"`
		Pending  int    `json:"pending"`
	}{s.Kind(), s.Sentence(), s.Pending})
	if err != nil {
		return false
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		w.Write(body) //nolint:errcheck // the client is gone
	}
	return true
}
