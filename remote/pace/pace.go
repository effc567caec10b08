// Package pace limits how many bytes of blobs a second go to remotes, and come from them.
//
// The line in front of a remote marks the calls that move blobs (Around), and the driver moves their bytes through
// Upload and Download, where they go over the wire: a blob is sent piece by piece at the limit, not held back and then
// sent at once, and the bytes of a repeated call count again. All calls that share Limits share the rate. While a call
// waits for it, the deadlines of the call rest. Calls that move no blobs never wait, and small ones wait for no bulk.
package pace

import (
	"context"
	"slices"
	"time"

	"postern/remote"
)

// Options are the clock of Limits.
type Options struct {
	Now   func() time.Time                                 // nil: time.Now
	Sleep func(ctx context.Context, d time.Duration) error // nil: remote.Sleep
}

// Limits are the limits of both directions.
type Limits struct{ up, down *bucket }

// New returns limits by plans; nil, which sets no limit, if neither plan does.
func New(up, down Plan, o Options) *Limits {
	if !up.limits() && !down.limits() {
		return nil
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sleep == nil {
		o.Sleep = remote.Sleep
	}
	return &Limits{newBucket(up, o), newBucket(down, o)}
}

// direction returns the bucket of uploads, or of downloads.
func (l *Limits) direction(up bool) *bucket {
	if up {
		return l.up
	}
	return l.down
}

type withKey struct{}

// With returns a context whose calls to remotes also keep l. A nil l changes nothing.
func With(ctx context.Context, l *Limits) context.Context {
	if l == nil {
		return ctx
	}
	return context.WithValue(ctx, withKey{}, append(within(ctx), l))
}

// within returns the limits in a context. The caller may append to them.
func within(ctx context.Context) []*Limits {
	all, _ := ctx.Value(withKey{}).([]*Limits)
	return all[:len(all):len(all)]
}

type meterKey struct{}

// meter is the mark of a call that moves a blob.
type meter struct {
	limits []*Limits
	rests  []func() (goOn func()) // of the deadlines around the call
}

type restKey struct{}

// Resting returns a context for a call with a deadline: rest stops the deadline while the call waits for a limit, until
// goOn is called. Waits of several goroutines may overlap.
func Resting(ctx context.Context, rest func() (goOn func())) context.Context {
	return context.WithValue(ctx, restKey{}, append(resting(ctx), rest))
}

// resting returns the functions of Resting in a context. The caller may append to them.
func resting(ctx context.Context) []func() (goOn func()) {
	all, _ := ctx.Value(restKey{}).([]func() (goOn func()))
	return all[:len(all):len(all)]
}

// Around returns the part of a line that limits calls by own, which may be nil, and by the limits of With. It stands
// below the retries, so that each try is limited.
func Around(own *Limits) remote.Around {
	return func(ctx context.Context, c *remote.Call, do func(context.Context) error) error {
		if !c.Transfers() {
			return do(ctx)
		}
		m := &meter{limits: within(ctx), rests: resting(ctx)}
		if own != nil {
			m.limits = append(m.limits, own)
		}
		if len(m.limits) == 0 {
			return do(ctx)
		}
		if c.Send+c.Receive > Small {
			outer, _ := ctx.Value(meterKey{}).(*meter)
			leave, err := m.enter(ctx, c, outer)
			if err != nil {
				return err
			}
			defer leave()
		}
		return do(context.WithValue(ctx, meterKey{}, m))
	}
}

// enter waits until a bulk transfer may begin. A call of a mirror's member does not wait for what the call of the
// mirror, outer, holds already.
func (m *meter) enter(ctx context.Context, c *remote.Call, outer *meter) (leave func(), err error) {
	defer m.wait()()
	var leaves []func()
	leave = func() {
		for _, leave := range leaves {
			leave()
		}
	}
	for _, l := range m.limits {
		if outer != nil && slices.Contains(outer.limits, l) {
			continue
		}
		one, err := l.direction(c.Send > 0).enter(ctx)
		if err != nil {
			leave()
			return nil, remote.Fail(c.Op, c.On, remote.ErrUnavailable, err)
		}
		leaves = append(leaves, one)
	}
	return leave, nil
}

// wait stops the deadlines around the call until the returned function is called.
func (m *meter) wait() (goOn func()) {
	var all []func()
	for _, rest := range m.rests {
		all = append(all, rest())
	}
	return func() {
		for _, goOn := range all {
			goOn()
		}
	}
}
