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
	"postern/remote"
	"postern/vfs"
	"postern/vfs/tree"
)

// The defaults of Options.
const (
	// DefaultParallel is the number of concurrent fetches: enough to fill a line of 50 ms and 200 Mbit/s, few enough to
	// leave room for readers.
	DefaultParallel = 4
	// DefaultSweep is the time between walks of all pages, which find blobs that are no longer needed; after a commit only
	// its new pages are walked.
	DefaultSweep = time.Hour
	// DefaultUploaded is how long an uploaded blob stays although nothing needs it: it may belong to a commit that has not
	// landed yet.
	DefaultUploaded = 10 * time.Minute
)

// Options are the choices of a Pinner. Store and Paths are required; the zero value of the rest works.
type Options struct {
	Store *Store
	Paths Paths

	Parallel  int              // 0: DefaultParallel
	Sweep     time.Duration    // 0: DefaultSweep
	Grace     time.Duration    // 0: DefaultUploaded
	Deadlines remote.Deadlines // of which Again is its own
	Now       func() time.Time // nil: time.Now; timers run on the system's clock
	Log       *slog.Logger     // nil: no log
}

// Pinner keeps the blobs that the pinned paths need in a Store. It is safe for concurrent use.
type Pinner struct {
	o      Options
	cancel context.CancelFunc
	ended  chan struct{}
	kicked chan struct{} // capacity one

	saving sync.Mutex // locked while the list changes

	mu      sync.Mutex
	newest  *tree.Tree // nil: no commit yet
	pins    map[string]*pinned
	asked   uint64 // number of requested runs
	done    uint64 // the last request that a run has served
	sweep   bool   // the next run looks for blobs that are no longer needed
	whole   bool   // newest has all local changes; else pending changes may need blobs that newest does not
	busy    bool
	failed  error         // error of the last run
	changed chan struct{} // closed and replaced when a run ends
}

// pinned is one path and the blobs that it needs. The Pinner's lock guards it.
type pinned struct {
	walker *tree.Walker              // skips what was visited before; nil: visits everything
	needs  map[crypto.BlobName]int64 // needed bytes by blob; only grows until the next sweep
	absent bool                      // nothing exists at the path
	walked bool                      // needs is complete
}

func newPinned() *pinned { return &pinned{needs: map[crypto.BlobName]int64{}} }

// New returns a Pinner, which starts work at the first commit and ends with Close. It fails if the list cannot be read.
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

// Close stops all fetches. Fetched blobs stay.
func (p *Pinner) Close() {
	p.cancel()
	<-p.ended
}

// Committed passes the files of a newer commit, and whether the commit has all local changes. It is meant for
// space.Options.Committed and returns at once.
func (p *Pinner) Committed(files tree.Tree, whole bool) {
	p.mu.Lock()
	p.newest, p.whole = &files, whole
	p.asked++
	p.mu.Unlock()
	p.Wake()
}

// Wake makes the Pinner retry now if its last run failed, for callers that know the remote is reachable again. It
// returns at once.
func (p *Pinner) Wake() {
	select {
	case p.kicked <- struct{}{}:
	default:
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
			return nil, &vfs.Error{Op: "unpin", Path: path, Kind: vfs.ErrNotExist, Err: fmt.Errorf("it is not pinned")}
		}
		return slices.Delete(paths, i, i+1), nil
	})
}

// Moved moves the pins at and below a renamed folder. It is meant for space.Options.Moved. The blobs that they need
// stay until a commit has the folder at its new place.
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
	p.whole = false // the move is not committed yet
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
		p.o.Log.Warn("a pinned folder was renamed, but its pin returns to the old path at the next start: pin the folder "+
			"again",
			"path", to, "error", err)
	}
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

// Paths returns the pinned paths, sorted.
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

// Wait returns once everything that was pinned and committed before the call is in the Store. If ctx ends first, the
// error says why it is not.
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
	retry := &backoff.ExponentialBackOff{InitialInterval: p.o.Deadlines.Again, MaxInterval: p.o.Deadlines.MaxAgain,
		Multiplier: 2, RandomizationFactor: 0.5}
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
		p.o.Log.Info("pinned files could not be fetched; this is retried", "error", err)
		again.Reset(retry.NextBackOff())
	}
}
