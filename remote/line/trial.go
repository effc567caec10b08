package line

import (
	"context"
	"errors"
	"sync"
	"time"

	"postern/crypto"
	"postern/remote"
)

// ask asks for the size of the blob whose name is all zeros, which no bytes hash to.
func ask(ctx context.Context, inner remote.Store) error {
	_, err := inner.Stat(ctx, crypto.BlobName{})
	return err
}

// look starts trials, unless some are under way already.
func (b *breaker) look() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.looking || b.closed {
		return
	}
	b.looking = true
	b.looks.Go(b.watch)
}

// verdict is the outcome of a trial, and how long it took.
type verdict struct {
	err  error
	took time.Duration
}

// watch makes trials until one is answered. A trial that is not answered in time continues beside the later ones.
func (b *breaker) watch() {
	life, end := context.WithCancel(b.life)
	var trials sync.WaitGroup
	defer trials.Wait()
	defer end()
	verdicts := make(chan verdict)
	ask := func() {
		b.listen()
		trials.Go(func() {
			begun := time.Now()
			err := b.trial(life)
			select {
			case verdicts <- verdict{err, time.Since(begun)}:
			case <-life.Done():
			}
		})
	}
	allowed, answers := b.heard()
	silence := time.NewTimer(allowed)
	defer silence.Stop()
	next := time.NewTicker(b.d.Every)
	defer next.Stop()
	ask()
	for {
		select {
		case v := <-verdicts:
			switch {
			case b.life.Err() != nil:
				return
			case remote.Answered(v.err):
				b.back(v.took)
				return
			}
			b.gone(v.err)
		case <-silence.C:
			_, now := b.heard()
			if now == answers {
				b.gone(remote.Fail("ask", remote.Place{}, remote.ErrUnavailable, errSilent))
				continue
			}
			answers = now // it is there, and slow
			silence.Reset(allowed)
		case <-b.wake:
			ask()
		case <-next.C:
			if b.State().Away {
				ask()
			}
		case <-b.life.Done():
			return
		}
	}
}

// heard returns how long a trial may take, and how many calls were answered.
func (b *breaker) heard() (allowed time.Duration, answers uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.allowed, b.answers.Load()
}

// longest is how long a trial may be late and still count.
func (b *breaker) longest() time.Duration {
	if b.d.Reply < 0 {
		return max(remote.Shipped.Reply, b.d.Trial)
	}
	return max(b.d.Reply, b.d.Trial)
}

// trial makes one trial.
func (b *breaker) trial(life context.Context) error {
	ctx, cancel := context.WithTimeout(asking(life, b.longest()), b.longest())
	defer cancel()
	err := b.o.Ask(ctx, b.inner)
	if errors.Is(err, context.DeadlineExceeded) || err != nil && ctx.Err() != nil {
		return remote.Fail("ask", remote.Place{}, remote.ErrUnavailable, errSilent)
	}
	return timeless("ask", remote.Place{}, err)
}
