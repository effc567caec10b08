package home

import (
	"encoding/json"
	"os"
	"sync"
	"time"

	"postern/remote"
)

// usageEvery is how often the counts of the day are written at most. A gateway that is killed loses those since then.
const usageEvery = 10 * time.Minute

// Usage counts what is asked of each remote on one day of the local calendar, and keeps the counts over a restart.
// Their loss does no harm: what can't be read or written is left out. It is safe for concurrent use.
type Usage struct {
	path string
	now  func() time.Time

	mu      sync.Mutex
	today   usageFile
	total   remote.Usage
	written time.Time
}

// usageFile is what the file holds.
type usageFile struct {
	Day     string                  `json:"day"`
	Remotes map[string]remote.Usage `json:"remotes"`
}

// OpenUsage reads the counts of the day; a nil now is the system's clock.
func (h Home) OpenUsage(now func() time.Time) *Usage {
	if now == nil {
		now = time.Now
	}
	u := &Usage{path: h.Usage(), now: now, written: now()}
	raw, err := readFile(u.path)
	if err != nil || json.Unmarshal(raw, &u.today) != nil {
		u.today = usageFile{}
	}
	return u
}

// Of returns a function that counts what was asked of a remote.
func (u *Usage) Of(remoteURL string) func(remote.Usage) {
	return func(more remote.Usage) {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.total.Add(more)
		now := u.turn()
		sum := u.today.Remotes[remoteURL]
		sum.Add(more)
		u.today.Remotes[remoteURL] = sum
		if now.Sub(u.written) >= usageEvery {
			u.written = now
			_ = u.write() // see Usage
		}
	}
}

// turn begins a new day if one has begun. The caller holds mu.
func (u *Usage) turn() (now time.Time) {
	now = u.now()
	if day := now.Local().Format(time.DateOnly); u.today.Day != day || u.today.Remotes == nil {
		u.today = usageFile{day, map[string]remote.Usage{}}
	}
	return now
}

// Today returns what was asked of a remote on this day.
func (u *Usage) Today(remoteURL string) remote.Usage {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.turn()
	return u.today.Remotes[remoteURL]
}

// Total returns what was asked of all remotes since OpenUsage.
func (u *Usage) Total() remote.Usage {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.total
}

// Close writes the counts, if anything was asked.
func (u *Usage) Close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.total != (remote.Usage{}) {
		_ = u.write() // see Usage
	}
}

// write writes the file in place: it need not survive a power cut.
func (u *Usage) write() error {
	if err := checkPlain(u.path); err != nil {
		return err
	}
	raw, err := json.Marshal(u.today)
	if err != nil {
		return err
	}
	return os.WriteFile(u.path, raw, 0o600)
}
