package space

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/vfs"
	"postern/vfs/space/follow"
	"postern/vfs/space/poll"
)

// Home is a home with its account's own space. Other spaces can be opened beside it and are closed before it.
type Home struct{ own *Space }

// savedName is the file that holds the newest known commit of the own space. Files of other spaces are named by their
// ids.
const savedName = "base"

// Open opens another space for writing, which shares the home's journal, staging area and memory. It uses only the
// options Store, Keys and Registry. Errors: those of space.Open.
func (h Home) Open(ctx context.Context, o Options) (*Space, error) {
	return h.own.beside.openFor(ctx, o)
}

func (h Home) open(ctx context.Context, o Options) (*Space, error) {
	all := h.own.options
	all.Store, all.Keys, all.Registry = o.Store, o.Keys, o.Registry
	return open(ctx, h.own.home, all, filepath.Join(h.own.home.Dir, savedName+"-"+o.Keys.ID.String()))
}

// Waiting returns the spaces that have changes in the home's journal and are not open, with the reasons. Their changes
// stay in the journal until somebody opens them.
func (h Home) Waiting() []Unopened { return h.own.beside.unopened() }

// Holds reports whether changes of a space, open or not, wait here for their commit.
func (h Home) Holds(id crypto.PointerID) bool { return h.own.home.Holds(id) }

// Flush waits until every change made so far in any space of the home is committed. It waits for all spaces, even when
// one fails, and opens those that changes wait for and that were not tried yet. The error is vfs.ErrUnavailable when
// changes wait for a space that can't be opened.
func (h Home) Flush(ctx context.Context) error {
	for _, u := range h.Waiting() {
		if u.Err == nil {
			h.own.beside.takeUp(ctx, u.Space)
		}
	}
	err := h.own.home.Flush(ctx)
	for _, u := range h.Waiting() {
		why := u.Err
		if why == nil {
			why = errors.New("it has not been opened yet")
		}
		err = errors.Join(err, fmt.Errorf("%w: changes of a shared folder wait for it to be opened: %w", vfs.ErrUnavailable,
			why))
	}
	return err
}

// Pending is what the home has recorded, and not committed yet.
type Pending struct {
	Changes int       // of all spaces
	Bytes   int64     // of the journal, sealed small files included
	Since   time.Time // the oldest of them; zero when there is none
}

// Pending returns what waits in all spaces. It makes no request.
func (h Home) Pending() Pending {
	p := Pending{Changes: h.own.home.Changes()}
	if p.Changes > 0 {
		st := h.own.home.Pending()
		p.Bytes, p.Since = st.Bytes, st.Oldest
	}
	return p
}

// Follow returns a follower of a space that this gateway can't write to. It makes no request.
func (h Home) Follow(store remote.Store, space crypto.Capability) *follow.Follower {
	return follow.New(h.own.home, store, space)
}

// Poller returns the poller that looks for commits of others, for all spaces of the home.
func (h Home) Poller() *poll.Poller { return h.own.home.Poller }

// Rest releases memory that an idle gateway does not need: all decoded folder pages. A few that stay would hold most of
// the memory, since they are strewn over the pages of the system. The next listing of a folder decodes its pages again.
func (h Home) Rest() { h.own.home.Pages.Forget() }
