package auth

import (
	"slices"
	"strconv"
	"sync"
)

// The bounds of counts. A nonce is recorded only after a correct password, so strangers cannot fill it.
const (
	maxNonces = 256  // more than one drive's clients use within a nonce's lifetime; each takes 600 bytes
	window    = 4096 // how far requests of one client may overtake each other
)

// counts records the counts (nc) used with each nonce for requests that change something, so that nobody can replay
// such a request. Clients send requests in parallel, so counts may arrive in any order within a window.
type counts struct {
	mu    sync.Mutex
	known map[string]*count
	order []string // of known, oldest first
	// Time of the newest forgotten nonce; unknown nonces that are older are rejected.
	lost int64
}

// count holds the counts used with one nonce. Every count more than window below highest is treated as used.
type count struct {
	made    int64
	highest uint64
	used    [window / 64]uint64
}

// use records a count and reports whether it was unused. made is the time of the nonce.
func (c *counts) use(nonce string, made int64, nc string) bool {
	n, err := strconv.ParseUint(nc, 16, 32)
	if err != nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	at := c.known[nonce]
	if at == nil {
		if made <= c.lost {
			return false
		}
		at = c.add(nonce, made)
	}
	return at.use(n)
}

func (c *counts) add(nonce string, made int64) *count {
	if c.known == nil {
		c.known = map[string]*count{}
	}
	if len(c.order) >= maxNonces {
		c.lost = max(c.lost, c.known[c.order[0]].made)
		delete(c.known, c.order[0])
		c.order = slices.Delete(c.order, 0, 1)
	}
	at := &count{made: made}
	c.known[nonce] = at
	c.order = append(c.order, nonce)
	return at
}

func (c *count) use(n uint64) bool {
	if n+window <= c.highest {
		return false
	}
	for ; c.highest < n; c.highest++ {
		if n-c.highest > window {
			c.highest = n - window // a leap clears all
		}
		c.used[(c.highest+1)%window/64] &^= 1 << ((c.highest + 1) % 64)
	}
	word, bit := &c.used[n%window/64], uint64(1)<<(n%64)
	if *word&bit != 0 {
		return false
	}
	*word |= bit
	return true
}
