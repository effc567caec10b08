package people

import (
	"context"
	"errors"
	"iter"
	"strings"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/layout"
	"postern/vfs/object"
	"postern/vfs/space/follow"
	"postern/vfs/tree"
)

// shownFriend is a friend whose offers are mounted.
type shownFriend struct {
	offers *follow.Follower
}

// offers is the folder of a friend: what the pair space offers, without what this account has left.
type offers struct {
	*follow.Follower
	p *People
}

// hidden returns the names of the offers that this account has left, as keys.
func (o offers) hidden(ctx context.Context) (map[string]bool, error) {
	s := o.p.o.Own.Private()
	some := false
	for range s.All(kindLeft) {
		some = true
		break
	}
	if !some {
		return nil, nil
	}
	mounts, err := o.Mounts(ctx, "/", maxOffers)
	names := map[string]bool{}
	for _, m := range mounts {
		if left(s, m.Target.Capability.ID) {
			names[object.SortKey(m.Path[1:])] = true
		}
	}
	return names, err
}

// writable returns the names of the offers that this account may write, as keys.
func (o offers) writable(ctx context.Context) (map[string]bool, error) {
	mounts, err := o.Mounts(ctx, "/", maxOffers)
	names := map[string]bool{}
	for _, m := range mounts {
		if _, write := o.p.offered(m); write {
			names[object.SortKey(m.Path[1:])] = true
		}
	}
	return names, err
}

// check rejects a path at or below an offer that was left.
func (o offers) check(ctx context.Context, op, name string) error {
	first, _, _ := strings.Cut(strings.TrimPrefix(name, "/"), "/")
	hidden, err := o.hidden(ctx)
	if err == nil && hidden[object.SortKey(first)] {
		err = &vfs.Error{Op: op, Path: name, Kind: vfs.ErrNotExist}
	}
	return err
}

// Stat implements vfs.Stater.
func (o offers) Stat(ctx context.Context, name string) (vfs.Info, error) {
	if err := o.check(ctx, "stat", name); err != nil {
		return vfs.Info{}, err
	}
	return o.Follower.Stat(ctx, name)
}

// List implements vfs.Reader.
func (o offers) List(ctx context.Context, name string) iter.Seq2[vfs.Info, error] {
	return func(yield func(vfs.Info, error) bool) {
		hidden, err := o.hidden(ctx)
		var writable map[string]bool
		if err == nil && name == "/" {
			writable, err = o.writable(ctx)
		}
		if err != nil {
			yield(vfs.Info{}, err)
			return
		}
		for info, err := range o.Follower.List(ctx, name) {
			key := object.SortKey(info.Name)
			if err == nil && name == "/" && hidden[key] {
				continue
			}
			info.ReadOnly = info.ReadOnly && !writable[key]
			if !yield(info, err) {
				return
			}
		}
	}
}

// Open implements vfs.Reader.
func (o offers) Open(ctx context.Context, name string) (vfs.File, error) {
	if err := o.check(ctx, "open", name); err != nil {
		return nil, err
	}
	return o.Follower.Open(ctx, name)
}

// Crossing implements namespace.Crosser.
func (o offers) Crossing(ctx context.Context, name string) (m tree.Mounted, ok bool, err error) {
	m, ok, err = o.Follower.Crossing(ctx, name)
	if ok && left(o.p.o.Own.Private(), m.Target.Capability.ID) {
		return tree.Mounted{}, false, nil
	}
	return m, ok, err
}

// show mounts a folder below /shared for each friend, and unmounts those of others. It makes no request.
func (p *People) show() error {
	want := map[string]crypto.Capability{}
	for _, f := range persons(p.o.Own.Private()) {
		if f.State == IsFriend && f.theirs != (crypto.Capability{}) {
			want[f.Name] = f.theirs
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for name, s := range p.mounted {
		if want[name].ID == s.offers.ID() {
			delete(want, name)
			continue
		}
		if err := p.o.Drive.Unmount(layout.Shared + "/" + name); err != nil {
			errs = append(errs, err)
			continue
		}
		s.offers.Close()
		delete(p.mounted, name)
	}
	for name, c := range want {
		f := p.o.Own.Home().Follow(p.o.Store, c)
		if err := p.o.Drive.Mount(layout.Shared+"/"+name, offers{f, p}); err != nil {
			f.Close()
			errs = append(errs, err)
			continue
		}
		p.mounted[name] = shownFriend{f}
	}
	return errors.Join(append(errs, p.showLinks())...)
}
