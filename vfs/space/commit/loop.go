package commit

import (
	"context"
	"sync"
	"time"

	"postern/remote"
	"postern/vfs/space/working"

	"github.com/cenkalti/backoff/v5"
)

// loop is the committer's goroutine: it decides when to commit, and runs errands between two commits.
type loop struct {
	deadlines remote.Deadlines
	cancel    context.CancelFunc
	unpoll    func()
	ended     chan struct{}
	kicked    chan struct{} // capacity one: there are changes
	early     chan struct{} // capacity one: there are changes, whose blobs may go before their commit is due
	hurried   chan struct{} // capacity one: a caller waits for a commit
	polled    chan struct{} // capacity one: others may have committed
	errands   chan func(context.Context)
}

func newLoop(d remote.Deadlines) loop {
	return loop{
		deadlines: d, ended: make(chan struct{}), kicked: make(chan struct{}, 1), early: make(chan struct{}, 1),
		hurried: make(chan struct{}, 1), polled: make(chan struct{}, 1), errands: make(chan func(context.Context)),
	}
}

// start starts committing. It calls note with the outcome of each attempt, and ahead whenever there are changes, also
// while a commit is in progress. Stop calls unpoll.
func (l *loop) start(unpoll func(), commit func(context.Context) error, note func(error), ahead func(context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel, l.unpoll = cancel, unpoll
	var both sync.WaitGroup
	both.Go(func() { l.run(ctx, commit, note) })
	both.Go(func() {
		for {
			select {
			case <-l.early:
				ahead(ctx)
			case <-ctx.Done():
				return
			}
		}
	})
	go func() {
		both.Wait()
		close(l.ended)
	}()
}

// Stop ends the committer and waits for it.
func (l *loop) Stop() {
	if l.cancel == nil {
		return // it never started
	}
	l.unpoll()
	l.cancel()
	<-l.ended
}

func nudge(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// Kick signals that there are changes. They are committed soon.
func (l *loop) Kick() {
	nudge(l.kicked)
	nudge(l.early)
}

// Retry makes the committer look at the remote now, without waiting for its pause to end. It is for callers that know
// that the remote is back.
func (l *loop) Retry() { nudge(l.hurried) }

func (l *loop) run(ctx context.Context, commit func(context.Context) error, note func(error)) {
	again := backoff.NewExponentialBackOff()
	again.InitialInterval, again.MaxInterval = l.deadlines.Again, l.deadlines.MaxAgain
	due := time.NewTimer(0) // the next attempt, while waiting
	due.Stop()
	for waiting := false; ; {
		select {
		case <-l.kicked:
			if !waiting {
				waiting = true
				due.Reset(l.deadlines.Commit)
			}
			continue
		case errand := <-l.errands: // also while attempts fail: a full remote needs its garbage collected
			errand(ctx)
			continue
		case <-l.polled:
			if waiting {
				continue
			}
		case <-l.hurried:
		case <-due.C:
		case <-ctx.Done():
			due.Stop()
			return
		}
		err := commit(ctx)
		if ctx.Err() != nil {
			return
		}
		note(err)
		if waiting = err != nil; waiting {
			due.Reset(again.NextBackOff())
		} else {
			due.Stop()
			again.Reset()
		}
	}
}

// Do runs f in the committer's goroutine, between two commits, and waits for it. Errors: working.ErrClosed, the
// context's, those of f.
func (l *loop) Do(ctx context.Context, f func(context.Context) error) error {
	done := make(chan error, 1)
	errand := func(run context.Context) {
		run, cancel := context.WithCancel(run)
		defer cancel()
		defer context.AfterFunc(ctx, cancel)()
		done <- f(run)
	}
	select {
	case l.errands <- errand:
		return <-done
	case <-l.ended:
		return working.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}
