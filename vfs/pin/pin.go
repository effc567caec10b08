package pin

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/tree"
)

// The defaults of Options.
const (
	// DefaultParallel is how many blobs are fetched at once: enough to fill a line of 50 ms and 200 Mbit/s, few enough to
	// leave room for readers.
	DefaultParallel = 4
	// DefaultSweep is how often all pages are walked again, to find what is no longer needed; after a commit only what is
	// new in it is.
	DefaultSweep = time.Hour
	// DefaultGrace is how long a blob that was uploaded from here stays without being needed: it may be for a commit under
	// way.
	DefaultGrace = 10 * time.Minute

	firstRetry = time.Second
	lastRetry  = time.Minute
)

// Options of a Pinner. Store and Paths are needed; the zero value of the rest works.
type Options struct {
	Store *Store
	Paths Paths

	Parallel int              // 0: DefaultParallel
	Sweep    time.Duration    // 0: DefaultSweep
	Grace    time.Duration    // 0: DefaultGrace
	Now      func() time.Time // nil: time.Now; timers run on the system's clock
	Log      *slog.Logger     // nil: quiet
}

// Pinner keeps at hand what the pinned paths need. Its methods may be called by several goroutines at once.
type Pinner struct {
	o      Options
	cancel context.CancelFunc
	ended  chan struct{}
	kicked chan struct{} // of one

	saving sync.Mutex // held while the list is changed

	mu      sync.Mutex
	newest  *tree.Tree // nil: not told yet
	pins    map[string]*pinned
	asked   uint64 // counts what there was to do
	done    uint64 // up to where it has been done
	sweep   bool   // the next run looks for what is no longer needed
	whole   bool   // newest holds all that was changed here; else what waits may need what newest doesn't
	busy    bool
	failed  error         // why the last run did not come to its end
	changed chan struct{} // closed and made anew when a run ends
}

// pinned is one path and what it needs. Its own lock is the Pinner's.
type pinned struct {
	walker *tree.Walker              // of what was visited before; nil: everything is visited
	needs  map[crypto.BlobName]int64 // bytes in it that are needed; only grows until the next sweep
	absent bool                      // nothing lies there
	walked bool                      // needs is complete
}

func newPinned() *pinned { return &pinned{needs: map[crypto.BlobName]int64{}} }

