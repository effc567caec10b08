package space

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"postern/crypto"
)

// A home's journal may hold changes of spaces that nobody opens: they were acknowledged, and have to be committed. A
// move to such a space would also hold back the commits of the space that it came from. So the home takes up every
// space that waits: it opens the space with what Options.Beside returns, and keeps it open until Home.Open opens it for
// a user, or until the home is closed. What can't be opened now is tried again, and does not hold up the home.

// errUnknown says why a space that has changes here is not opened when Options.Beside is nil.
var errUnknown = errors.New("this drive does not know the folder that the changes belong to")

// beside holds the spaces of a home that no user has open.
type beside struct {
	home       Home
	find       func(ctx context.Context, id crypto.PointerID) (Options, error)
	again, max time.Duration

	stop  context.CancelFunc
	ended chan struct{}

	mu     sync.Mutex
	busy   map[crypto.PointerID]chan struct{} // spaces that are being opened or closed; closed when that is done
	open   map[crypto.PointerID]*Space        // the spaces taken up
	failed map[crypto.PointerID]error         // why a space could not be opened
}

func newBeside(home Home, o Options) *beside {
	ctx, stop := context.WithCancel(context.Background())
	b := &beside{
		home: home, find: o.Beside, again: o.Deadlines.Again, max: o.Deadlines.MaxAgain, stop: stop,
		ended: make(chan struct{}), busy: map[crypto.PointerID]chan struct{}{}, open: map[crypto.PointerID]*Space{},
		failed: map[crypto.PointerID]error{},
	}
	if b.find == nil {
		close(b.ended)
		return b
	}
	go b.run(ctx)
	return b
}

func (b *beside) run(ctx context.Context) {
	defer close(b.ended)
	again := backoff.NewExponentialBackOff()
	again.InitialInterval, again.MaxInterval = b.again, b.max
	for timer := time.NewTimer(0); ; {
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		waiting := b.home.own.home.Waiting()
		for _, id := range waiting {
			if ctx.Err() == nil {
				b.takeUp(ctx, id)
			}
		}
		if len(waiting) == 0 {
			again.Reset()
		}
		timer.Reset(again.NextBackOff())
	}
}

// takeUp opens a space that waits.
func (b *beside) takeUp(ctx context.Context, id crypto.PointerID) {
	done := b.begin(ctx, id)
	if done == nil {
		return
	}
	defer done()
	if !slices.Contains(b.home.own.home.Waiting(), id) {
		return // it was opened in the meantime
	}
	var s *Space
	o, err := b.find(ctx, id)
	if err == nil {
		s, err = b.home.open(ctx, o)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	before := b.failed[id]
	switch {
	case err == nil:
		b.open[id] = s
		delete(b.failed, id)
	case ctx.Err() == nil:
		b.failed[id] = err
		if before == nil || before.Error() != err.Error() {
			b.home.own.home.Log.Warn("changes wait for a shared folder that can't be opened; this is tried again", "folder",
				id.String(), "error", err)
		}
	}
}

// begin returns once nobody else opens or closes a space, and keeps others from it until done is called. done is nil
// when ctx ends first.
func (b *beside) begin(ctx context.Context, id crypto.PointerID) (done func()) {
	for {
		b.mu.Lock()
		other := b.busy[id]
		if other == nil {
			mine := make(chan struct{})
			b.busy[id] = mine
			b.mu.Unlock()
			return func() {
				b.mu.Lock()
				defer b.mu.Unlock()
				delete(b.busy, id)
				close(mine)
			}
		}
		b.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil
		}
	}
}

// openFor opens a space for a user. If the space was taken up, it is closed first.
func (b *beside) openFor(ctx context.Context, o Options) (*Space, error) {
	done := b.begin(ctx, o.Keys.ID)
	if done == nil {
		return nil, ctx.Err()
	}
	defer done()
	b.mu.Lock()
	s := b.open[o.Keys.ID]
	delete(b.open, o.Keys.ID)
	b.mu.Unlock()
	if s != nil {
		if err := s.Close(); err != nil {
			return nil, err
		}
	}
	return b.home.open(ctx, o)
}

// close closes the spaces that were taken up.
func (b *beside) close() error {
	b.stop()
	<-b.ended
	var errs []error
	for _, s := range b.open {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

// Unopened is a space that has changes in the home's journal and is not open.
type Unopened struct {
	Space crypto.PointerID
	Err   error // why it can't be opened; nil: it was not tried yet
}

// unopened returns the spaces that wait.
func (b *beside) unopened() []Unopened {
	waiting := b.home.own.home.Waiting()
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []Unopened
	for _, id := range waiting {
		u := Unopened{id, b.failed[id]}
		if b.find == nil {
			u.Err = errUnknown
		}
		all = append(all, u)
	}
	return all
}
