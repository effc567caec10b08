// Package breaker spares callers the wait for a remote that is away: once it is known not to answer, every call fails at once with
// remote.ErrUnavailable, saying since when, until the remote answers again.
//
// It stands above package retry. Two things make it look whether the remote is there: a call that ended with ErrUnavailable in spite of
// all tries, and one that has been under way for Options.Suspect, for a remote may swallow what is sent and never say no. It looks by a
// trial, one small question that is asked once and may take Options.Trial. If neither that nor anything else is answered, the remote is
// away: what is under way fails, what comes fails at once, and trials go on every Options.Every, in the background and whether anybody
// calls or not. The first that is answered ends it, however late; and a remote that was late once may take twice as long at the next
// trial, so that one that is merely slow is taken for away once at the most. An error that is an answer (not found, refused, even
// damaged) is one.
//
// So one blob that can't be had, or one long transfer on a thin line, closes nobody's way; a remote that is gone keeps nobody longer than
// Suspect and Trial together. What remains is a remote that answers questions and swallows transfers: Options.Bound and Options.Rate
// bound each call.
//
// It relies on calls that end with their context, which CONTRACT.md asks of every driver.
package breaker

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/retry"
)

// The defaults of Options.
const (
	// DefaultSuspect is longer than nearly all calls take, and no longer than a reader waits who has not begun to wonder.
	DefaultSuspect = 2 * time.Second
	// DefaultTrial leaves a small question room on a line that is full of other bytes. It is what is taken for silence at first.
	DefaultTrial = 3 * time.Second
	// DefaultEvery is how soon a remote that is back is noticed; a question every three seconds costs nobody anything.
	DefaultEvery = 3 * time.Second
	// DefaultBound is what a call without bytes may take in all, tries and pauses included: what retry gives a single try. Who waits for
	// an answer on the screen has his own bound.
	DefaultBound = 30 * time.Second
	// DefaultRate, in bytes a second, is what a call with bytes may take beyond that: a full blob gets 107 seconds more.
	DefaultRate = 50_000
)

// Options are the choices of New. The zero value takes the defaults above.
type Options struct {
	Suspect time.Duration // a call that takes longer makes the breaker look; and again after each further one
	Trial   time.Duration // a trial that takes longer makes the remote away, unless it is known to be slow
	Every   time.Duration // from one trial to the next, while the remote is away
	Bound   time.Duration // most that a call may take without its bytes; of a listing, until the next blob. Below 0: no limit
	Rate    int64         // bytes a second that a transfer makes at the least

	// Ask is the trial: any small question. Nil: the size of a blob that there isn't.
	Ask func(ctx context.Context, inner remote.Store) error
	// Changed is called, one call after the other, when the remote was found away and when it is back; it must return soon. Nil: nobody is
	// told.
	Changed func(State)

	Now func() time.Time // nil: time.Now; timers run on the system's clock
	Log *slog.Logger     // nil: silent
}

func (o Options) withDefaults() Options {
	o.Suspect = cmp.Or(o.Suspect, DefaultSuspect)
	o.Trial = cmp.Or(o.Trial, DefaultTrial)
	o.Every = cmp.Or(o.Every, DefaultEvery)
	o.Bound = cmp.Or(o.Bound, DefaultBound)
	o.Rate = cmp.Or(o.Rate, DefaultRate)
	if o.Ask == nil {
		o.Ask = ask
	}
	if o.Changed == nil {
		o.Changed = func(State) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// ask wants to know the size of the blob whose name is all zeros, which no bytes hash to.
func ask(ctx context.Context, inner remote.Store) error {
	_, err := inner.Stat(ctx, crypto.BlobName{})
	return err
}

// State is what a breaker knows of its remote.
type State struct {
	Away   bool
	Since  time.Time // when it was found away; zero while it is there
	Why    error     // what the first trial met; nil while it is there
	Trials uint64    // since it was found away
	Times  uint64    // how often it was found away, in all
	Failed uint64    // calls that failed at once, in all
}

// Store is a remote behind a breaker.
type Store struct {
	remote.Store // every call of which goes through the breaker
	inner        remote.Store
	o            Options
	life         context.Context
	end          context.CancelFunc
	looks        sync.WaitGroup // the goroutine that looks

	mu      sync.Mutex
	state   State
	away    error // what calls fail with; nil: the remote is there, as far as is known
	looking bool
	allowed time.Duration // what a trial may take, as this remote is
	answers uint64        // calls that were answered
	closed  bool
	calls   map[*call]struct{} // under way
}

var _ remote.Store = (*Store)(nil)

// New puts a breaker in front of inner, which it closes when it is closed.
func New(inner remote.Store, o Options) *Store {
	s := &Store{inner: inner, o: o.withDefaults(), calls: map[*call]struct{}{}}
	s.Store = remote.Wrap(inner, s.around)
	s.allowed = s.o.Trial
	s.life, s.end = context.WithCancel(context.Background())
	return s
}

// State reports whether the remote is there. It asks nobody.
func (s *Store) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// Close ends the trials and closes the remote.
func (s *Store) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.end()
	s.looks.Wait()
	return s.inner.Close()
}

// look finds out whether the remote is there, unless somebody does already.
func (s *Store) look() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.looking || s.closed {
		return
	}
	s.looking = true
	s.looks.Go(s.watch)
}