// New makes a Pinner, which begins when it is told of a commit and ends with Close. It fails when the list can't be
// read.
func New(o Options) (*Pinner, error) {
	if o.Parallel <= 0 {
		o.Parallel = DefaultParallel
	}
	if o.Sweep <= 0 {
		o.Sweep = DefaultSweep
	}
	if o.Grace <= 0 {
		o.Grace = DefaultGrace
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	paths, err := o.Paths.Load()
	if err != nil {
		return nil, fmt.Errorf("read what is pinned: %w", err)
	}
	p := &Pinner{o: o, pins: map[string]*pinned{}, sweep: true}
	p.ended, p.kicked, p.changed = make(chan struct{}), make(chan struct{}, 1), make(chan struct{})
	for _, path := range paths {
		p.pins[path] = newPinned()
	}
	o.Store.keeps.Store(len(p.pins) > 0)
	run, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	go p.run(run)
	return p, nil
}

// Close ends what is under way. What was fetched stays.
func (p *Pinner) Close() {
	p.cancel()
	<-p.ended
}

// Committed tells of the files of a newer commit, and whether it holds all that was changed here. It is for
// space.Options.Committed and returns at once.
func (p *Pinner) Committed(files tree.Tree, whole bool) {
	p.mu.Lock()
	p.newest, p.whole = &files, whole
	p.asked++
	p.mu.Unlock()
	p.Wake()
}

// Wake makes the Pinner try again now, if it has failed: for who knows that the remote is back. It returns at once.
func (p *Pinner) Wake() {
	select {
	case p.kicked <- struct{}{}:
	default:
	}
}

// Pin keeps a path from now on, whether anything lies there yet or not. It returns when the list is durable, and does
// not wait for what is fetched then. To pin what is pinned changes nothing. Errors: vfs.ErrInvalid for what can't be a
// path.
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

// Remove ends keeping a path. What no other path needs is dropped soon. Errors: vfs.ErrNotExist when it isn't pinned.
func (p *Pinner) Remove(path string) error {
	return p.change(func(paths []string) ([]string, error) {
		i := slices.Index(paths, path)
		if i < 0 {
			return nil, &vfs.Error{Op: "unpin", Path: path, Kind: vfs.ErrNotExist, Err: fmt.Errorf("it is not pinned")}
		}
		return slices.Delete(paths, i, i+1), nil
	})
}

// Moved has the pins at and below a folder go with it. It is for space.Options.Moved. What they need stays here until a
// commit shows it at its new place.
func (p *Pinner) Moved(from, to string) {
	follow := func(path string) string {
		if rest, ok := strings.CutPrefix(path, from); ok && (rest == "" || rest[0] == '/') {
			return to + rest
		}
		return path
	}
	if !slices.ContainsFunc(p.Paths(), func(path string) bool { return follow(path) != path }) {
		return
	}
	p.mu.Lock()
	p.whole = false // the move is still to be committed
	pins := map[string]*pinned{}
	for path, pin := range p.pins {
		if at := follow(path); at != path || pins[at] == nil {
			pins[at] = pin
		}
	}
	p.pins = pins
	p.mu.Unlock()
	err := p.change(func([]string) ([]string, error) { return p.Paths(), nil })
	if err != nil {
		p.o.Log.Warn("a pinned folder was renamed, and its pin will be at its old place after the next start: pin it again",
			"path", to, "error", err)
	}
}

// change replaces the list, first where it lasts.
func (p *Pinner) change(edit func([]string) ([]string, error)) error {
	p.saving.Lock()
	defer p.saving.Unlock()
	next, err := edit(p.Paths())
	if err != nil {
		return err
	}
	if err := p.o.Paths.Save(next); err != nil {
		return fmt.Errorf("note what is pinned: %w", err)
	}
	p.mu.Lock()
	pins := map[string]*pinned{}
	for _, path := range next {
		if pins[path] = p.pins[path]; pins[path] == nil {
			pins[path] = newPinned()
		}
	}
	p.sweep = p.sweep || len(pins) < len(p.pins)
	p.pins = pins
	p.asked++
	p.o.Store.keeps.Store(len(pins) > 0)
	p.mu.Unlock()
	p.Wake()
	return nil
}

// Paths are the pinned paths, sorted.
func (p *Pinner) Paths() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	paths := make([]string, 0, len(p.pins))
	for path := range p.pins {
		paths = append(paths, path)
	}
	slices.SortFunc(paths, strings.Compare)
	return paths
}

// Wait returns when all that was pinned and committed before is at hand. When ctx ends first it tells why it isn't.
func (p *Pinner) Wait(ctx context.Context) error {
	p.mu.Lock()
	asked := p.asked
	p.mu.Unlock()
	for {
		p.mu.Lock()
		done, changed, failed := p.done, p.changed, p.failed
		p.mu.Unlock()
		if done >= asked {
			return nil
		}
		select {
		case <-changed:
		case <-p.ended:
			return fmt.Errorf("the drive is being closed")
		case <-ctx.Done():
			if failed != nil {
				return fmt.Errorf("%w; the last attempt failed: %w", ctx.Err(), failed)
			}
			return ctx.Err()
		}
	}
}

func (p *Pinner) run(ctx context.Context) {
	defer close(p.ended)
	retry := &backoff.ExponentialBackOff{InitialInterval: firstRetry, MaxInterval: lastRetry, Multiplier: 2,
		RandomizationFactor: 0.5}
	retry.Reset()
	sweep := time.NewTicker(p.o.Sweep)
	defer sweep.Stop()
	again := time.NewTimer(0)
	defer again.Stop()
	again.Stop()
	for {
		select {
		case <-p.kicked:
		case <-again.C:
		case <-sweep.C:
			p.mu.Lock()
			p.sweep = true
			p.mu.Unlock()
		case <-ctx.Done():
			return
		}
		err := p.once(ctx)
		if ctx.Err() != nil {
			return
		}
		again.Stop()
		if err == nil {
			retry.Reset()
			continue
		}
		p.o.Log.Info("what is pinned could not be fetched; this is tried again", "error", err)
		again.Reset(retry.NextBackOff())
	}
}
