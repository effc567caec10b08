// Package poll looks for commits of others: one poller for all spaces of a home, with one budget of requests for any
// number of spaces.
//
// A space whose pointer is not listed needs a request of its own. All listed pointers of a store share one request,
// which returns every pointer that moved, including those of strangers. So the request does not reveal to the store
// which of them we know. Load finds a single pointer in the same way.
package poll

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"postern/crypto"
	"postern/remote"
)

// maxPages limits how many pages of moved pointers one look reads; the next look continues from there.
const maxPages = 8

// idleEvery is how many looks pass between two requests for listed pointers while nothing moves. With a look every 15
// s, an account with one space and one store makes six requests a minute.
const idleEvery = 2

// Options of a poller.
type Options struct {
	Deadlines remote.Deadlines // all set; Poll is the time between two looks, Work that of one
	Log       *slog.Logger
}

// Poller calls back for spaces that may have moved. Its methods may be called by several goroutines at once.
type Poller struct {
	o      Options
	cancel context.CancelFunc
	ended  chan struct{}

	looking sync.Mutex // held during a look, so that there is one at a time

	mu     sync.Mutex
	own    map[*func()]struct{}
	stores map[remote.Pointers]*listed
	turns  []chan struct{} // of Turn
	cover  func(context.Context) error
}

// listed is the known state of the listed pointers of a store.
type listed struct {
	asking chan struct{} // holds one token during a request, so that there is one at a time

	spaces map[crypto.PointerID]map[*func(crypto.Pointer)]struct{}
	newest map[crypto.PointerID]crypto.Pointer // of all accounts, at most maxNewest
	cursor remote.Cursor
	busy   bool // the last response had news
	passed int  // looks since the last request
}

// maxNewest bounds the pointers of a store that a poller keeps: 2 MiB.
const maxNewest = 4096

func newListed() *listed {
	return &listed{asking: make(chan struct{}, 1), spaces: map[crypto.PointerID]map[*func(crypto.Pointer)]struct{}{},
		newest: map[crypto.PointerID]crypto.Pointer{}}
}

// New starts a poller. Close ends it.
func New(o Options) *Poller {
	ctx, cancel := context.WithCancel(context.Background())
	p := &Poller{
		o: o, cancel: cancel, ended: make(chan struct{}),
		own: map[*func()]struct{}{}, stores: map[remote.Pointers]*listed{},
	}
	go p.run(ctx)
	return p
}

// Close ends the poller and waits for it.
func (p *Poller) Close() {
	p.cancel()
	<-p.ended
}

func (p *Poller) run(ctx context.Context) {
	defer close(p.ended)
	tick := time.NewTicker(p.o.Deadlines.Poll)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.Look(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// Each calls nudge at every look, for a space that loads its own pointer. nudge must return at once.
func (p *Poller) Each(nudge func()) (stop func()) {
	key := &nudge
	p.mu.Lock()
	defer p.mu.Unlock()
	p.own[key] = struct{}{}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.own, key)
	}
}

// Listed calls moved with the newest state of a listed pointer whenever that may have moved. moved must return at once.
func (p *Poller) Listed(store remote.Pointers, id crypto.PointerID, moved func(crypto.Pointer)) (stop func()) {
	key := &moved
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.stores[store]
	if l == nil {
		l = newListed()
		p.stores[store] = l
	}
	if l.spaces[id] == nil {
		l.spaces[id] = map[*func(crypto.Pointer)]struct{}{}
	}
	l.spaces[id][key] = struct{}{}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if delete(l.spaces[id], key); len(l.spaces[id]) == 0 {
			delete(l.spaces, id)
		}
		if len(l.spaces) == 0 && p.stores[store] == l {
			delete(p.stores, store)
		}
	}
}

// Turn returns a channel that is closed when the caller may make a request of its own: at a look that leaves out a
// request for listed pointers for it, so that the budget is kept, or that has no such request to make.
func (p *Poller) Turn() <-chan struct{} {
	turn := make(chan struct{})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turns = append(p.turns, turn)
	return turn
}

// giveTurn closes the oldest channel of Turn, if there is one. The caller holds mu.
func (p *Poller) giveTurn() (given bool) {
	if len(p.turns) == 0 {
		return false
	}
	close(p.turns[0])
	p.turns = p.turns[1:]
	return true
}

