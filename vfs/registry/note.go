package registry

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"postern/vfs"
)

// The bounds of what may be noted. Two devices that note at the same time may together exceed them, so states are read
// up to slack times as large.
const (
	MaxRecords = 100_000
	MaxFields  = 64       // of a record
	MaxField   = 4 << 10  // bytes of a field's value
	MaxRecord  = 32 << 10 // bytes of a record as it is stored
	MaxNotes   = 1 << 19  // bytes of what one change notes, as it is recorded
	MaxKind    = 32       // bytes of a kind
	MaxID      = 255      // bytes of an id
	MaxName    = 96       // bytes of the name of a field

	slack = 4
)

// maxCount is the maximum of a counter.
const maxCount = math.MaxInt64

// With returns the state with what the notes set, one after the other. It checks no bounds.
func (s State) With(notes ...Note) State {
	next, _ := s.with(notes)
	return next
}

// Note returns the state with what the notes set, one after the other, and apart what that changes: next is the Join of
// s and change. A field that has the value already does not change. Errors: vfs.ErrInvalid for a kind, an id or a field
// that can't be; vfs.ErrTooLarge beyond the bounds.
func (s State) Note(notes ...Note) (next, change State, err error) {
	for _, n := range notes {
		if err := n.check(); err != nil {
			return s, State{}, fmt.Errorf("note a record of kind %q: %w", n.Kind, err)
		}
	}
	next, change = s.with(notes)
	if len(next.records) > MaxRecords && len(next.records) > len(s.records) {
		return s, State{}, fmt.Errorf("note: %w: more than %d records", vfs.ErrTooLarge, MaxRecords)
	}
	for _, r := range change.records {
		i, _ := next.find(r.kind, r.id)
		if err := next.records[i].check(MaxFields, MaxRecord); err != nil {
			return s, State{}, fmt.Errorf("note a record of kind %q: %w: %w", r.kind, vfs.ErrTooLarge, err)
		}
	}
	b, err := change.Encode()
	if err != nil || len(b) > MaxNotes {
		return s, State{}, fmt.Errorf("note: %w: more than %d bytes in one change", vfs.ErrTooLarge, MaxNotes)
	}
	return next, change, nil
}

func (s State) with(notes []Note) (next, change State) {
	type place struct {
		kind Kind
		id   string
	}
	changed := map[place]*record{}
	for _, n := range notes {
		at := place{n.Kind, n.ID}
		var was *record
		if i, found := s.find(n.Kind, n.ID); found {
			was = s.records[i]
		}
		changed[at] = n.apply(was, changed[at])
	}
	for _, r := range changed {
		if r != nil {
			change.records = append(change.records, r)
		}
	}
	slices.SortFunc(change.records, compare)
	return Join(s, change), change
}

// apply returns what changes in a record, which may be nil, by earlier notes and this one.
func (n Note) apply(was, before *record) *record {
	var old, changed []field
	if was != nil {
		old = was.fields
	}
	if before != nil {
		changed = before.fields
	}
	now := merge(old, changed, compareFields, joinFields)
	var set []field
	for _, name := range slices.Sorted(maps.Keys(n.Set)) {
		f := field{name: name, count: 1, value: bytes.Clone(n.Set[name])}
		if i, found := findField(now, name); found {
			is := now[i]
			if bytes.Equal(f.value, is.value) || name == Stage && bytes.Compare(f.value, is.value) < 0 {
				continue
			}
			f.count = min(is.count, maxCount-1) + 1
		}
		set = append(set, f)
	}
	if was != nil && before == nil && len(set) == 0 {
		return nil
	}
	return &record{n.Kind, n.ID, merge(changed, set, compareFields, joinFields)}
}

// check returns an error unless the note can be stored in a record.
func (n Note) check() error {
	if err := checkID(n.Kind, n.ID); err != nil {
		return fmt.Errorf("%w: %w", vfs.ErrInvalid, err)
	}
	for name, value := range n.Set {
		if err := checkName(name); err != nil {
			return fmt.Errorf("%w: %w", vfs.ErrInvalid, err)
		}
		if len(value) > MaxField {
			return fmt.Errorf("%w: field %q of %d bytes, of at most %d", vfs.ErrTooLarge, name, len(value), MaxField)
		}
	}
	return nil
}

func checkID(kind Kind, id string) error {
	switch {
	case kind == "" || len(kind) > MaxKind || !only(string(kind), lower+digits):
		return errors.New("a kind has 1 to 32 characters out of a-z and 0-9")
	case id == "" || len(id) > MaxID:
		return fmt.Errorf("an id has 1 to %d bytes", MaxID)
	}
	return nil
}

func checkName(name string) error {
	if name == "" || len(name) > MaxName || !only(name, lower+upper+digits+"._-") {
		return errors.New("the name of a field has 1 to 96 characters out of a-z, A-Z, 0-9, '.', '_' and '-'")
	}
	return nil
}

const (
	lower  = "abcdefghijklmnopqrstuvwxyz"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits = "0123456789"
)

// check returns an error if the record has more than so many fields, or takes more than so many bytes where it is
// stored.
func (r *record) check(fields, size int) error {
	if len(r.fields) > fields {
		return fmt.Errorf("%d fields, of at most %d", len(r.fields), fields)
	}
	if n := r.size(); n > size {
		return fmt.Errorf("%d bytes, of at most %d", n, size)
	}
	return nil
}
