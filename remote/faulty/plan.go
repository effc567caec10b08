package faulty

import (
	"encoding/binary"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"sync/atomic"
)

// Rates are the fractions of all calls that meet each fault; their sum is at most 1.
type Rates map[Fault]float64

// Random returns a plan of random faults, the same for the same seed: the fault of the n-th call of one method on one
// blob or pointer does not depend on other calls.
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

// Always returns a plan with one fault for every call of the given methods; without any, for every call.
func Always(fault Fault, ops ...Op) Plan {
	return func(c Call) Fault {
		if len(ops) == 0 || slices.Contains(ops, c.Op) {
			return fault
		}
		return Fine
	}
}

// Script returns a plan that gives the listed faults, one after the other, to the calls of the given methods, and none
// after that; without any methods, to all calls.
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
