package pin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"postern/remote"
	"postern/vfs"
)

// The defaults of Options.
const (
	// DefaultParallel is the number of concurrent fetches from one remote: enough to fill a line of 50 ms and 200 Mbit/s,
	// few enough to leave room for readers.
	DefaultParallel = 4
	// DefaultSweep is the time between walks of all pages, which find blobs that are no longer needed; after a commit only
	// its new pages are walked.
	DefaultSweep = time.Hour
	// DefaultUploaded is how long an uploaded blob stays although nothing needs it: it may belong to a commit that has not
	// landed yet. What an unmounted space needs stays as long, since its mount may come back.
	DefaultUploaded = 10 * time.Minute
)

// Options are the choices of a Pinner. Store and Paths are required; the zero value of the rest works.
type Options struct {
	Store *Store // of the account's own space; mounts may have others
	Paths Paths

	Parallel  int              // 0: DefaultParallel
	Sweep     time.Duration    // 0: DefaultSweep
	Grace     time.Duration    // 0: DefaultUploaded
	Deadlines remote.Deadlines // of which Again is its own
	Now       func() time.Time // nil: time.Now; timers run on the system's clock
	Log       *slog.Logger     // nil: no log
}

// Pinner keeps the blobs that the pinned paths need in the Stores of their spaces. Each Store is filled by a goroutine
// of its own, so an unreachable or slow remote does not delay the others. It is safe for concurrent use.
type Pinner struct {
	o       Options
	life    context.Context
	cancel  context.CancelFunc
	keepers sync.WaitGroup

	saving sync.Mutex // locked while the list changes

	mu      sync.Mutex
	mounted func(path string) []Mount // nil: not started
	pins    map[string]*pinned
	stores  map[*Store]*keeper
	asked   uint64        // number of requested runs
	changed chan struct{} // closed and replaced when a run ends
}

// New returns a Pinner, which starts work at Start and ends with Close. Until then uploads to Options.Store are already
// kept. It fails if the list cannot be read.
func New(o Options) (*Pinner, error) {
	if o.Parallel <= 0 {
		o.Parallel = DefaultParallel
	}
	if o.Sweep <= 0 {
		o.Sweep = DefaultSweep
	}
	o.Deadlines = o.Deadlines.OrShipped()
	if o.Grace <= 0 {
		o.Grace = DefaultUploaded
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	paths, err := o.Paths.Load()
	if err != nil {
		return nil, fmt.Errorf("read the list of pinned paths: %w", err)
	}
	p := &Pinner{o: o, pins: map[string]*pinned{}, stores: map[*Store]*keeper{}, changed: make(chan struct{})}
	p.life, p.cancel = context.WithCancel(context.Background())
	for _, path := range paths {
		p.pins[path] = newPinned()
	}
	o.Store.keeps.Store(len(p.pins) > 0)
	return p, nil
}

// Start begins the work. mounted returns the mounts that hold what lies at and below a path. It must return at once and
// must not call the Pinner. Call Changed whenever it may return others.
func (p *Pinner) Start(mounted func(path string) []Mount) {
	p.mu.Lock()
	p.mounted = mounted
	p.mu.Unlock()
	p.Changed()
}

// Close stops all fetches. Fetched blobs stay.
func (p *Pinner) Close() {
	p.mu.Lock()
	p.cancel() // no keeper starts any more
	p.mu.Unlock()
	p.keepers.Wait()
}

// Changed makes the Pinner look at the mounted spaces again: one may have another newest commit, or another space may
// be mounted. It returns at once.
func (p *Pinner) Changed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.request()
}

// request requests a run for each Store of a mounted space. The caller holds the lock.
func (p *Pinner) request() {
	p.asked++
	p.o.Store.keeps.Store(len(p.pins) > 0)
	if p.mounted == nil || p.life.Err() != nil {
		return
	}
	for _, m := range p.mounted("/") {
		if p.stores[m.Store] == nil {
			k := &keeper{Pinner: p, store: m.Store, kicked: make(chan struct{}, 1), sweep: true}
			p.stores[m.Store] = k
			p.keepers.Go(func() { k.run(p.life) })
		}
	}
	for store, k := range p.stores {
		store.keeps.Store(len(p.pins) > 0)
		k.kick()
	}
}

// Wake retries failed runs now, for callers that know the remote is reachable again. It returns at once.
func (p *Pinner) Wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range p.stores {
		k.kick()
	}
}

