package faulty

import (
	"encoding/binary"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"sync/atomic"
)

// Rates are how often each fault happens, as fractions of all calls; together at most 1.
type Rates map[Fault]float64

// Random returns a plan of faults at random, the same for the same seed: what happens to the n-th call of one method on one
// blob or pointer does not depend on what else is called meanwhile.
func Random(seed uint64, rates Rates) Plan {
	return func(c Call) Fault {
		h := fnv.New64a()
		var numbers [16]byte
		binary.BigEndian.PutUint64(numbers[:8], uint64(c.Op))
		binary.BigEndian.PutUint64(numbers[8:], uint64(c.Again))
		h.Write(numbers[:])
		h.Write([]byte(c.On))
		draw := rand.New(rand.NewPCG(seed, h.Sum64())).Float64()
		for fault := Fine + 1; fault < faults; fault++ { // not by ranging over the map, whose order changes
			if draw < rates[fault] {
				return fault
			}
			draw -= rates[fault]
		}
		return Fine
	}
}

// Always returns a plan that does the same to every call of some methods; without any, to every call of all.
func Always(fault Fault, ops ...Op) Plan {
	return func(c Call) Fault {
		if len(ops) == 0 || slices.Contains(ops, c.Op) {
			return fault
		}
		return Fine
	}
}

// Script returns a plan that does what is listed to the calls of some methods in the order in which they come, and
// nothing after that; without any methods, to the calls of all.
func Script(list []Fault, ops ...Op) Plan {
	var next atomic.Int64
	return func(c Call) Fault {
		if len(ops) > 0 && !slices.Contains(ops, c.Op) {
			return Fine
		}
		if i := next.Add(1) - 1; i < int64(len(list)) {
			return list[i]
		}
		return Fine
	}
}
