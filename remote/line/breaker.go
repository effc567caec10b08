package line

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"postern/remote"
)

// breaker spares callers the wait for a remote that is away: once the remote is known to be unreachable, every call
// fails at once with remote.ErrUnavailable, which states since when, until the remote answers again.
//
// It stands above the retrier. Two events start a trial: a call that ended with ErrUnavailable after all tries, and a
// call that has been under way for Deadlines.Suspect, since a remote may swallow requests without an error. A trial is
// one small request, made once, that may take Deadlines.Trial. If neither it nor any other call is answered, the remote
// is away: calls under way fail, new calls fail at once, and trials continue every Deadlines.Every in the background,
// with or without calls. The first answer to a trial ends this, however late it is. The next trial may then take twice
// as long as that answer took, so a slow remote is taken for away at most once. An error that the remote returns (not
// found, refused, even damaged) is an answer.
//
// So one unavailable blob, or one long transfer on a thin line, fails no other call, and a remote that is gone delays
// no caller longer than Suspect and Trial together. A remote that answers small requests and swallows transfers is not
// found away: Deadlines.Reply and Rate bound the whole of each call, tries and pauses included.
//
// It relies on calls that end with their context, which CONTRACT.md requires of every driver.
type breaker struct {
	inner  remote.Store        // without the breaker, for trials
	driver func() remote.Store // nil while it is not open
	alarm  *alarm
	wake   chan struct{} // holds a token when a trial is to be made at once
	d      remote.Deadlines
	o      Options
	life   context.Context
	end    context.CancelFunc
	looks  sync.WaitGroup // the goroutine that looks

	answers atomic.Uint64 // calls that were answered
	telling sync.Mutex    // held while the remote's state changes and listeners are called

	mu        sync.Mutex
	listeners []*func(State)
	state     State
	away      error // the cause of failing calls; nil: the remote counts as reachable
	looking   bool
	allowed   time.Duration // how long a trial of this remote may take
	closed    bool
	calls     map[*call]struct{} // under way
}

// newBreaker returns the breaker of inner.
func newBreaker(inner remote.Store, driver func() remote.Store, d remote.Deadlines, o Options) *breaker {
	b := &breaker{inner: inner, driver: driver, alarm: newAlarm(o), wake: make(chan struct{}, 1), d: d, o: o,
		allowed: d.Trial, calls: map[*call]struct{}{}}
	b.life, b.end = context.WithCancel(context.Background())
	return b
}

// around runs a call unless the remote is away. A swap that is ended because the remote is away has an unknown outcome,
// as ErrUnavailable says. The time that the consumer of a listing spends on an item does not count.
func (b *breaker) around(ctx context.Context, on *remote.Call, do func(context.Context) error) error {
	if b.o.Local && (on.Op == remote.OpGet || on.Op == remote.OpGetRange) {
		return b.read(ctx, on, do)
	}
	c, err := b.begin(ctx, on)
	if err != nil {
		return err
	}
	if on.Stream != nil {
		on.Stream.Rest = func() { c.rest() }
		on.Stream.Next = func() error { c.resume(); return nil }
	}
	return c.finish(do(c.ctx))
}

// read runs a read of a local remote without timers, see Options.Local.
func (b *breaker) read(ctx context.Context, on *remote.Call, do func(context.Context) error) error {
	b.mu.Lock()
	err := b.refusal(on)
	b.mu.Unlock()
	if err != nil {
		return err
	}
	err = do(ctx)
	switch {
	case remote.KindOf(err) != remote.ErrUnavailable:
		b.answers.Add(1)
	case ctx.Err() == nil: // else the caller has cancelled, which proves nothing about the remote
		b.look()
		return timeless(on.Op, on.On, err)
	}
	return err
}

// refusal returns why a call may not begin. The caller holds mu.
func (b *breaker) refusal(on *remote.Call) error {
	switch {
	case b.closed:
		return remote.Fail(on.Op, on.On, remote.ErrClosed, nil)
	case b.away != nil:
		b.state.Failed++
		return remote.Fail(on.Op, on.On, remote.ErrUnavailable, b.away)
	}
	return nil
}

// State reports whether the remote is reachable. It makes no request.
func (b *breaker) State() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state
}

// onChange is Line.OnChange.
func (b *breaker) onChange(do func(State)) (stop func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.listeners = append(b.listeners, &do)
	return func() {
		b.telling.Lock()
		defer b.telling.Unlock()
		b.mu.Lock()
		defer b.mu.Unlock()
		b.listeners = slices.DeleteFunc(b.listeners, func(l *func(State)) bool { return l == &do })
	}
}

// tell calls the listeners. The caller holds telling.
func (b *breaker) tell(state State) {
	b.mu.Lock()
	listeners := slices.Clone(b.listeners)
	b.mu.Unlock()
	for _, l := range listeners {
		(*l)(state)
	}
}

// stop ends the trials, and refuses all further calls.
func (b *breaker) stop() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.end()
	b.looks.Wait()
}

// gone records that a trial was not answered. The first such trial ends the calls under way.
func (b *breaker) gone(err error) {
	b.telling.Lock()
	defer b.telling.Unlock()
	b.mu.Lock()
	b.state.Trials++
	if b.state.Away {
		b.mu.Unlock()
		return
	}
	b.state.Away, b.state.Since, b.state.Why = true, b.o.Now(), err
	b.state.Times++
	b.away = &Away{Since: b.state.Since, Err: err}
	for c := range b.calls {
		c.cancel(b.away)
	}
	state := b.state
	b.mu.Unlock()
	b.o.Log.Warn("the remote is away", "error", err)
	b.reconnect() // or the trials wait on dead connections, one after the other
	b.tell(state)
}

// back records that a trial was answered, and after how long.
func (b *breaker) back(took time.Duration) {
	b.telling.Lock()
	defer b.telling.Unlock()
	b.mu.Lock()
	b.looking = false
	b.allowed = min(max(b.d.Trial, 2*took, b.allowed/2), b.longest())
	was := b.state
	b.state.Away, b.state.Since, b.state.Why, b.state.Trials = false, time.Time{}, nil, 0
	b.away = nil
	state := b.state
	b.mu.Unlock()
	if was.Away {
		b.o.Log.Info("the remote is back", "after", b.o.Now().Sub(was.Since).Round(time.Second))
		b.tell(state)
	}
}
