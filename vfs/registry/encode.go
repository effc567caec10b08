package registry

import (
	"fmt"

	"postern/crypto"
)

// Encode and Decode are for local files: the journal and the saved state. tree.go has the form in a commit.

type wireRecord struct {
	_      struct{} `cbor:",toarray"`
	Kind   string
	ID     []byte
	Fields []wireField
}

type wireField struct {
	_     struct{} `cbor:",toarray"`
	Name  string
	Count uint64
	Value []byte
}

// Encode returns the canonical encoding of a small state, such as what one change notes or a part that Split yields. It
// fails for a larger one.
func (s State) Encode() ([]byte, error) {
	w := make([]wireRecord, len(s.records))
	for i, r := range s.records {
		w[i] = wireRecord{Kind: string(r.kind), ID: []byte(r.id), Fields: make([]wireField, len(r.fields))}
		for j, f := range r.fields {
			w[i].Fields[j] = wireField{Name: f.name, Count: f.count, Value: f.value}
		}
	}
	return crypto.Encode(w)
}

// Decode decodes the bytes of Encode. The error is crypto.ErrFormat.
func Decode(b []byte) (State, error) {
	var w []wireRecord
	if err := crypto.Decode(b, &w); err != nil {
		return State{}, fmt.Errorf("private state: %w", err)
	}
	var s State
	for _, r := range w {
		next := &record{kind: Kind(r.Kind), id: string(r.ID)}
		for _, f := range r.Fields {
			next.fields = append(next.fields, field{f.Name, f.Count, f.Value})
		}
		if err := s.add(next); err != nil {
			return State{}, fmt.Errorf("private state: %w: %w", crypto.ErrFormat, err)
		}
	}
	return s, nil
}

// add adds a decoded record, which comes after those there.
func (s *State) add(r *record) error {
	if err := checkID(r.kind, r.id); err != nil {
		return err
	}
	if n := len(s.records); n > 0 && compare(s.records[n-1], r) >= 0 {
		return fmt.Errorf("records of kind %q out of order", r.kind)
	}
	if err := r.check(slack*MaxFields, maxStored); err != nil {
		return fmt.Errorf("a record of kind %q: %w", r.kind, err)
	}
	for i, f := range r.fields {
		if err := checkName(f.name); err != nil {
			return fmt.Errorf("a record of kind %q: %w", r.kind, err)
		}
		switch {
		case i > 0 && r.fields[i-1].name >= f.name:
			return fmt.Errorf("a record of kind %q: fields out of order", r.kind)
		case f.count == 0 || f.count > maxCount:
			return fmt.Errorf("a record of kind %q: field %q with a counter of %d", r.kind, f.name, f.count)
		case len(f.value) > MaxField:
			return fmt.Errorf("a record of kind %q: field %q of %d bytes", r.kind, f.name, len(f.value))
		}
	}
	s.records = append(s.records, r)
	return nil
}

// Split returns parts that Encode can encode, and whose Join is the state.
func (s State) Split() (parts []State) {
	for from, to, size := 0, 0, 0; to < len(s.records); {
		size += s.records[to].size()
		to++
		if to == len(s.records) || to-from == 4096 || size > MaxNotes {
			parts = append(parts, State{s.records[from:to:to]})
			from, size = to, 0
		}
	}
	return parts
}
