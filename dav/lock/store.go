package lock

// Store keeps locks across restarts. Records are opaque to it; it must keep each until Delete. Its methods are called
// one at a time.
type Store interface {
	// Load returns all records by token.
	Load() (map[string][]byte, error)
	// Save stores a record, replacing one with the same token; it is durable when Save returns.
	Save(token string, record []byte) error
	// Delete removes a record; a missing one is not an error.
	Delete(token string) error
}

// volatile is the store of a manager without one.
type volatile struct{}

func (volatile) Load() (map[string][]byte, error) { return nil, nil }
func (volatile) Save(string, []byte) error        { return nil }
func (volatile) Delete(string) error              { return nil }