// Pin adds a path to the list, whether anything exists there yet or not. It returns once the list is durable, and does
// not wait for fetches. Pinning a pinned path changes nothing. Errors: vfs.ErrInvalid for a string that is not a path.
func (p *Pinner) Pin(path string) error {
	if err := valid(path); err != nil {
		return err
	}
	return p.change(func(paths []string) ([]string, error) {
		if slices.Contains(paths, path) {
			return paths, nil
		}
		return append(paths, path), nil
	})
}

// Remove removes a path from the list. Blobs that no other path needs are dropped soon. Errors: vfs.ErrNotExist if the
// path is not pinned.
func (p *Pinner) Remove(path string) error {
	return p.change(func(paths []string) ([]string, error) {
		i := slices.Index(paths, path)
		if i < 0 {
			return nil, &vfs.Error{Op: "unpin", Path: path, Kind: vfs.ErrNotExist, Err: errors.New("it is not pinned")}
		}
		return slices.Delete(paths, i, i+1), nil
	})
}

// Moved moves the pins at and below a moved folder. It is meant for namespace.Options.Moved. The blobs that they need
// stay until a commit has the folder at its new place.
func (p *Pinner) Moved(from, to string) {
	if !slices.ContainsFunc(p.Paths(), func(path string) bool { return follow(path, from, to) != path }) {
		return
	}
	p.mu.Lock()
	pins := map[string]*pinned{}
	for path, pin := range p.pins {
		if at := follow(path, from, to); at != path || pins[at] == nil {
			pins[at] = pin
		}
	}
	p.pins = pins
	p.mu.Unlock()
	err := p.change(func([]string) ([]string, error) { return p.Paths(), nil })
	if err != nil {
		p.o.Log.Warn("a pinned folder was moved, but its pin returns to the old path at the next start: pin the folder again",
			"path", to, "error", err)
	}
}

// follow returns where a path is after a folder was moved.
func follow(path, from, to string) string {
	if rest, ok := strings.CutPrefix(path, from); ok && (rest == "" || rest[0] == '/') {
		return to + rest
	}
	return path
}

// change replaces the list, first in the durable store.
func (p *Pinner) change(edit func([]string) ([]string, error)) error {
	p.saving.Lock()
	defer p.saving.Unlock()
	next, err := edit(p.Paths())
	if err != nil {
		return err
	}
	if err := p.o.Paths.Save(next); err != nil {
		return fmt.Errorf("save the list of pinned paths: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	pins := map[string]*pinned{}
	for _, path := range next {
		if pins[path] = p.pins[path]; pins[path] == nil {
			pins[path] = newPinned()
		}
	}
	if len(pins) < len(p.pins) {
		for _, k := range p.stores {
			k.sweep = true
		}
	}
	p.pins = pins
	p.request()
	return nil
}

// Paths returns the pinned paths, sorted.
func (p *Pinner) Paths() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	paths := make([]string, 0, len(p.pins))
	for path := range p.pins {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths
}

// Wait returns once everything that was pinned and committed before the call is in the Stores. If ctx ends first, the
// error says why it is not.
func (p *Pinner) Wait(ctx context.Context) error {
	return p.wait(ctx, func(asked uint64) (bool, error) {
		var errs []error
		done := p.mounted != nil
		for _, k := range p.stores {
			done, errs = done && k.done >= asked, append(errs, k.failed)
		}
		return done, errors.Join(errs...)
	})
}

// WaitFor is Wait for one pinned path.
func (p *Pinner) WaitFor(ctx context.Context, path string) error {
	return p.wait(ctx, func(asked uint64) (bool, error) {
		pin := p.pins[path]
		if pin == nil || p.mounted == nil {
			return pin == nil, nil
		}
		var errs []error
		done := true
		for _, m := range p.mounted(path) {
			part := pin.parts[m.Path]
			if done = done && part != nil && part.served >= asked; part != nil {
				errs = append(errs, part.failed)
			}
		}
		return done, errors.Join(errs...)
	})
}

// wait waits until state, called under the lock, reports that the requests before the call were served. If ctx ends
// first, the error says why it is not.
func (p *Pinner) wait(ctx context.Context, state func(asked uint64) (done bool, failed error)) error {
	p.mu.Lock()
	asked := p.asked
	p.mu.Unlock()
	for {
		p.mu.Lock()
		done, failed := state(asked)
		changed := p.changed
		p.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-p.life.Done():
			return errors.New("the drive is being closed")
		case <-ctx.Done():
			if failed != nil {
				return fmt.Errorf("%w; the last attempt failed: %w", ctx.Err(), failed)
			}
			return ctx.Err()
		}
	}
}
