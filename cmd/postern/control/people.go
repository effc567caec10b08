package control

import (
	"context"
	"net/http"
	"time"

	"postern/vfs/people"
)

// People manages what the user shares with others.
type People interface {
	Social
	Sharer
	Linker
	Machines
}

// Machines lists the account's devices.
type Machines interface {
	Devices(ctx context.Context) ([]people.Device, error)
	// RenameDevice gives the device that the gateway runs on another name.
	RenameDevice(ctx context.Context, o RenameOrder) error
}

// RenameOrder says which device to rename.
type RenameOrder struct{ From, To string }

// Social manages friends, and the name by which others find this account.
type Social interface {
	// Me returns the account as others see it.
	Me(ctx context.Context) (people.Me, error)
	// ClaimName claims a name at the storage, and returns it as it is written.
	ClaimName(ctx context.Context, name string) (string, error)
	// Friends returns everybody whom the account has met, after a look at the inbox.
	Friends(ctx context.Context) ([]people.Friend, error)
	// AddFriend asks somebody, by name or contact card.
	AddFriend(ctx context.Context, who string) (people.Friend, error)
	AcceptFriend(ctx context.Context, who string) (people.Friend, error)
	// EndFriend rejects, removes or blocks somebody.
	EndFriend(ctx context.Context, who string, as people.State) (people.Friend, error)
	// GroupFriend puts a friend into a group, or takes one out of it.
	GroupFriend(ctx context.Context, who, group string, in bool) (people.Friend, error)
	// TrustFriend accepts that a name belongs to another key.
	TrustFriend(ctx context.Context, who string) (people.Friend, error)
}

// Sharer shares folders.
type Sharer interface {
	Shares(ctx context.Context) (people.Shares, error)
	Share(ctx context.Context, o ShareOrder) (people.Share, error)
	// Unshare takes a folder back from some, or from all if the order names nobody.
	Unshare(ctx context.Context, o ShareOrder) (people.Share, error)
	// Changes returns who changed a file or folder that several people may write, the newest change first.
	Changes(ctx context.Context, path string) ([]people.Change, error)
	// LeaveShare removes what a friend shares from this account's drive.
	LeaveShare(ctx context.Context, path string) error
}

// ShareOrder says what to share with whom.
type ShareOrder struct {
	Path  string
	With  []string // friends and groups
	Write bool
}

// Linker makes and opens secret links.
type Linker interface {
	Links(ctx context.Context) ([]people.Link, error)
	CreateLink(ctx context.Context, o LinkOrder) (people.Link, error)
	// OpenLink shows what a link leads to in the drive, and returns the path.
	OpenLink(ctx context.Context, o OpenOrder) (string, error)
	RevokeLink(ctx context.Context, id string) error
}

// LinkOrder says what link to make.
type LinkOrder struct {
	Path     string
	Write    bool
	Password string        // empty: none
	Expires  time.Duration // from now on; 0: never
}

// OpenOrder says which link to open.
type OpenOrder struct {
	URL      string
	Password string // empty: none
}

// ending is the order of EndFriend.
type ending struct {
	Who string
	As  people.State
}

// grouping is the order of GroupFriend.
type grouping struct {
	Who, Group string
	In         bool
}

// handlePeople answers the requests about people.
func handlePeople(mux *http.ServeMux, g People) {
	handleTask(mux, "/me", quick(func(ctx context.Context, _ struct{}) (people.Me, error) { return g.Me(ctx) }))
	handleTask(mux, "/name", quick(g.ClaimName))
	handleTask(mux, "/devices", quick(func(ctx context.Context, _ struct{}) ([]people.Device, error) {
		return g.Devices(ctx)
	}))
	handleTask(mux, "/devices/rename", quick(func(ctx context.Context, o RenameOrder) (struct{}, error) {
		return struct{}{}, g.RenameDevice(ctx, o)
	}))
	handleTask(mux, "/friends", quick(func(ctx context.Context, _ struct{}) ([]people.Friend, error) {
		return g.Friends(ctx)
	}))
	handleTask(mux, "/friends/add", quick(g.AddFriend))
	handleTask(mux, "/friends/accept", quick(g.AcceptFriend))
	handleTask(mux, "/friends/end", quick(func(ctx context.Context, e ending) (people.Friend, error) {
		return g.EndFriend(ctx, e.Who, e.As)
	}))
	handleTask(mux, "/friends/group", quick(func(ctx context.Context, o grouping) (people.Friend, error) {
		return g.GroupFriend(ctx, o.Who, o.Group, o.In)
	}))
	handleTask(mux, "/friends/trust", quick(g.TrustFriend))
	handleTask(mux, "/shares", quick(func(ctx context.Context, _ struct{}) (people.Shares, error) {
		return g.Shares(ctx)
	}))
	handleTask(mux, "/changes", quick(g.Changes))
	handleTask(mux, "/shares/add", quick(g.Share))
	handleTask(mux, "/shares/end", quick(g.Unshare))
	handleTask(mux, "/shares/leave", quick(func(ctx context.Context, path string) (struct{}, error) {
		return struct{}{}, g.LeaveShare(ctx, path)
	}))
	handleTask(mux, "/links", quick(func(ctx context.Context, _ struct{}) ([]people.Link, error) { return g.Links(ctx) }))
	handleTask(mux, "/links/add", quick(g.CreateLink))
	handleTask(mux, "/links/open", quick(g.OpenLink))
	handleTask(mux, "/links/end", quick(func(ctx context.Context, id string) (struct{}, error) {
		return struct{}{}, g.RevokeLink(ctx, id)
	}))
}

