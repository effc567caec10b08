package registry

import (
	"bytes"
	"cmp"
	"slices"
)

// Join returns a state with the records and fields of both. Of a field that both have, the greater counter wins, on a
// tie the greater value; of Stage the greater value wins. Join is commutative, associative and idempotent.
func Join(a, b State) State {
	return State{merge(a.records, b.records, compare, joinRecords)}
}

// Beyond returns the records of s that another state lacks, or has with other fields.
func (s State) Beyond(other State) (more State) {
	if same(s.records, other.records) {
		return State{}
	}
	for _, r := range s.records {
		i, found := other.find(r.kind, r.id)
		if !found || other.records[i] != r && !slices.EqualFunc(other.records[i].fields, r.fields, equalFields) {
			more.records = append(more.records, r)
		}
	}
	return more
}

// joinRecords joins two states of one record, and reports which of the two the result is.
func joinRecords(a, b *record) (joined *record, isA, isB bool) {
	if a == b {
		return a, true, true
	}
	fields := merge(a.fields, b.fields, compareFields, joinFields)
	isA, isB = same(fields, a.fields), same(fields, b.fields)
	switch {
	case isA:
		return a, true, isB
	case isB:
		return b, false, true
	}
	return &record{a.kind, a.id, fields}, false, false
}

func compareFields(a, b field) int { return cmp.Compare(a.name, b.name) }

// joinFields returns the one of two values of a field that wins, and reports which it is.
func joinFields(a, b field) (joined field, isA, isB bool) {
	count, value := cmp.Compare(a.count, b.count), bytes.Compare(a.value, b.value)
	if a.name == Stage {
		count, value = value, count
	}
	order := cmp.Or(count, value)
	if order < 0 {
		return b, false, true
	}
	return a, true, order == 0
}

// merge returns the union of two sorted lists, with the join of the items that both have. It returns a list itself
// rather than a copy of it, so that an unchanged state shares everything with the one before.
func merge[T any](
	a, b []T, compare func(a, b T) int, join func(a, b T) (joined T, isA, isB bool),
) []T {
	if len(b) == 0 || same(a, b) {
		return a
	}
	all, isA, isB := make([]T, 0, max(len(a), len(b))), true, true
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		switch order := compare(a[i], b[j]); {
		case order < 0:
			all, isB = append(all, a[i]), false
			i++
		case order > 0:
			all, isA = append(all, b[j]), false
			j++
		default:
			joined, ofA, ofB := join(a[i], b[j])
			all, isA, isB = append(all, joined), isA && ofA, isB && ofB
			i, j = i+1, j+1
		}
	}
	isA, isB = isA && j == len(b), isB && i == len(a)
	switch {
	case isA:
		return a
	case isB:
		return b
	}
	return append(append(all, a[i:]...), b[j:]...)
}

// same reports whether two lists are one.
func same[T any](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}
