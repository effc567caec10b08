package namespace

import (
	"context"

	"postern/vfs"
)

// states are mounts that are being changed, each with the state that the change applies to.
type states []changing

type changing struct {
	place
	at vfs.Stater
}

// of returns the state of a place's file system that the change applies to; nil if it is not being changed.
func (s states) of(p place) vfs.Stater {
	for _, c := range s {
		if c.same(p) {
			return c.at
		}
	}
	return nil
}

// during looks up paths while mounts are being changed. It uses the state of the change in those mounts, and the newest
// state in others.
type during struct {
	table  *table
	states states
}

// ask evaluates a condition on the mounts that are being changed.
func (t *table) ask(ctx context.Context, cond vfs.Cond, changing states) error {
	if err := cond(ctx, during{t, changing}); err != nil {
		return passed{err}
	}
	return nil
}

// cond translates a condition on the drive's paths into one that the mount of a place evaluates.
func (t *table) cond(p place, cond vfs.Cond) vfs.Cond {
	if cond == nil {
		return nil
	}
	return func(ctx context.Context, at vfs.Stater) error { return t.ask(ctx, cond, states{{p, at}}) }
}

// condBetween does the same for a condition that two mounts evaluate.
func (t *table) condBetween(src, dst place, cond vfs.Cond) func(context.Context, vfs.Stater, vfs.Stater) error {
	if cond == nil {
		return nil
	}
	return func(ctx context.Context, from, to vfs.Stater) error {
		return t.ask(ctx, cond, states{{src, from}, {dst, to}})
	}
}

// Stat implements vfs.Stater.
func (s during) Stat(ctx context.Context, path string) (vfs.Info, error) {
	p := s.table.resolve(path)
	if p.isRoot() {
		return s.table.rootInfo(ctx, s.states)
	}
	return s.elsewhere(ctx, p)
}

// elsewhere looks up a place while mounts wait for the condition, so it takes at most Patience where it has to ask
// another mount.
func (s during) elsewhere(ctx context.Context, p place) (vfs.Info, error) {
	if at := s.states.of(p); at != nil && !s.table.crosses(ctx, p) {
		return p.stat(ctx, at)
	}
	ctx, cancel := context.WithTimeout(ctx, s.table.o.Patience)
	defer cancel()
	type answer struct {
		info vfs.Info
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		p, err := s.table.cross(ctx, p, false)
		if err != nil {
			answers <- answer{err: err}
			return
		}
		at := s.states.of(p)
		if at == nil {
			at = p.fs
		}
		info, err := p.stat(ctx, at)
		answers <- answer{info, err}
	}()
	select {
	case a := <-answers:
		return a.info, a.err
	case <-ctx.Done():
		return vfs.Info{}, &vfs.Error{Op: "stat", Path: p.full(p.within), Kind: vfs.ErrUnavailable, Err: vfs.ErrSlow}
	}
}
