package gc

import (
	"encoding/binary"
	"slices"
)

// set is a set of space numbers, interned, because many blobs come from few sets. The zero set is empty.
type set uint32

// sets are the sets in use. The first is empty, the second holds only the own space, whose number is 0.
type sets struct {
	members [][]uint32 // each sorted
	ids     map[string]set
}

// ofOwn is the set that holds only the own space.
const ofOwn set = 1

func newSets() *sets {
	s := &sets{ids: map[string]set{}}
	s.intern(nil)
	s.intern([]uint32{0})
	return s
}

// intern returns the set of some spaces, sorted.
func (s *sets) intern(spaces []uint32) set {
	key := setKey(spaces)
	id, known := s.ids[key]
	if !known {
		id = set(len(s.members))
		s.ids[key] = id
		s.members = append(s.members, slices.Clone(spaces))
	}
	return id
}

// setKey encodes a set of spaces, sorted.
func setKey(spaces []uint32) string {
	key := make([]byte, 0, 4*len(spaces))
	for _, n := range spaces {
		key = binary.BigEndian.AppendUint32(key, n)
	}
	return string(key)
}

// with returns a set plus one space.
func (s *sets) with(in set, space uint32) set {
	if in == 0 && space == 0 {
		return ofOwn
	}
	members := s.members[in]
	i, found := slices.BinarySearch(members, space)
	if found {
		return in
	}
	return s.intern(slices.Insert(slices.Clone(members), i, space))
}

// union returns the union of two sets.
func (s *sets) union(a, b set) set {
	if a == b || b == 0 {
		return a
	}
	for _, space := range s.members[b] {
		a = s.with(a, space)
	}
	return a
}

// meets reports whether a set holds any of the spaces.
func (s *sets) meets(in set, spaces map[uint32]bool) bool {
	return len(spaces) > 0 && slices.ContainsFunc(s.members[in], func(n uint32) bool { return spaces[n] })
}
