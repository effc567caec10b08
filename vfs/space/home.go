package space

import (
	"context"
	"path/filepath"

	"postern/crypto"
	"postern/remote"
	"postern/vfs/space/follow"
	"postern/vfs/space/poll"
)

// Home is a home with its account's own space, beside which others can be opened. They are closed before the own space.
type Home struct{ own *Space }

// savedName is the file that holds the newest commit that is known of the own space. Those of other spaces bear their ids.
const savedName = "base"

// Open opens another space for writing, which shares the home's journal, staging area and memory. Of the options only Store, Keys,
// Registry, Committed and Moved count. Errors: those of space.Open.
func (h Home) Open(ctx context.Context, o Options) (*Space, error) {
	all := h.own.options
	all.Store, all.Keys, all.Registry, all.Committed, all.Moved = o.Store, o.Keys, o.Registry, o.Committed, o.Moved
	return open(ctx, h.own.home, all, filepath.Join(h.own.home.Dir, savedName+"-"+o.Keys.ID.String()))
}

// Follow shows a space that this gateway can't write to. It makes no request.
func (h Home) Follow(store remote.Store, space crypto.Capability) *follow.Follower {
	return follow.New(h.own.home, store, space)
}

// Poller returns what looks for commits of others, for all spaces of the home.
func (h Home) Poller() *poll.Poller { return h.own.home.Poller }

// idlePages is how many bytes of decoded folder pages stay while nobody works: those of some 12,000 entries.
const idlePages = 8 << 20

// Rest gives back memory that only work needs. It costs the next listing of a large folder the decoding of its pages.
func (h Home) Rest() { h.own.home.Pages.Trim(idlePages) }
