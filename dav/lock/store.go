package lock

// Store keeps locks over a restart. Records are opaque to it; it may forget none of them before Delete. Its methods are
// called one at a time.
type Store interface {
	// Load returns all records by token.
	Load() (map[string][]byte, error)
	// Save puts a record in place of the one of the same token, if any; it is durable when Save returns.
	Save(token string, record []byte) error
	// Delete removes a record; one that is not there is no error.
	Delete(token string) error
}

// volatile is the store of a manager that was given none.
type volatile struct{}

func (volatile) Load() (map[string][]byte, error) { return nil, nil }
func (volatile) Save(string, []byte) error        { return nil }
func (volatile) Delete(string) error              { return nil }
