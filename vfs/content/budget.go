package content

import "sync/atomic"

// Budget limits the memory that readers together use to read ahead, and that writers together use to work concurrently.
// When it is used up, they go on with the minimum.
type Budget struct {
	left atomic.Int64
}

// NewBudget returns a budget in bytes.
func NewBudget(bytes int64) *Budget {
	b := new(Budget)
	b.left.Store(bytes)
	return b
}

// take takes n bytes if they are available. A nil budget is unlimited.
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
