package people

import (
	"sync"

	"postern/crypto"
)

// derived keeps the keys that follow from secrets: deriving those of a hundred spaces takes some 10 ms, and the
// reconciler needs them many times. The zero value is ready for use.
type derived struct {
	mu     sync.Mutex
	spaces map[crypto.SpaceSecret]crypto.Capability
	self   crypto.AuthorID
}

// keys returns the keys of a space.
func (d *derived) keys(secret crypto.SpaceSecret) crypto.Capability {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, ok := d.spaces[secret]
	if !ok {
		if d.spaces == nil {
			d.spaces = map[crypto.SpaceSecret]crypto.Capability{}
		}
		c = secret.Keys()
		d.spaces[secret] = c
	}
	return c
}

// author returns the author id of the account.
func (d *derived) author(a crypto.AccountSecret) crypto.AuthorID {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.self == (crypto.AuthorID{}) {
		d.self = a.Author().ID()
	}
	return d.self
}
