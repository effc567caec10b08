package people

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"postern/crypto"
	"postern/vfs/layout"
	"postern/vfs/space"
)

// Opened is a space that a mount leads to and that is open for writing.
type Opened struct {
	Path  string // where it lies in the drive; "" if that is not known
	Space *space.Space
}

// Opened returns the spaces that are open for writing, by path. It makes no request.
func (p *People) Opened() (all []Opened) {
	for _, s := range p.opens.spaces() {
		all = append(all, Opened{p.Place(s.ID()), s})
	}
	slices.SortFunc(all, func(a, b Opened) int { return strings.Compare(a.Path, b.Path) })
	return all
}

// places bounds how long Place looks for the folder of a friend.
const places = 100 * time.Millisecond

// Place returns where a space lies in the drive: a shared folder of this account, or one that a friend offers. It
// returns "" for others, and for a friend's folder while the offers are not known here.
func (p *People) Place(id crypto.PointerID) string {
	if sh, ok := shareOf(p.shares(p.o.Own.Private()), id); ok {
		return sh.path
	}
	p.mu.Lock()
	mounted := maps.Clone(p.mounted)
	p.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), places)
	defer cancel()
	for name, f := range mounted {
		mounts, err := f.offers.Mounts(ctx, "/", maxOffers)
		if err != nil {
			continue
		}
		for _, m := range mounts {
			if m.Target.Capability.ID == id {
				return layout.Shared + "/" + name + m.Path
			}
		}
	}
	return ""
}
