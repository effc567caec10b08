package pin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"

	"postern/vfs/tree"
)

// keeper fills one Store with what the pinned paths need from it. The Pinner's lock guards its state.
type keeper struct {
	*Pinner
	store  *Store
	kicked chan struct{} // capacity one

	done   uint64 // the last request that a run has served
	sweep  bool   // the next run looks for blobs that are no longer needed
	busy   bool
	failed error // of the last run
}

// kick starts a run if one is requested or the last one failed. It returns at once.
func (k *keeper) kick() {
	select {
	case k.kicked <- struct{}{}:
	default:
	}
}

func (k *keeper) run(ctx context.Context) {
	retry := &backoff.ExponentialBackOff{InitialInterval: k.o.Deadlines.Again, MaxInterval: k.o.Deadlines.MaxAgain,
		Multiplier: 2, RandomizationFactor: 0.5}
	retry.Reset()
	sweep := time.NewTicker(k.o.Sweep)
	defer sweep.Stop()
	again := time.NewTimer(0)
	defer again.Stop()
	again.Stop()
	for {
		select {
		case <-k.kicked:
		case <-again.C:
		case <-sweep.C:
			k.mu.Lock()
			k.sweep = true
			k.mu.Unlock()
		case <-ctx.Done():
			return
		}
		err := k.once(ctx)
		if ctx.Err() != nil {
			return
		}
		again.Stop()
		if err == nil {
			retry.Reset()
			continue
		}
		k.o.Log.Info("pinned files could not be fetched; this is retried", "error", err)
		again.Reset(retry.NextBackOff())
	}
}

// once fetches everything that the pinned paths need from the newest commits, and then drops blobs that they do not
// need. A space that fails does not keep it from the others.
func (k *keeper) once(ctx context.Context) (err error) {
	k.mu.Lock()
	asked, sweep := k.asked, k.sweep
	if k.done >= asked && !sweep || !k.serves("/") {
		k.mu.Unlock()
		return nil
	}
	jobs := k.jobs()
	k.busy = true
	k.mu.Unlock()
	defer func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.busy, k.failed = false, err; err == nil {
			k.done = asked
		}
		close(k.changed)
		k.changed = make(chan struct{})
	}()
	scans, whole := k.scans(ctx, jobs)
	sweep = sweep && whole
	var errs []error
	for _, j := range jobs {
		if err := k.serve(ctx, j, scans[j.Path], asked, sweep); err != nil {
			errs = append(errs, err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if whole {
		k.tidy(sweep)
	}
	return errors.Join(errs...)
}

// job is a pinned path and one of the spaces that hold what lies at and below it.
type job struct {
	Mount
	pinned string
}

// serves reports whether one of the mounts at and below a path has the Store. The caller holds the lock.
func (k *keeper) serves(path string) bool {
	for _, m := range k.mounted(path) {
		if m.Store == k.store {
			return true
		}
	}
	return false
}

// jobs returns what the pinned paths need from the Store. The caller holds the lock.
func (k *keeper) jobs() (all []job) {
	for path := range k.pins {
		for _, m := range k.mounted(path) {
			if m.Store == k.store {
				all = append(all, job{m, path})
			}
		}
	}
	return all
}

// scans returns a scan of each mount's newest commit, and whether the commits hold all changes made here.
func (k *keeper) scans(ctx context.Context, jobs []job) (all map[string]*scan, whole bool) {
	all, whole = map[string]*scan{}, true
	for _, j := range jobs {
		if all[j.Path] != nil {
			continue
		}
		s := &scan{k: k}
		var files tree.Tree
		files, s.whole, s.err = j.Files(ctx)
		if s.err == nil && files.Dirty() {
			s.err = errors.New("the newest commit is still only in memory")
		}
		if s.err == nil {
			s.root, _ = files.Root().Object()
		}
		s.nodes = tree.NewNodes(s, tree.Options{})
		all[j.Path], whole = s, whole && s.whole
	}
	return all, whole
}

// serve fetches what a path needs from a space. A sweep finds the needs anew.
func (k *keeper) serve(ctx context.Context, j job, s *scan, asked uint64, sweep bool) error {
	was := k.part(j.pinned, j.Mount)
	if was == nil {
		return nil
	}
	now := was
	if sweep && was.walked {
		now = newPart(k.store)
	}
	err := s.err
	if err == nil {
		err = s.walk(ctx, j.Within, now)
	}
	if err == nil {
		err = s.fetchAll(ctx, now)
	}
	if err != nil {
		err = fmt.Errorf("fetch %s: %w", j.place(), err)
	}
	k.mu.Lock()
	if was.failed = err; err == nil {
		now.served = asked
	}
	k.mu.Unlock()
	if err == nil && now != was {
		k.replace(j.pinned, j.Mount, was, now)
	}
	return err
}

// place returns the part of the pinned path that the space holds.
func (j job) place() string {
	if len(j.Path) > len(j.pinned) {
		return j.Path
	}
	return j.pinned
}

// tidy drops blobs that no path needs, unless a path's needs are not known yet.
func (k *keeper) tidy(swept bool) {
	k.mu.Lock()
	needed, known := k.needed(k.store)
	if swept {
		k.sweep = false
	}
	since := k.o.Now().Add(-k.o.Grace)
	if len(k.pins) == 0 {
		since = k.o.Now().Add(time.Hour) // no later blob will be needed either
	}
	k.mu.Unlock()
	if known {
		k.store.dropIdle(needed, since)
	}
}
