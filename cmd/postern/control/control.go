// Package control is how commands talk to a running gateway: HTTP over a socket in the home folder that only the user
// can open. Only the file's mode guards it, so no response contains a secret.
//
//	GET  /status            Status
//	POST /rekey             reads the drive's password again
//	POST /flush             waits until everything is at the remote
//	GET  /inspect?what=…    []Fact
//	POST /collect, /check, /fork, /export, /import    lines of JSON: progress, and at the end the result
//	POST /versions, /list, /restore, /locks, /break   likewise
//	POST /me, /name, /devices…, /friends…, /shares…, /links…    likewise
//	GET  /read?path=…       a file's bytes
//	GET  /metrics           for Prometheus
//	GET  /debug/pprof/…     profiles, for go tool pprof
package control

import (
	"context"
	"fmt"
	"time"

	"postern/cmd/postern/say"
	"postern/vfs/people"
)

// Gateway is what a running gateway does for commands.
type Gateway interface {
	Status(ctx context.Context) (Status, error)
	// Rekey makes the gateway read the drive's password again; clients with the old one are locked out at once.
	Rekey(ctx context.Context) error
	// Flush returns when all changes made before are at the remote.
	Flush(ctx context.Context) error
	// Inspect returns what a path, a blob or a pointer is.
	Inspect(ctx context.Context, what string) ([]Fact, error)

	Keeper
	Historian
	Locksmith
	Pins
	Carrier
	People
}

// Status is how a gateway is doing. Sizes are bytes, ages seconds.
type Status struct {
	Running    bool      `json:"running"`
	Home       string    `json:"home"`
	User       string    `json:"user"`
	Device     string    `json:"device"`
	Remote     string    `json:"remote"`                // without secrets
	Address    string    `json:"address,omitempty"`     // listened at, host:port
	URL        string    `json:"url,omitempty"`         // by which clients of this machine reach it
	CA         string    `json:"ca,omitempty"`          // the file of the drive's own authority; empty: another one
	PasswordIn string    `json:"password_in,omitempty"` // the password's file, or "$" and the variable that sets it
	Version    string    `json:"version"`
	PID        int       `json:"pid,omitempty"`
	Since      time.Time `json:"since,omitzero"`

	Passphrase bool    `json:"passphrase"` // whether this device has seen a login record
	Sync       string  `json:"sync"`       // "back" or "through"
	Pending    Pending `json:"pending"`
	Commit     Commit  `json:"commit"`
	Cache      Cache   `json:"cache"`
	Line       *Line   `json:"line,omitempty"` // nil: nothing is known, or the remote is a mirror
	History    History `json:"history"`
	Garbage    Garbage `json:"garbage"`
	Copies     []Copy  `json:"copies,omitempty"` // of a mirror
	// Waiting says, for each space that has changes here and is not open, why it can't be opened.
	Waiting []string `json:"waiting,omitempty"`
	// Failing says, for each further space that is mounted and whose changes can't be committed, where it is and why.
	Failing []Failing `json:"failing,omitempty"`
	// People is how friends and shared folders are doing; nil: not known.
	People *people.Status `json:"people,omitempty"`
}

// Failing is a mounted space whose changes can't be committed.
type Failing struct {
	Path    string `json:"path"`
	Why     string `json:"why"`
	Blocked bool   `json:"blocked"` // it takes no changes; otherwise they wait here
}

// Sentence says so.
func (f Failing) Sentence() string {
	if f.Blocked {
		return fmt.Sprintf("%s takes no changes, for the remote is not as it was: %s", f.Path, f.Why)
	}
	return fmt.Sprintf("changes in %s can't be committed: %s; they are kept here, and it is tried again", f.Path, f.Why)
}

