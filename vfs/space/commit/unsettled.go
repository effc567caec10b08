package commit

import (
	"slices"
	"sync"

	"postern/crypto"
)

// unsettled remembers the packs of commits that are not known to have landed. A remote may carry out a swap long after
// its reply was lost, so the packs of a commit that was sent are needed until the pointer is neither the old nor the
// next one: from then on, the swap can't happen any more.
type unsettled struct {
	mu    sync.Mutex
	under []crypto.BlobName // put for a commit that is being made
	sent  []sent            // commits that may have landed, or may still land
	given []crypto.BlobName // put for commits that can't land any more
}

// sent is a commit whose pointer was sent to the remote.
type sent struct {
	old, next crypto.PointerHash
	packs     []crypto.BlobName
}

// abandon gives up the commit that was being made, unless it was sent.
func (u *unsettled) abandon() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.given, u.under = append(u.given, u.under...), nil
}

// put notes packs before they are put.
func (u *unsettled) put(packs ...crypto.BlobName) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.under = append(u.under, packs...)
}

// send notes that the commit that was being made is sent. Sending the same commit again adds nothing.
func (u *unsettled) send(old, next crypto.PointerHash) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !slices.ContainsFunc(u.sent, func(s sent) bool { return s.next == next }) {
		u.sent = append(u.sent, sent{old, next, u.under})
		u.under = nil
	}
}

// seen settles the commits that were sent, now that the remote has shown the pointer.
func (u *unsettled) seen(pointer crypto.PointerHash) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.sent = slices.DeleteFunc(u.sent, func(s sent) bool {
		if pointer != s.old && pointer != s.next {
			u.given = append(u.given, s.packs...)
		}
		return pointer != s.old
	})
}

// give notes blobs that no commit is known to need. Those that one needs all the same stay.
func (u *unsettled) give(names []crypto.BlobName) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.given = append(u.given, names...)
}

// held returns the packs that may be needed although no commit is known to refer to them.
func (u *unsettled) held() []crypto.BlobName {
	u.mu.Lock()
	defer u.mu.Unlock()
	names := slices.Clone(u.under)
	for _, s := range u.sent {
		names = append(names, s.packs...)
	}
	return names
}

// GivenUp returns the packs of commits that turned out not to land since the last call, and the staged blobs that were
// sent since then. A commit may need them all the same.
func (u *unsettled) GivenUp() []crypto.BlobName {
	u.mu.Lock()
	defer u.mu.Unlock()
	names := u.given
	u.given = nil
	return names
}
