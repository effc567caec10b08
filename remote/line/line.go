// Package line stands between the driver of one remote and everything above it. A line
//
//   - opens a remote that is not there yet as soon as it is (late.go),
//   - returns to callers when their calls hang in the system (detach.go),
//   - retries calls after passing failures (retry.go),
//   - fails calls at once while the remote is known to be away, and reports since when and why (breaker.go),
//   - limits how many bytes of blobs move in a second (package pace),
//   - asks a second time for a range that takes long (hedge.go),
//   - measures each attempt, as long as the remote is not local (meter.go).
//
// Each part is one function around a call (remote.Around), and all of them together are one remote.Store, which keeps
// the contract of package remote. Only the parts that return from hanging calls and that ask twice are stores of
// their own, since they copy what is read. All times are in one table, Deadlines. From outside in, the order is breaker
// → retry → hedge → Options.Tries → pace → meter → late → detach → driver.
package line

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"postern/remote"
	"postern/remote/pace"
)

// Open opens a remote. The context bounds the opening, not the life of what it opens.
type Open func(ctx context.Context) (remote.Store, error)

// Options are the choices of New and Over. The zero value opens the remote at once and retries calls.
type Options struct {
	Name fmt.Stringer // of the remote, in errors of its opening; nil: remote.Place

	Late    bool // New does not wait for a remote that is away; it is opened later
	Hangs   bool // calls of the driver may hang in the system, where no context ends them
	Once    bool // calls are not retried, so that a check sees the remote itself
	Hedge   bool // ranges that take long are asked for twice; not together with Once
	Breaker bool // the line is long-lived, so it finds out whether the remote is away
	// Local says that the remote is in this process, or on the same disk as the home. Then reads have no deadline and
	// start no timers, which cost a tenth of a read's CPU; no context ends a read of such a disk, so a deadline would not
	// help. Calls that write or load a pointer still notice a disk that hangs; each poll makes one.
	Local bool

	// Limits are kept by calls that move blobs, beside those that pace.With puts into a context. Nil: none. A Local
	// remote has no limits.
	Limits *pace.Limits

	Slots int           // most calls of a driver that Hangs under way, abandoned ones included; 0: 64
	Tries remote.Around // around each try, for example to measure it; nil: nothing

	// Used is called with the bytes of each call that has moved a blob, and with each attempt that failed. It must return
	// soon. Nil: they are not counted; those of a Local remote never are.
	Used func(remote.Usage)

	// Ask makes the small request of a breaker's trial. Nil: it asks for the size of a blob that can't exist.
	Ask func(ctx context.Context, inner remote.Store) error

	Sleep func(ctx context.Context, d time.Duration) error // waits between tries; nil: on the system's clock
	Now   func() time.Time                                 // for State and Pace; nil: time.Now. Timers ignore it
	Log   *slog.Logger                                     // nil: silent

	Addresses func() string // of the machine, in any form: other ones mean another network; nil: the system's
}