// Copy is one of the remotes of a mirror.
type Copy struct {
	Remote  string `json:"remote"`
	Leads   bool   `json:"leads"`
	Up      bool   `json:"up"`
	Lagging bool   `json:"lagging"` // it lacks something, or may
	Missing int64  `json:"missing"` // blobs that it is known to lack
	Trouble string `json:"trouble,omitempty"`
	Line    *Line  `json:"line,omitempty"` // nil: nothing is known
}

// Line is how fast a remote answers, and what was asked of it on this day. A figure that is 0 is not known.
type Line struct {
	RoundTrip float64 `json:"round_trip_seconds,omitempty"`
	Up        float64 `json:"up_bytes_per_second,omitempty"`
	Down      float64 `json:"down_bytes_per_second,omitempty"`
	Today     Usage   `json:"today"`
}

// Usage is what was asked of a remote. Only stores with bills count their requests.
type Usage struct {
	Writes    int64 `json:"writes"` // requests that write or list, which most stores bill alike
	Reads     int64 `json:"reads"`
	Deletions int64 `json:"deletions"`
	Sent      int64 `json:"sent_bytes"`
	Received  int64 `json:"received_bytes"`
	Errors    int64 `json:"errors"` // attempts that failed
}

// Requests returns how many requests there were.
func (u Usage) Requests() int64 { return u.Writes + u.Reads + u.Deletions }

// State returns how the copy stands, as the end of a sentence that begins with its name.
func (c Copy) State() string {
	state := say.IfElse(c.Leads, "leads", "has everything")
	if c.Lagging {
		state = "lags behind"
		if c.Missing > 0 {
			state += " by " + say.Plural(c.Missing, "blob")
		}
	}
	if !c.Up {
		state += ", not reachable"
	}
	if c.Trouble != "" {
		state += " (" + c.Trouble + ")"
	}
	return state
}

// History is how far the history goes back.
type History struct {
	States int64     `json:"states"`
	Oldest time.Time `json:"oldest,omitzero"`
}

// Garbage is what the newest collection on this device saw.
type Garbage struct {
	Last    time.Time `json:"last,omitzero"`
	Needed  int64     `json:"needed_bytes"`
	Waiting int64     `json:"waiting_bytes"` // for the grace period to end
	Due     time.Time `json:"due,omitzero"`  // when the first of it may be deleted
}

// Pending counts the changes that were acknowledged and are not yet at the remote.
type Pending struct {
	Changes int64   `json:"changes"`
	Bytes   int64   `json:"bytes"`
	Oldest  float64 `json:"oldest_seconds"`
	Staged  int64   `json:"staged_bytes"`
	Limit   int64   `json:"staged_limit_bytes"`
}

// Commit is the state of writing to the remote.
type Commit struct {
	Landed    uint64    `json:"landed"` // since the start
	Failed    uint64    `json:"failed"` // attempts that will be repeated
	Last      time.Time `json:"last,omitzero"`
	Full      bool      `json:"full,omitempty"`       // it failed since the remote has no room
	LastError string    `json:"last_error,omitempty"` // of the newest attempt; empty when it landed
	Offline   time.Time `json:"offline_since,omitzero"`
	Reason    string    `json:"offline_reason,omitempty"` // why the remote can't be reached, in a few words
	Broken    string    `json:"broken,omitempty"`         // why changes are refused: the journal here can't be written
	Blocked   string    `json:"blocked,omitempty"`        // why changes are refused: the remote is not as it was
	Lost      int       `json:"lost,omitempty"`           // blobs that changes here need and that were collected meanwhile
	Copied    time.Time `json:"copied,omitzero"`          // when this run found another copy of its home
}

// Cache counts the blocks that a cache tier had, and the requests that went to the remote.
type Cache struct {
	Hits    uint64 `json:"hits"`
	Fetches uint64 `json:"fetches"`
	Fetched int64  `json:"fetched_bytes"` // from the remote
	Memory  int64  `json:"memory_bytes"`
	Disk    int64  `json:"disk_bytes"`
}

// Fact is one line of what inspect shows.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}
