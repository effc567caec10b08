package object

import (
	"bytes"
	"fmt"

	"postern/crypto"
)

// Rights are the rights of an author in a space.
type Rights uint8

// The rights that a roster can grant. Write includes read.
const (
	MayRead Rights = iota + 1
	MayWrite
)

// Author is one line of a roster.
type Author struct {
	ID     crypto.AuthorID
	Rights Rights
	Name   string // for display, at most MaxDevice bytes
}

// Roster lists the authors that may make the commits of a space. Only its owner signs one.
type Roster struct {
	Space     crypto.PointerID
	Epoch     uint32 // never decreases; grows with each removal
	Owner     crypto.AuthorID
	Authors   []Author // strictly ascending by ID; without the owner, who may always write
	Signature crypto.Signature
}

const (
	rosterFields = 5              // without the signature
	minAuthor    = 1 + 34 + 1 + 1 // bytes of the shortest author
)

// Sign signs the roster with the owner's key.
func (o *Roster) Sign(owner crypto.AuthorKey) {
	o.Owner = owner.ID()
	o.Signature = owner.SignRoster(o.appendFields(appendArray(nil, rosterFields)))
}

// Encode returns the plain encoding of a signed roster.
func (o *Roster) Encode() []byte {
	return appendBytes(o.appendFields(appendArray(nil, rosterFields+1)), o.Signature[:])
}

// Rights returns the rights of an author; 0 for none. The owner may write.
func (o *Roster) Rights(id crypto.AuthorID) Rights {
	if id == o.Owner {
		return MayWrite
	}
	for i := range o.Authors {
		if o.Authors[i].ID == id {
			return o.Authors[i].Rights
		}
	}
	return 0
}

func (o *Roster) appendFields(b []byte) []byte {
	b = appendUint(b, nodeRoster)
	b = appendBytes(b, o.Space[:])
	b = appendUint(b, uint64(o.Epoch))
	b = appendBytes(b, o.Owner[:])
	b = appendArray(b, len(o.Authors))
	for i := range o.Authors {
		b = appendArray(b, 3)
		b = appendBytes(b, o.Authors[i].ID[:])
		b = appendUint(b, uint64(o.Authors[i].Rights))
		b = appendText(b, o.Authors[i].Name)
	}
	return b
}

// DecodeRoster decodes a roster and verifies the signature of the owner that it names; the caller checks whether that
// is the space's owner. Errors: crypto.ErrFormat, crypto.ErrSignature.
func DecodeRoster(b []byte) (Roster, error) {
	o, err := parseRoster(b)
	if err == nil {
		err = o.Owner.VerifyRoster(o.appendFields(appendArray(nil, rosterFields)), o.Signature)
	}
	if err != nil {
		return Roster{}, fmt.Errorf("roster: %w", err)
	}
	return o, nil
}

func parseRoster(b []byte) (Roster, error) {
	r := reader{b: b}
	var o Roster
	r.tuple(rosterFields + 1)
	if kind := r.uint(nodeRoster); r.err == nil && kind != nodeRoster {
		r.fail("not a roster")
	}
	r.fixed(o.Space[:])
	o.Epoch = uint32(r.uint(1<<32 - 1))
	r.fixed(o.Owner[:])
	if n := r.array(MaxAuthors, minAuthor); n > 0 {
		o.Authors = make([]Author, n)
	}
	for i := range o.Authors {
		r.tuple(3)
		a := &o.Authors[i]
		r.fixed(a.ID[:])
		a.Rights = Rights(r.uint(uint64(MayWrite)))
		a.Name = r.text(MaxDevice, "")
		switch {
		case r.err != nil:
		case a.Rights == 0:
			r.fail("an author without rights")
		case a.ID == o.Owner:
			r.fail("the owner among the authors")
		case i > 0 && bytes.Compare(o.Authors[i-1].ID[:], a.ID[:]) >= 0:
			r.fail("authors out of order")
		}
	}
	r.fixed(o.Signature[:])
	return o, r.done()
}
