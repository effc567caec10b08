// Package registry has the private state of an account as an immutable value: what it knows about its spaces, friends,
// groups, shares and links. A State is a set of records, each a set of fields. The states of two devices join without a
// common base, in any order and any number of times, with the same result.
//
// The package knows nothing of what the records mean. In a commit of the account's own space, each record is an empty
// file of the folder Path; crypto/FORMAT.md, Private state, is normative for its encoding and for the rule of joining.
package registry

import (
	"bytes"
	"cmp"
	"iter"
	"slices"
)

// Kind is the kind of a record: 1 to MaxKind characters out of a-z and 0-9.
type Kind string

// The kinds of records. A newer program may have others; they are kept.
const (
	Space    Kind = "space"
	Friend   Kind = "friend"
	Group    Kind = "group"
	Share    Kind = "share"
	Link     Kind = "link"
	Name     Kind = "name"
	Device   Kind = "device"
	Received Kind = "received"
	Block    Kind = "block"
)

// Stage is the field that only grows: of two values the greater one stays, whatever was written later. So stages sort:
// "1making" < "2live".
const Stage = "stage"

// Note sets fields of a record, and makes the record if it does not exist. Other fields stay. Records and fields are
// never removed; an empty value is a value, too.
type Note struct {
	Kind Kind
	ID   string // 1 to MaxID bytes
	Set  map[string][]byte
}

// State is a set of records. It is immutable and safe for concurrent use; the zero value is empty.
type State struct {
	records []*record // in order of kind and id
}

// record is one record. It is immutable.
type record struct {
	kind   Kind
	id     string
	fields []field // in order of their names
}

// field is one field of a record. count grows each time that the field is set.
type field struct {
	name  string
	count uint64
	value []byte
}

// Record is one record of a State. The zero value has no fields.
type Record struct{ fields []field }

// Get returns the value of a field; nil if the record lacks it. The caller must not change it.
func (r Record) Get(name string) []byte {
	if i, found := findField(r.fields, name); found {
		return r.fields[i].value
	}
	return nil
}

// Fields yields the names and the values of all fields, sorted by name.
func (r Record) Fields() iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for _, f := range r.fields {
			if !yield(f.name, f.value) {
				return
			}
		}
	}
}

func findField(fields []field, name string) (int, bool) {
	return slices.BinarySearchFunc(fields, name, func(f field, name string) int { return cmp.Compare(f.name, name) })
}

// Len returns the number of records.
func (s State) Len() int { return len(s.records) }

// Get returns a record, and whether it exists.
func (s State) Get(kind Kind, id string) (Record, bool) {
	i, found := s.find(kind, id)
	if !found {
		return Record{}, false
	}
	return Record{s.records[i].fields}, true
}

// All yields the records of a kind with their ids, sorted by id.
func (s State) All(kind Kind) iter.Seq2[string, Record] {
	return func(yield func(string, Record) bool) {
		i, _ := s.find(kind, "")
		for ; i < len(s.records) && s.records[i].kind == kind; i++ {
			if !yield(s.records[i].id, Record{s.records[i].fields}) {
				return
			}
		}
	}
}

func (s State) find(kind Kind, id string) (int, bool) {
	return slices.BinarySearchFunc(s.records, &record{kind: kind, id: id}, compare)
}

// compare orders records by kind, then by id.
func compare(a, b *record) int {
	return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.id, b.id))
}

// Equal reports whether two states have the same records with the same fields and counters.
func Equal(a, b State) bool {
	return same(a.records, b.records) || slices.EqualFunc(a.records, b.records, func(a, b *record) bool {
		return a == b || compare(a, b) == 0 && slices.EqualFunc(a.fields, b.fields, equalFields)
	})
}

func equalFields(a, b field) bool {
	return a.name == b.name && a.count == b.count && bytes.Equal(a.value, b.value)
}
