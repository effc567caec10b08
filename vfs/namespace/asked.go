package namespace

import (
	"context"
	"sync"

	"postern/remote"
	"postern/vfs"
)

// asked is a call to a mount that may be slow. Only one call runs at a time, and the last answer is kept.
type asked[T any] struct {
	mu      sync.Mutex
	last    T
	known   bool
	running chan struct{} // closed when the current call has ended; nil: there is none
	overdue bool          // a caller has waited for the current call in vain, so others do not wait
}

// ask calls do in the background, unless a call is running. The call may take much longer than Patience, so that a slow
// answer is ready for the next listing. The returned channel is closed when the call has ended;
// nil: do not wait for it. began reports whether this call has begun one.
func (a *asked[T]) ask(do func(context.Context) (T, error)) (wait <-chan struct{}, began bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if began = a.running == nil; began {
		done := make(chan struct{})
		a.running, a.overdue = done, false
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), remote.Shipped.Work)
			defer cancel()
			answer, err := do(ctx)
			a.mu.Lock()
			defer a.mu.Unlock()
			if err == nil {
				a.last, a.known = answer, true
			}
			a.running = nil
			close(done)
		}()
	}
	if a.overdue {
		return nil, began
	}
	return a.running, began
}

// keep stores an answer from another source.
func (a *asked[T]) keep(answer T) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last, a.known = answer, true
}

// giveUp notes that a caller has waited for the current call in vain.
func (a *asked[T]) giveUp() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.overdue = true
}

// answer returns the last answer.
func (a *asked[T]) answer() (last T, known bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.last, a.known
}

// askAll makes the same call to all mounts concurrently, and waits until each has answered or failed, or the patience
// is used up.
func askAll[T any](
	ctx context.Context, t *table, mounts []*mount,
	of func(*mount) *asked[T], do func(context.Context, *mount) (T, error),
) {
	if len(mounts) == 0 {
		return
	}
	wait := make([]<-chan struct{}, len(mounts))
	for i, m := range mounts {
		wait[i], _ = of(m).ask(func(ctx context.Context) (T, error) { return do(ctx, m) })
	}
	ctx, cancel := context.WithTimeout(ctx, t.o.Patience)
	defer cancel()
	for i, m := range mounts {
		if wait[i] == nil {
			continue
		}
		select {
		case <-wait[i]:
		case <-ctx.Done():
			of(m).giveUp()
		}
	}
}

// look returns the known infos of mounted folders, as their parent's listing shows them.
func (t *table) look(ctx context.Context, mounts []*mount) []vfs.Info {
	askAll(ctx, t, mounts, func(m *mount) *asked[vfs.Info] { return &m.info },
		func(ctx context.Context, m *mount) (vfs.Info, error) { return m.fs.Stat(ctx, "/") })
	infos := make([]vfs.Info, len(mounts))
	for i, m := range mounts {
		info, known := m.info.answer()
		if !known {
			info = vfs.Info{Folder: true, ReadOnly: true, Modified: m.since, Created: m.since}
		}
		info.Name = m.name
		infos[i] = info
	}
	return infos
}