func (o Options) withDefaults() Options {
	if o.Name == nil {
		o.Name = remote.Place{}
	}
	if o.Slots == 0 {
		o.Slots = defaultSlots
	}
	if o.Ask == nil {
		o.Ask = ask
	}
	if o.Used == nil {
		o.Used = func(remote.Usage) {}
	}
	if o.Sleep == nil {
		o.Sleep = remote.Sleep
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Addresses == nil {
		o.Addresses = addresses
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Line is a remote as the layers above see it.
type Line struct {
	remote.Store // the driver, within all parts

	breaker *breaker // nil: the line does not find out whether the remote is away
	retrier *retrier // nil: the line does not retry
	meter   *meter   // nil: the remote is local, where measuring would cost a part of each read
	hedger  *hedger  // nil: nothing is asked for twice
	close   func() error
}

// New opens a remote. Without Options.Late it fails when the remote is not open within Deadlines.Open; with it, only if
// the place holds no remote, or one of a newer format.
func New(ctx context.Context, open Open, d remote.Deadlines, o Options) (*Line, error) {
	d, o = d.OrShipped(), o.withDefaults()
	if o.Hangs {
		open = detached(open, d, o)
	}
	if o.Late {
		l, err := newLate(ctx, open, d, o)
		if err != nil {
			return nil, err
		}
		return over(nil, l.opened, l.Close, d, o, l.around), nil
	}
	ctx, cancel := context.WithTimeout(ctx, d.Open)
	defer cancel()
	inner, err := open(ctx)
	if err != nil {
		return nil, err
	}
	return over(inner, nil, inner.Close, d, o), nil
}

// Over returns a line to an open remote. Closing the line closes the remote.
func Over(inner remote.Store, d remote.Deadlines, o Options) *Line {
	d, o = d.OrShipped(), o.withDefaults()
	if o.Hangs {
		inner = newDetacher(inner, d, o)
	}
	return over(inner, nil, inner.Close, d, o)
}

// over puts the upper parts around the calls to a driver, which lower parts may be around already. opened returns the
// driver of a late line; it is nil for other lines.
func over(
	driver remote.Store, opened func() remote.Store, end func() error, d remote.Deadlines, o Options,
	parts ...remote.Around,
) *Line {
	l := &Line{close: end}
	if !o.Local {
		l.meter = &meter{now: o.Now, used: o.Used}
		parts = within(pace.Around(o.Limits), within(l.meter.around, parts))
	}
	if o.Tries != nil {
		parts = within(o.Tries, parts)
	}
	if o.Hedge && !o.Once {
		l.hedger = newHedger(remote.Wrap(driver, parts...), o.Now)
		driver, parts = l.hedger, nil
	}
	if !o.Once {
		l.retrier = newRetrier(remote.Wrap(driver, parts...), d, o)
		parts = within(l.retrier.around, parts)
	}
	if o.Breaker {
		if opened == nil {
			opened = func() remote.Store { return driver }
		}
		l.breaker = newBreaker(remote.Wrap(driver, parts...), opened, d, o)
		parts = within(l.breaker.around, parts)
	}
	l.Store = driver // a check of a remote in memory must find the driver itself
	if len(parts) > 0 {
		l.Store = remote.Wrap(driver, parts...)
	}
	return l
}

// within returns parts with another one around them. It leaves parts as they are: a store may have them.
func within(outer remote.Around, parts []remote.Around) []remote.Around {
	return slices.Concat([]remote.Around{outer}, parts)
}

// Close ends all trials and closes the remote.
func (l *Line) Close() error {
	if l.breaker != nil {
		l.breaker.stop()
	}
	return l.close()
}

// State returns whether the remote is reachable, as far as is known. It makes no request. A line without a breaker
// returns the zero State.
func (l *Line) State() State {
	if l.breaker == nil {
		return State{}
	}
	return l.breaker.State()
}

// Pace returns how fast the remote answers, as far as is known. It makes no request. A line to a local remote returns
// the zero Pace.
func (l *Line) Pace() remote.Pace {
	if l.meter == nil {
		return remote.Pace{}
	}
	return l.meter.pace()
}

// Roles implements remote.Store: the roles of the driver within all parts, and the pace.
func (l *Line) Roles() remote.Roles {
	r := l.Store.Roles()
	if l.meter != nil {
		r.Pace = l.Pace
	}
	return r
}

// Hedged returns how many ranges were asked for a second time, and how often the second answer was the first to come.
func (l *Line) Hedged() (sent, won uint64) {
	if l.hedger == nil {
		return 0, 0
	}
	return l.hedger.sent.Load(), l.hedger.won.Load()
}

// Retries returns how often a call was tried again, in all.
func (l *Line) Retries() uint64 {
	if l.retrier == nil {
		return 0
	}
	return l.retrier.retries.Load()
}

// OnChange calls do when the remote is found away and when it is back, one call at a time; do must return soon. stop
// ends these calls, and waits for one under way.
func (l *Line) OnChange(do func(State)) (stop func()) {
	if l.breaker == nil {
		return func() {}
	}
	return l.breaker.onChange(do)
}