// verdict is what a trial met, and after how long.
type verdict struct {
	err  error
	took time.Duration
}

// watch makes trials until one is answered. One that was not answered in time goes on beside those that follow.
func (s *Store) watch() {
	life, end := context.WithCancel(s.life)
	var trials sync.WaitGroup
	defer trials.Wait()
	defer end()
	verdicts := make(chan verdict)
	ask := func() {
		trials.Go(func() {
			begun := time.Now()
			err := s.trial(life)
			select {
			case verdicts <- verdict{err, time.Since(begun)}:
			case <-life.Done():
			}
		})
	}
	allowed, answers := s.heard()
	silence := time.NewTimer(allowed)
	defer silence.Stop()
	next := time.NewTicker(s.o.Every)
	defer next.Stop()
	ask()
	for {
		select {
		case v := <-verdicts:
			switch {
			case s.life.Err() != nil:
				return
			case remote.KindOf(v.err) != remote.ErrUnavailable:
				s.back(v.took)
				return
			}
			s.gone(v.err)
		case <-silence.C:
			_, now := s.heard()
			if now == answers {
				s.gone(remote.Fail("ask", remote.Place{}, remote.ErrUnavailable, errSilent))
				continue
			}
			answers = now // it is there, and slow
			silence.Reset(allowed)
		case <-next.C:
			if s.State().Away {
				ask()
			}
		case <-s.life.Done():
			return
		}
	}
}

// heard returns what a trial may take, and how many calls were answered.
func (s *Store) heard() (allowed time.Duration, answers uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.allowed, s.answers
}

// longest is how long a trial may be late and still count.
func (o Options) longest() time.Duration {
	if o.Bound < 0 {
		return max(DefaultBound, o.Trial)
	}
	return max(o.Bound, o.Trial)
}

// trial asks once.
func (s *Store) trial(life context.Context) error {
	ctx, cancel := context.WithTimeout(retry.Once(life, s.o.longest()), s.o.longest())
	defer cancel()
	err := s.o.Ask(ctx, s.inner)
	if errors.Is(err, context.DeadlineExceeded) || err != nil && ctx.Err() != nil {
		return remote.Fail("ask", remote.Place{}, remote.ErrUnavailable, errSilent)
	}
	return timeless("ask", remote.Place{}, err)
}

// gone notes that a trial was not answered. The first ends what is under way.
func (s *Store) gone(err error) {
	s.mu.Lock()
	s.state.Trials++
	if s.state.Away {
		s.mu.Unlock()
		return
	}
	s.state.Away, s.state.Since, s.state.Why = true, s.o.Now(), err
	s.state.Times++
	s.away = &Away{Since: s.state.Since, Err: err}
	for c := range s.calls {
		c.cancel(s.away)
	}
	state := s.state
	s.mu.Unlock()
	s.o.Log.Warn("the remote is away", "error", err)
	s.o.Changed(state)
}

// back notes that a trial was answered, and after how long.
func (s *Store) back(took time.Duration) {
	s.mu.Lock()
	s.looking = false
	s.allowed = min(max(s.o.Trial, 2*took, s.allowed/2), s.o.longest())
	was := s.state
	s.state.Away, s.state.Since, s.state.Why, s.state.Trials = false, time.Time{}, nil, 0
	s.away = nil
	state := s.state
	s.mu.Unlock()
	if was.Away {
		s.o.Log.Info("the remote is back", "after", s.o.Now().Sub(was.Since).Round(time.Second))
		s.o.Changed(state)
	}
}