// Look looks once, as happens every Deadlines.Poll. An unreachable store does not delay the others.
func (p *Poller) Look(ctx context.Context) {
	p.looking.Lock()
	defer p.looking.Unlock()
	p.mu.Lock()
	for nudge := range p.own {
		(*nudge)()
	}
	due := map[remote.Pointers]*listed{}
	for store, l := range p.stores {
		l.passed++
		switch idle := !l.busy && l.cursor != ""; {
		case idle && l.passed < idleEvery:
		case idle && p.giveTurn():
			l.passed = 0
		default:
			l.passed = 0
			due[store] = l
		}
	}
	if busy := slices.ContainsFunc(slices.Collect(maps.Values(p.stores)), func(l *listed) bool { return l.busy }); busy ||
		len(p.stores) == 0 {
		p.giveTurn()
	}
	p.mu.Unlock()
	var all sync.WaitGroup
	for store, l := range due {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, p.o.Deadlines.Work)
			defer cancel()
			if err := p.ask(ctx, store, l); err != nil && ctx.Err() == nil {
				p.o.Log.Debug("a store does not say what moved there", "error", err)
			}
		})
	}
	all.Wait()
}

// Of returns a store's pointers, whose Load is that of the poller.
func (p *Poller) Of(store remote.Pointers) remote.Pointers { return pointers{store, p} }

type pointers struct {
	remote.Pointers
	poller *Poller
}

// Load implements remote.Pointers.
func (o pointers) Load(ctx context.Context, id crypto.PointerID) (crypto.Pointer, error) {
	return o.poller.Load(ctx, o.Pointers, id)
}

// Cover has the poller call fetch whenever listed pointers have moved, before those are told who follow them. While
// fetch fails, they are not told.
func (p *Poller) Cover(fetch func(context.Context) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cover = fetch
}

// Load returns the newest state of a listed pointer. It asks the store for all pointers that moved, so that the store
// does not see which of them is wanted. Only if that does not show the pointer, which is new, or not listed, or one of
// more than maxNewest, the store is asked for it. Errors: those of remote.Pointers.
func (p *Poller) Load(ctx context.Context, store remote.Pointers, id crypto.PointerID) (crypto.Pointer, error) {
	p.mu.Lock()
	l := p.stores[store]
	p.mu.Unlock()
	if l == nil { // nothing is followed there
		l = newListed()
	}
	if err := p.ask(ctx, store, l); err != nil {
		return crypto.Pointer{}, err
	}
	p.mu.Lock()
	newest, known := l.newest[id]
	p.mu.Unlock()
	if known {
		return newest, nil
	}
	return store.Load(ctx, id)
}

// ask reads the pointers that moved at a store.
func (p *Poller) ask(ctx context.Context, store remote.Pointers, l *listed) error {
	select {
	case l.asking <- struct{}{}:
		defer func() { <-l.asking }()
	case <-ctx.Done():
		return remote.Alive(ctx, remote.OpChanged, remote.Place{})
	}
	for range maxPages {
		page, err := store.Changed(ctx, l.cursor)
		if err != nil {
			return err
		}
		p.mu.Lock()
		cover := p.cover
		p.mu.Unlock()
		if cover != nil && len(page.Pointers) > 0 {
			if err := cover(ctx); err != nil {
				return err
			}
		}
		p.mu.Lock()
		l.take(page)
		p.mu.Unlock()
		if !page.More {
			return nil
		}
	}
	return nil
}

// take notes the pointers of a page, and calls those back who follow them. The caller holds mu of the poller.
func (l *listed) take(page remote.Changes) {
	l.cursor, l.busy = page.Next, len(page.Pointers) > 0
	for _, pointer := range page.Pointers {
		if was, known := l.newest[pointer.ID]; known && pointer.Seq >= was.Seq || !known && len(l.newest) < maxNewest {
			l.newest[pointer.ID] = pointer
		}
		for moved := range l.spaces[pointer.ID] {
			(*moved)(pointer)
		}
	}
	for _, id := range page.Suspect { // only the store's own answer says what is wrong with it
		delete(l.newest, id)
	}
}
