package content

import "sync/atomic"

// Budget bounds the memory that readers spend together on reading ahead, and writers on working at several things at once. Who finds
// it spent goes on with the little that it can't do without.
type Budget struct {
	left atomic.Int64
}

// NewBudget makes a budget of so many bytes.
func NewBudget(bytes int64) *Budget {
	b := new(Budget)
	b.left.Store(bytes)
	return b
}

// take takes n bytes if they are there. A nil budget has no end.
func (b *Budget) take(n int64) bool {
	if b == nil {
		return true
	}
	if b.left.Add(-n) >= 0 {
		return true
	}
	b.left.Add(n)
	return false
}

func (b *Budget) give(n int64) {
	if b != nil {
		b.left.Add(n)
	}
}
