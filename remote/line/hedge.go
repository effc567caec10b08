package line

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"postern/crypto"
	"postern/remote"
)

// hedger asks a second time for a range that takes longer than nearly all others: one bad connection or one busy disk
// at a store delays a read for a reason that the next one hardly shares. The first answer counts, and the other request
// is ended. (Dean and Barroso, The Tail at Scale, CACM 56-2, 2013.)
//
// A second request is made only for the slowest percent, and for one read in fifty at most, so that a store that is
// slow altogether is not asked twice as much.
type hedger struct {
	remote.Store
	now func() time.Time

	mu     sync.Mutex
	tails  [2]time.Duration // of short and of long ranges: the time in which all but one percent are read; 0: not known
	credit float64          // second requests that may be made

	sent, won atomic.Uint64
}

const (
	// longRange is the size from which on the time for a range is mostly that of its bytes.
	longRange = 128 << 10
	// tailStep is by which factor the known tail grows at a read beyond it. It shrinks at each of the others, so that one
	// percent of the reads keep it where it is.
	tailStep = 1.1
	// unknownTail is how much slower than the first read the slowest percent is taken for.
	unknownTail = 4
	// hedgedPart is how many second requests each read allows, mostCredit how many can be saved.
	hedgedPart = 1. / 50
	mostCredit = 4
)

// tailShrink is by which factor it shrinks.
var tailShrink = math.Pow(tailStep, -1./99)

// newHedger returns inner with second requests.
func newHedger(inner remote.Store, now func() time.Time) *hedger {
	return &hedger{Store: inner, now: now, credit: 1}
}

// GetRange implements remote.Blobs.
func (h *hedger) GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	both, end := context.WithCancel(ctx)
	defer end()
	first, lose := context.WithCancel(both)
	defer lose()
	answer := make(chan []byte, 1)
	if tail := h.tail(len(p)); tail > 0 {
		second := time.AfterFunc(tail, func() {
			if !h.spend() {
				return
			}
			own := make([]byte, len(p))
			if h.Store.GetRange(both, name, off, own) == nil {
				answer <- own
				lose()
			}
		})
		defer second.Stop()
	}
	began := h.now()
	err := h.Store.GetRange(first, name, off, p)
	if err == nil || first.Err() != nil && ctx.Err() == nil {
		h.took(len(p), h.now().Sub(began))
	}
	if err == nil {
		return nil
	}
	select {
	case own := <-answer:
		h.won.Add(1)
		copy(p, own)
		return nil
	default:
		return err
	}
}

// tail returns the time after which a read of n bytes is among the slowest; 0: it is not known.
func (h *hedger) tail(n int) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return *h.tailOf(n)
}

// tailOf returns the tail for reads of n bytes. The caller holds mu.
func (h *hedger) tailOf(n int) *time.Duration {
	if n < longRange {
		return &h.tails[0]
	}
	return &h.tails[1]
}

// took learns from a read of n bytes.
func (h *hedger) took(n int, d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.credit = min(h.credit+hedgedPart, mostCredit)
	tail := h.tailOf(n)
	switch {
	case *tail == 0:
		*tail = max(unknownTail*d, 1)
	case d > *tail:
		*tail = time.Duration(float64(*tail) * tailStep)
	default:
		*tail = max(time.Duration(float64(*tail)*tailShrink), 1)
	}
}

// spend reports whether a second request may be made.
func (h *hedger) spend() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.credit < 1 {
		return false
	}
	h.credit--
	h.sent.Add(1)
	return true
}
