package gateway

import (
	"context"
	"crypto/rand"
	"sync"
	"time"

	"postern/cmd/postern/control"
	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
	"postern/crypto"
	"postern/remote"
	"postern/vfs/meet"
	"postern/vfs/people"
	"postern/vfs/roots"
	"postern/vfs/space"
	"postern/vfs/tree"
)

// registryOf names the account's further spaces; see space.Options.
func registryOf(o driveOptions) roots.Registry {
	if o.registry != nil {
		return o.registry
	}
	return registryAt(o.account)
}

// besideOf opens further spaces that have changes here, once ready is closed; see space.Options.
func (d *drive) besideOf(
	o driveOptions, store remote.Store, ready <-chan struct{},
) func(context.Context, crypto.PointerID) (space.Options, error) {
	return func(ctx context.Context, id crypto.PointerID) (space.Options, error) {
		if o.beside != nil {
			return o.beside(ctx, store, id)
		}
		select {
		case <-ready:
			return d.people.Beside(ctx, id)
		case <-ctx.Done():
			return space.Options{}, ctx.Err()
		}
	}
}

// noted tells the account's people that its private state has changed, once ready is closed.
func (d *drive) noted(ready <-chan struct{}) func() {
	return func() {
		select {
		case <-ready:
			d.people.Changed()
		default:
		}
	}
}

// conflicts passes conflicts of merges on to the account's people. Those of the start wait until these are there.
type conflicts struct {
	mu      sync.Mutex
	to      *people.People
	waiting []func(*people.People)
}

func (c *conflicts) add(in crypto.PointerID, conflict tree.Conflict) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.to != nil {
		c.to.Carry(in, conflict)
		return
	}
	c.waiting = append(c.waiting, func(p *people.People) { p.Carry(in, conflict) })
}

func (c *conflicts) pass(to *people.People) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.to = to
	for _, do := range c.waiting {
		do(to)
	}
	c.waiting = nil
}

// openPeople makes the manager of what the account shares.
func (d *drive) openPeople(o driveOptions, store remote.Store) error {
	if o.now == nil {
		o.now = time.Now
	}
	if o.rand == nil {
		o.rand = rand.Reader
	}
	var seen meet.Seen = &meet.SeenFile{}
	url := ""
	if !o.to.Volatile() {
		var err error
		if seen, err = meet.OpenSeen(nil, o.home.Letters(), o.log); err != nil {
			return err
		}
		if !o.to.Default(o.home) {
			url = o.to.String()
		}
	}
	var err error
	d.people, err = people.New(people.Options{
		Account: o.account.Secret, User: o.account.User, Device: DeviceOf(o.account, o.settings), Own: d.space, Drive: d.fs,
		Cover: o.settings.Privacy.Cover == home.SwitchOn,
		Store: store, URL: url, LinkPage: o.settings.Links.URL, Seen: seen, Now: o.now, Rand: o.rand, Log: o.log,
	})
	return err
}

// Me implements control.Social.
func (g *gateway) Me(context.Context) (people.Me, error) { return g.drive.people.Me() }

// ClaimName implements control.Social.
func (g *gateway) ClaimName(ctx context.Context, name string) (string, error) {
	return g.drive.people.Claim(ctx, name)
}

// Devices implements control.Machines.
func (g *gateway) Devices(ctx context.Context) ([]people.Device, error) {
	return g.drive.people.Devices(ctx)
}

// RenameDevice implements control.Machines. Commits have the new name from the next start on.
func (g *gateway) RenameDevice(ctx context.Context, o control.RenameOrder) error {
	if g.settings.Device.Name != "" {
		return say.Advisef("the name of this device is set by device.name in config.toml or $POSTERN_DEVICE_NAME: " +
			"change it there")
	}
	if home.DeviceName(func() (string, error) { return o.To, nil }) != o.To {
		return say.Advisef("%q can't be the name of a device: use letters, digits, - and _", o.To)
	}
	return g.drive.people.RenameDevice(ctx, o.From, o.To, func() error {
		known, err := g.home.ReadAccount()
		if err != nil {
			return err
		}
		known.DeviceName = o.To
		return g.home.WriteAccount(known)
	})
}

// Friends implements control.Social.
func (g *gateway) Friends(ctx context.Context) ([]people.Friend, error) {
	return g.drive.people.Friends(ctx)
}

// AddFriend implements control.Social.
func (g *gateway) AddFriend(ctx context.Context, who string) (people.Friend, error) {
	return g.drive.people.Add(ctx, who)
}

// AcceptFriend implements control.Social.
func (g *gateway) AcceptFriend(ctx context.Context, who string) (people.Friend, error) {
	return g.drive.people.Accept(ctx, who)
}

// GroupFriend implements control.Social.
func (g *gateway) GroupFriend(ctx context.Context, who, group string, in bool) (people.Friend, error) {
	if in {
		return g.drive.people.Join(ctx, who, group)
	}
	return g.drive.people.Part(ctx, who, group)
}

// EndFriend implements control.Social.
func (g *gateway) EndFriend(ctx context.Context, who string, as people.State) (people.Friend, error) {
	return g.drive.people.End(ctx, who, as)
}

// TrustFriend implements control.Social.
func (g *gateway) TrustFriend(ctx context.Context, who string) (people.Friend, error) {
	return g.drive.people.Trust(ctx, who)
}

// Shares implements control.Sharer.
func (g *gateway) Shares(ctx context.Context) (people.Shares, error) {
	return g.drive.people.Shares(ctx)
}

// Changes implements control.Sharer.
func (g *gateway) Changes(ctx context.Context, path string) ([]people.Change, error) {
	return g.drive.people.Changes(ctx, path)
}

// Share implements control.Sharer.
func (g *gateway) Share(ctx context.Context, o control.ShareOrder) (people.Share, error) {
	return g.drive.people.Share(ctx, o.Path, o.With, o.Write)
}

// Unshare implements control.Sharer.
func (g *gateway) Unshare(ctx context.Context, o control.ShareOrder) (people.Share, error) {
	return g.drive.people.Unshare(ctx, o.Path, o.With)
}

// LeaveShare implements control.Sharer.
func (g *gateway) LeaveShare(ctx context.Context, path string) error {
	return g.drive.people.Leave(ctx, path)
}

// Links implements control.Linker.
func (g *gateway) Links(context.Context) ([]people.Link, error) { return g.drive.people.Links(), nil }

// CreateLink implements control.Linker.
func (g *gateway) CreateLink(ctx context.Context, o control.LinkOrder) (people.Link, error) {
	return g.drive.people.CreateLink(ctx, o.Path, people.LinkOptions{Write: o.Write, Password: o.Password,
		Expires: o.Expires})
}

// OpenLink implements control.Linker.
func (g *gateway) OpenLink(ctx context.Context, o control.OpenOrder) (string, error) {
	return g.drive.people.OpenLink(ctx, o.URL, o.Password)
}

// RevokeLink implements control.Linker.
func (g *gateway) RevokeLink(ctx context.Context, id string) error {
	return g.drive.people.RevokeLink(ctx, id)
}
