package remote

// Usage is what was asked of a remote, in the classes by which stores bill. A remote that is no store with bills has no
// requests.
type Usage struct {
	Writes    int64 `json:"writes"`    // requests that write or list; most stores bill them alike
	Reads     int64 `json:"reads"`     // requests that read, some ten times cheaper
	Deletions int64 `json:"deletions"` // requests that delete, free at most stores
	Sent      int64 `json:"sent_bytes"`
	Received  int64 `json:"received_bytes"`
	Errors    int64 `json:"errors"` // attempts that failed
}

// Add adds v to u.
func (u *Usage) Add(v Usage) {
	u.Writes += v.Writes
	u.Reads += v.Reads
	u.Deletions += v.Deletions
	u.Sent += v.Sent
	u.Received += v.Received
	u.Errors += v.Errors
}

// Requests returns how many requests there were.
func (u Usage) Requests() int64 { return u.Writes + u.Reads + u.Deletions }
