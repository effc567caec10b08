package namespace

import (
	"context"

	"postern/vfs"
)

// states are mounts that are being changed, each with the state that the change applies to.
type states map[*mount]vfs.Stater

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
	return func(ctx context.Context, at vfs.Stater) error { return t.ask(ctx, cond, states{p.mount: at}) }
}

// condBetween does the same for a condition that two mounts evaluate.
func (t *table) condBetween(src, dst place, cond vfs.Cond) func(context.Context, vfs.Stater, vfs.Stater) error {
	if cond == nil {
		return nil
	}
	return func(ctx context.Context, from, to vfs.Stater) error {
		return t.ask(ctx, cond, states{src.mount: from, dst.mount: to})
	}
}

// Stat implements vfs.Stater.
func (s during) Stat(ctx context.Context, path string) (vfs.Info, error) {
	p := s.table.resolve(path)
	if p.isRoot() {
		return s.table.rootInfo(ctx, s.states)
	}
	if at := s.states[p.mount]; at != nil {
		return p.stat(ctx, at)
	}
	return s.table.elsewhere(ctx, p)
}

// elsewhere looks up a place while other mounts wait for the condition, so it takes at most Patience.
func (t *table) elsewhere(ctx context.Context, p place) (vfs.Info, error) {
	ctx, cancel := context.WithTimeout(ctx, t.o.Patience)
	defer cancel()
	type answer struct {
		info vfs.Info
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		info, err := p.stat(ctx, p.fs)
		answers <- answer{info, err}
	}()
	select {
	case a := <-answers:
		return a.info, a.err
	case <-ctx.Done():
		return vfs.Info{}, &vfs.Error{Op: "stat", Path: p.full(p.within), Kind: vfs.ErrUnavailable, Err: vfs.ErrSlow}
	}
}
