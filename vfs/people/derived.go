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
	ids    map[crypto.WriterSeed]crypto.PointerID // at most maxIDs
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

// maxIDs bounds the writer seeds whose spaces are known: others choose them.
const maxIDs = 4096

// id returns the id of the space that a writer seed belongs to.
func (d *derived) id(seed crypto.WriterSeed) crypto.PointerID {
	d.mu.Lock()
	defer d.mu.Unlock()
	id, ok := d.ids[seed]
	if !ok {
		if d.ids == nil || len(d.ids) >= maxIDs {
			d.ids = map[crypto.WriterSeed]crypto.PointerID{}
		}
		id = seed.Key().ID()
		d.ids[seed] = id
	}
	return id
}

// author returns the author id of this account.
func (p *People) author() crypto.AuthorID { return p.derived.author(p.o.Account) }

// author returns the author id of the account.
func (d *derived) author(a crypto.AccountSecret) crypto.AuthorID {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.self == (crypto.AuthorID{}) {
		d.self = a.Author().ID()
	}
	return d.self
}