// Me implements Social.
func (c *Client) Me(ctx context.Context) (people.Me, error) {
	return task[people.Me](ctx, c, "/me", struct{}{}, Quiet)
}

// Devices implements Machines.
func (c *Client) Devices(ctx context.Context) ([]people.Device, error) {
	return task[[]people.Device](ctx, c, "/devices", struct{}{}, Quiet)
}

// RenameDevice implements Machines.
func (c *Client) RenameDevice(ctx context.Context, o RenameOrder) error {
	_, err := task[struct{}](ctx, c, "/devices/rename", o, Quiet)
	return err
}

// ClaimName implements Social.
func (c *Client) ClaimName(ctx context.Context, name string) (string, error) {
	return task[string](ctx, c, "/name", name, Quiet)
}

// Friends implements Social.
func (c *Client) Friends(ctx context.Context) ([]people.Friend, error) {
	return task[[]people.Friend](ctx, c, "/friends", struct{}{}, Quiet)
}

// AddFriend implements Social.
func (c *Client) AddFriend(ctx context.Context, who string) (people.Friend, error) {
	return task[people.Friend](ctx, c, "/friends/add", who, Quiet)
}

// AcceptFriend implements Social.
func (c *Client) AcceptFriend(ctx context.Context, who string) (people.Friend, error) {
	return task[people.Friend](ctx, c, "/friends/accept", who, Quiet)
}

// EndFriend implements Social.
func (c *Client) EndFriend(ctx context.Context, who string, as people.State) (people.Friend, error) {
	return task[people.Friend](ctx, c, "/friends/end", ending{who, as}, Quiet)
}

// GroupFriend implements Social.
func (c *Client) GroupFriend(ctx context.Context, who, group string, in bool) (people.Friend, error) {
	return task[people.Friend](ctx, c, "/friends/group", grouping{who, group, in}, Quiet)
}

// TrustFriend implements Social.
func (c *Client) TrustFriend(ctx context.Context, who string) (people.Friend, error) {
	return task[people.Friend](ctx, c, "/friends/trust", who, Quiet)
}

// Shares implements Sharer.
func (c *Client) Shares(ctx context.Context) (people.Shares, error) {
	return task[people.Shares](ctx, c, "/shares", struct{}{}, Quiet)
}

// Changes implements Sharer.
func (c *Client) Changes(ctx context.Context, path string) ([]people.Change, error) {
	return task[[]people.Change](ctx, c, "/changes", path, Quiet)
}

// Share implements Sharer.
func (c *Client) Share(ctx context.Context, o ShareOrder) (people.Share, error) {
	return task[people.Share](ctx, c, "/shares/add", o, Quiet)
}

// Unshare implements Sharer.
func (c *Client) Unshare(ctx context.Context, o ShareOrder) (people.Share, error) {
	return task[people.Share](ctx, c, "/shares/end", o, Quiet)
}

// LeaveShare implements Sharer.
func (c *Client) LeaveShare(ctx context.Context, path string) error {
	_, err := task[struct{}](ctx, c, "/shares/leave", path, Quiet)
	return err
}

// Links implements Linker.
func (c *Client) Links(ctx context.Context) ([]people.Link, error) {
	return task[[]people.Link](ctx, c, "/links", struct{}{}, Quiet)
}

// CreateLink implements Linker.
func (c *Client) CreateLink(ctx context.Context, o LinkOrder) (people.Link, error) {
	return task[people.Link](ctx, c, "/links/add", o, Quiet)
}

// OpenLink implements Linker.
func (c *Client) OpenLink(ctx context.Context, o OpenOrder) (string, error) {
	return task[string](ctx, c, "/links/open", o, Quiet)
}

// RevokeLink implements Linker.
func (c *Client) RevokeLink(ctx context.Context, id string) error {
	_, err := task[struct{}](ctx, c, "/links/end", id, Quiet)
	return err
}
